//! A SoftHSM token behind the module of `tests/shim`, and what the tests do with it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use strongroom::fit::{SignRequest, VerifyRequest};
use strongroom::pkcs11::{Builder, Pkcs11};
use strongroom::provider::NewKey;
use strongroom::{
    Curve, Error, ErrorKind, KeyHandle, KeyProvider, KeySpec, ProviderKeyId, SignAlg,
};

use crate::shim::{Shim, Stats};
use crate::token::Token;

/// For a test that waits for nothing.
pub(crate) const LIMIT: Duration = Duration::from_secs(120);

pub(crate) const P256: KeySpec = KeySpec::Ec(Curve::P256);
pub(crate) const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };
pub(crate) const HMAC: KeySpec = KeySpec::Hmac { bits: 256 };
pub(crate) const AES: KeySpec = KeySpec::Aes { bits: 256 };

pub(crate) struct Rig {
    pub(crate) shim: Shim,
    pub(crate) token: Token,
}

impl Rig {
    pub(crate) fn new() -> Option<Rig> {
        let token = Token::softhsm()?;
        let shim = Shim::load(&Shim::build());
        shim.set("P11SHIM_MODULE", token.module.to_str().unwrap());
        Some(Rig { shim, token })
    }

    pub(crate) fn builder(&self) -> Builder {
        Pkcs11::builder()
            .module(self.shim.path())
            .token_label(&self.token.label)
            .pin_value(self.token.pin.as_bytes())
    }

    pub(crate) fn open(&self) -> Pkcs11 {
        self.builder().open().expect("the token opens")
    }

    /// From here on counts are of what this plan meets.
    pub(crate) fn plan(&self, plan: &str) {
        self.shim.plan(plan);
        self.shim.reset();
    }

    /// Nothing happened that must never happen; the counts, for more.
    pub(crate) fn sound(&self, what: &str) -> Stats {
        let stats = self.shim.stats();
        assert_eq!(
            stats.overlaps(),
            0,
            "{what}: a session in two hands\n{stats}"
        );
        assert_eq!(
            stats.closed_use(),
            0,
            "{what}: a stranger's session\n{stats}"
        );
        assert_eq!(stats.pin_errors(), 0, "{what}: a wrong PIN\n{stats}");
        assert_eq!(
            stats.finalize_overlaps(),
            0,
            "{what}: calls inside\n{stats}"
        );
        stats
    }
}

pub(crate) fn fresh_id() -> ProviderKeyId {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    let mut id = [0x5a; 16];
    let next = NEXT.fetch_add(1, Ordering::Relaxed);
    id[..8].copy_from_slice(&next.to_be_bytes());
    id[8..12].copy_from_slice(&std::process::id().to_be_bytes());
    ProviderKeyId::from_bytes(id)
}

pub(crate) fn new_key(spec: KeySpec) -> NewKey {
    NewKey::new(fresh_id(), spec).unwrap()
}

pub(crate) fn generate(hsm: &Pkcs11, spec: KeySpec) -> KeyHandle {
    hsm.generate(&new_key(spec)).expect("a key is made")
}

/// Signs, and checks the signature outside the token; MACs are of the right length.
pub(crate) fn sign(hsm: &Pkcs11, key: &KeyHandle, alg: SignAlg) -> Result<(), Error> {
    let message = b"attack at dawn";
    let request = SignRequest::for_message(key, alg, message).unwrap();
    let signature = hsm.sign(&request)?;
    check(hsm, key, alg, message, signature.as_bytes());
    Ok(())
}

/// A wrong signature fails the test, whatever went wrong on the way to it. Checked with the
/// public half, which takes no call of the module; of a MAC the length alone.
pub(crate) fn check(hsm: &Pkcs11, key: &KeyHandle, alg: SignAlg, message: &[u8], signature: &[u8]) {
    if key.spec().is_symmetric() {
        assert_eq!(signature.len(), 32);
        return;
    }
    let verify = VerifyRequest::for_message(key, alg, message, signature).unwrap();
    let verified = hsm.verify(&verify);
    verified.expect("a signature that left the token is right");
}

pub(crate) fn es256(hsm: &Pkcs11, key: &KeyHandle) -> Result<(), Error> {
    sign(hsm, key, SignAlg::Es256)
}

pub(crate) fn is_unavailable(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Unavailable { .. })
}

pub(crate) fn kind<T>(result: Result<T, Error>) -> Option<ErrorKind> {
    result.err().map(|error| error.kind().clone())
}

/// Tries until it succeeds; failures on the way may only be of unavailability.
pub(crate) fn until<T>(what: &str, mut attempt: impl FnMut() -> Result<T, Error>) -> T {
    let start = Instant::now();
    loop {
        match attempt() {
            Ok(value) => return value,
            Err(error) => {
                assert!(is_unavailable(&error), "{what}: {error:?}");
                assert!(start.elapsed() < LIMIT / 2, "{what}: {error:?}");
                std::thread::sleep(Duration::from_millis(20));
            }
        }
    }
}
