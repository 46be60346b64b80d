//! Opening, signing, and OpenSC's `pkcs11-tool`.

use std::process::{Command, Stdio};
use std::time::Duration;

use strongroom::fit::{SignRequest, VerifyRequest};
use strongroom::pkcs11::{Builder, Pkcs11};
use strongroom::provider::{KeyProvider, NewKey};
use strongroom::{Error, ErrorKind, KeyHandle, KeySpec, ProviderKeyId, SignAlg};

use super::own_process;
use super::shim::Shim;
use super::token::{self, Token};

/// How long a test may take in a process of its own.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

/// With module and label; the PIN is still to be given.
pub(crate) fn unpinned(token: &Token) -> Builder {
    Pkcs11::builder()
        .module(&token.module)
        .token_label(&token.label)
}

pub(crate) fn builder(token: &Token) -> Builder {
    unpinned(token).pin_value(token.pin.as_bytes())
}

pub(crate) fn open(token: &Token) -> Pkcs11 {
    builder(token).open().expect("the token opens")
}

/// Runs a test with SoftHSM behind the shim, in a process of its own: settings are the
/// process's. The token's module is the shim.
pub(crate) fn shimmed(settings: &[(&str, &str)], test: impl FnOnce(&Shim, &Token)) {
    // Built before the child's time runs.
    let path = Shim::build();
    own_process::run(LIMIT, move || {
        let Some(mut token) = Token::softhsm() else {
            return;
        };
        let shim = Shim::load(&path);
        shim.set("P11SHIM_MODULE", token.module.to_str().unwrap());
        for (name, value) in settings {
            shim.set(name, value);
        }
        token.module = shim.path().to_owned();
        test(&shim, &token);
    });
}

pub(crate) fn new_key(id: u8, spec: KeySpec) -> NewKey {
    NewKey::new(ProviderKeyId::from_bytes([id; 16]), spec).unwrap()
}

/// Signs, and checks the signature in software.
pub(crate) fn sign(hsm: &Pkcs11, key: &KeyHandle, alg: SignAlg) -> Result<(), Error> {
    let signature = hsm.sign(&SignRequest::for_message(key, alg, b"m").unwrap())?;
    let verify = VerifyRequest::for_message(key, alg, b"m", signature.as_bytes()).unwrap();
    strongroom::public::verify(&verify).expect("what is signed verifies");
    Ok(())
}

#[track_caller]
pub(crate) fn refusal<T>(result: Result<T, Error>) -> ErrorKind {
    match result {
        Err(error) => error.kind().clone(),
        Ok(_) => panic!("accepted"),
    }
}

#[track_caller]
pub(crate) fn assert_unavailable<T>(result: Result<T, Error>, wanted: &str) {
    match refusal(result) {
        ErrorKind::Unavailable { what } => assert_eq!(what, wanted),
        other => panic!("{other:?}"),
    }
}

/// What `pkcs11-tool` prints, or `None`, aloud, where it is not installed.
pub(crate) fn pkcs11_tool(token: &Token, args: &[&str]) -> Option<String> {
    let output = Command::new("pkcs11-tool")
        .arg("--module")
        .arg(&token.module)
        .args(args)
        .stdin(Stdio::null())
        .output();
    let Ok(output) = output else {
        token::skip("pkcs11-tool is not installed");
        return None;
    };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{args:?}: {said}");
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The same as the token's user.
pub(crate) fn logged_in(token: &Token, args: &[&str]) -> Option<String> {
    let login = [
        "--token-label",
        &token.label,
        "--login",
        "--pin",
        &token.pin,
    ];
    pkcs11_tool(token, &[&login[..], args].concat())
}

/// Makes a key as others do. `kind` is as `EC:prime256v1` or `AES:32`.
pub(crate) fn make(token: &Token, kind: &str, label: &str, id: Option<&str>) -> Option<()> {
    let command = if kind.starts_with("AES") {
        "--keygen"
    } else {
        "--keypairgen"
    };
    let mut args = vec![command, "--key-type", kind, "--label", label];
    args.extend(id.iter().flat_map(|id| ["--id", id]));
    logged_in(token, &args).map(drop)
}
