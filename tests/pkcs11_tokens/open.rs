//! Ways to open a token, and ways to fail.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

use strongroom::pkcs11::{PinSource, Pkcs11};
use strongroom::provider::KeyProvider;
use strongroom::{Curve, ErrorKind, KeySpec, Rule, SecretBytes, SignAlg};

use super::own_process;
use super::support::{
    LIMIT, assert_unavailable, builder, new_key, open, pkcs11_tool, refusal, sign, unpinned,
};
use super::token::{self, Token};

const P256: KeySpec = KeySpec::Ec(Curve::P256);

fn invalid(field: &'static str, rule: Rule) -> ErrorKind {
    ErrorKind::Invalid { field, rule }
}

#[test]
fn what_is_no_module_is_refused() {
    let open = |path: &Path| Pkcs11::builder().module(path).token_label("dev").open();
    let text = Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md");
    let missing = Path::new("/nonexistent/module.so");
    for path in [missing, &text, Path::new("/"), &libc()] {
        for _ in 0..2 {
            assert_unavailable(open(path), "PKCS #11 module");
        }
    }
    let named = |uri: &str| refusal(Pkcs11::open(uri));
    let unknown = invalid("module-name", Rule::UnknownName);
    assert_eq!(named("pkcs11:token=dev?module-name=no-such"), unknown);
    assert_eq!(named("pkcs11:token=dev"), invalid("module", Rule::Missing));
}

/// A library without `C_GetFunctionList`, which this process has loaded.
fn libc() -> PathBuf {
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let mut paths = maps
        .lines()
        .filter_map(|line| line.split_whitespace().nth(5));
    let libc = paths.find(|path| path.contains("/libc.so") || path.contains("/libc-"));
    libc.expect("the C library").into()
}

#[test]
fn numbers_out_of_range_are_refused() {
    let builder = || Pkcs11::builder().module("/m").token_label("dev");
    let second = std::time::Duration::from_secs(1);
    for (builder, field) in [
        (builder().sessions(0), "sessions"),
        (builder().sessions(1025), "sessions"),
        (
            builder().call_deadline(std::time::Duration::ZERO),
            "call deadline",
        ),
        (builder().call_deadline(3601 * second), "call deadline"),
        (builder().session_wait(3601 * second), "session wait"),
    ] {
        let refused = refusal(builder.open());
        assert_eq!(refused, invalid(field, Rule::OutOfRange));
    }
    let refused = refusal(Pkcs11::builder().module("/m").open());
    assert_eq!(refused, invalid("token", Rule::Missing));
}

/// By label, serial number, model and manufacturer, alone and together.
#[test]
fn a_token_is_chosen_by_what_it_says_of_itself() {
    own_process::run(LIMIT, || {
        let Some((token, other)) = Token::softhsm().zip(Token::softhsm()) else {
            return;
        };
        // Two with one label.
        for _ in 0..2 {
            let done = Command::new("softhsm2-util")
                .arg("--module")
                .arg(&token.module)
                .args(["--init-token", "--free", "--label", "twins"])
                .args(["--so-pin", "12345678", "--pin", "1234"])
                .output();
            assert!(done.expect("softhsm2-util").status.success());
        }
        let Some(slots) = pkcs11_tool(&token, &["--list-token-slots"]) else {
            return;
        };
        let serials = |label: &str| -> Vec<String> {
            let slots = slots.split("Slot ").filter(|slot| {
                let labels = slot.lines().filter(|line| line.contains("token label"));
                labels
                    .into_iter()
                    .any(|line| line.ends_with(&format!(": {label}")))
            });
            let serial = |slot: &str| {
                let mut lines = slot.lines().filter(|line| line.contains("serial num"));
                lines.next()?.split_once(": ").map(|(_, it)| it.to_owned())
            };
            slots.filter_map(serial).collect()
        };
        let all = || Pkcs11::builder().module(&token.module).pin_value(b"1234");

        assert_eq!(
            refusal(all().token_label("twins").open()),
            invalid("token", Rule::Inconsistent)
        );
        let twins = serials("twins");
        assert_eq!(twins.len(), 2);
        for serial in &twins {
            all().token_serial(serial).open().unwrap();
            all()
                .token_label("twins")
                .token_serial(serial)
                .open()
                .unwrap();
            assert_unavailable(
                all().token_label(&token.label).token_serial(serial).open(),
                "token",
            );
        }
        // All have the same model.
        assert_eq!(
            refusal(all().token_model("SoftHSM v2").open()),
            invalid("token", Rule::Inconsistent)
        );
        let labelled = || all().token_label(&token.label);
        labelled().token_model("SoftHSM v2").open().unwrap();
        // Blanks at the end are the standard's filling.
        labelled()
            .token_manufacturer("SoftHSM project   ")
            .open()
            .unwrap();
        assert_unavailable(labelled().token_model("SoftHSM v3").open(), "token");
        assert_unavailable(
            labelled().token_manufacturer("softhsm project").open(),
            "token",
        );
        assert_unavailable(all().token_label("no such").open(), "token");

        // The same in a URI, with the PIN in it and in a file.
        let module = token.module.to_str().unwrap();
        let (label, serial) = (&token.label, &serials(&token.label)[0]);
        let pin = token::directory().join("pin");
        fs::write(&pin, "1234\n").unwrap();
        let pin = pin.to_str().unwrap();
        let mut uris = vec![
            token.uri.clone(),
            format!("pkcs11:token={label}?module-path={module}&pin-source=file:{pin}"),
            format!("pkcs11:serial={serial}?module-path={module}&pin-source={pin}"),
            format!(
                "PKCS11:serial={serial};token={label};model=SoftHSM%20v2\
                     ?module-path={module}&pin-value=%31234"
            ),
            format!(
                "pkcs11:token={label};manufacturer=SoftHSM%20project;slot-id=99;object=x\
                     ?module-path={module}&pin-value=1234&x-vendor=1"
            ),
        ];
        if token.module.starts_with("/usr/lib/softhsm") {
            for name in ["softhsm2", "libsofthsm2", "SoftHSM2"] {
                uris.push(format!(
                    "pkcs11:token={label}?module-name={name}&pin-value=1234"
                ));
            }
        }
        let key = open(&token).generate(&new_key(1, P256)).unwrap();
        for uri in &uris {
            let hsm = Pkcs11::open(uri).unwrap_or_else(|error| panic!("{uri}: {error:?}"));
            sign(&hsm, &key, SignAlg::Es256).unwrap();
            assert!(!format!("{hsm:?} {hsm:#?}").contains("1234"), "{hsm:?}");
        }
        for (attributes, expected) in [
            ("token=no-such", None),
            ("token=twins", Some(invalid("token", Rule::Inconsistent))),
        ] {
            let uri = format!("pkcs11:{attributes}?module-path={module}&pin-value=1234");
            match expected {
                Some(kind) => assert_eq!(refusal(Pkcs11::open(&uri)), kind),
                None => assert_unavailable(Pkcs11::open(&uri), "token"),
            }
        }
        drop(other);
    });
}

#[test]
fn the_pin_comes_from_where_it_was_said() {
    const VARIABLE: &str = "STRONGROOM_TEST_PIN";
    let test = || {
        let Some(token) = Token::softhsm() else {
            return;
        };
        let with = |source| unpinned(&token).pin(source).open();
        let file = token::directory().join("pin");
        fs::write(&file, &token.pin).unwrap();
        let pin = token.pin.clone();
        let callback = move || Ok(SecretBytes::copy_of(pin.as_bytes()));
        let mut key = None;
        for source in [
            PinSource::file(&file),
            PinSource::environment(VARIABLE),
            PinSource::value(token.pin.as_bytes()),
            PinSource::callback(callback),
        ] {
            // Each logs in: the one before it has left.
            let hsm = with(source).unwrap();
            let make = || hsm.generate(&new_key(1, P256)).unwrap();
            sign(&hsm, key.get_or_insert_with(make), SignAlg::Es256).unwrap();
        }
        let wrong = PinSource::value(b"not this");
        assert_eq!(refusal(with(wrong)), ErrorKind::LoginRefused);
        assert_unavailable(with(PinSource::file("/nonexistent/pin")), "pin file");
        let unset = PinSource::environment("STRONGROOM_TEST_NO_SUCH_PIN");
        assert_eq!(refusal(with(unset)), invalid("pin", Rule::Missing));
        let empty = PinSource::value(b"");
        assert_eq!(refusal(with(empty)), invalid("pin", Rule::Missing));
        let fails = PinSource::callback(|| Err(ErrorKind::Unavailable { what: "person" }.into()));
        assert_unavailable(with(fails), "person");
    };
    if let Some(outcome) = own_process::attempt_with(&[(VARIABLE, "1234")], LIMIT, test) {
        assert_eq!(outcome.result, Ok(()), "{}", outcome.output);
    }
}

/// Without a PIN there is no login, and a token that wants one has no private keys.
#[test]
fn a_token_without_its_pin_keeps_its_keys_to_itself() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::softhsm() else {
            return;
        };
        let key = open(&token).generate(&new_key(1, P256)).unwrap();
        match unpinned(&token).open() {
            Ok(hsm) => {
                let signed = sign(&hsm, &key, SignAlg::Es256);
                assert!(signed.is_err());
                assert_eq!(hsm.keys().unwrap().len(), 0);
            }
            Err(error) => panic!("{error:?}"),
        }
    });
}

/// Two at once share the login, and neither takes it from the other.
#[test]
fn two_providers_share_a_token() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::softhsm() else {
            return;
        };
        let (one, two) = (open(&token), builder(&token).id("two").open().unwrap());
        let key = one.generate(&new_key(1, P256)).unwrap();
        let seen = two.find(&key.id()).unwrap().expect("the same token");
        sign(&one, &key, SignAlg::Es256).unwrap();
        sign(&two, &seen, SignAlg::Es256).unwrap();
        // A handle is its provider's.
        let strange = refusal(sign(&two, &key, SignAlg::Es256));
        assert_eq!(strange, ErrorKind::NotFound);
        drop(one);
        sign(&two, &seen, SignAlg::Es256).unwrap();
        two.generate(&new_key(2, P256)).unwrap();
        let three = open(&token);
        sign(&three, &key, SignAlg::Es256).unwrap();
        drop((two, three));
        // The last one has logged out: a wrong PIN is noticed again.
        let wrong = unpinned(&token).pin_value(b"wrong").open();
        assert_eq!(refusal(wrong), ErrorKind::LoginRefused);
        sign(&open(&token), &key, SignAlg::Es256).unwrap();
    });
}

#[test]
fn the_init_string_is_one_for_all() {
    let Some(token) = Token::softhsm() else {
        return;
    };
    let hsm = open(&token);
    let other = builder(&token).init_string("configdir=/").open();
    assert_eq!(refusal(other), invalid("init string", Rule::Inconsistent));
    hsm.generate(&new_key(1, P256)).unwrap();
}

#[test]
fn nss_wants_its_init_string() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else {
            return;
        };
        assert_unavailable(builder(&token).open(), "PKCS #11 module");
        let nul = builder(&token).init_string("configdir='\0'").open();
        assert_unavailable(nul, "PKCS #11 module");
        // That it failed has not used it up.
        let init = token.init.as_deref().expect("softokn wants a string");
        builder(&token).init_string(init).open().unwrap();
    });
}
