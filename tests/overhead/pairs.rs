//! The same work twice: through the vault, and by a call of its provider.
//!
//! Both sides make the request and return what a caller needs, as owned bytes; keys and
//! provider are the same. So what the vault does more is the difference: it reads the key's
//! record, asks the policy, tells the audit sink and names the version in the result.

use std::sync::Arc;

use strongroom::fit::{EncryptRequest, SignRequest};
use strongroom::jwk::SecretJwk;
use strongroom::provider::NewKey;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{Key, KeyOptions, NoAudit, Vault};
use strongroom::{
    Curve, EncryptAlg, EncryptParams, KeyHandle, KeyProvider, Op, OpSet, ProviderKeyId, SignAlg,
};

const SECRET: [u8; 32] = *b"a key that is known to everyone!";
const MESSAGE: &[u8] = b"header.payload, as long as a small token's signing input is";

/// Keys for both sides.
pub(crate) struct Pairs {
    /// As the vault has it: behind the trait.
    provider: Arc<dyn KeyProvider>,
    es256: (KeyHandle, Key),
    hs256: (KeyHandle, Key),
    gcm: (KeyHandle, Key),
    plaintext: Vec<u8>,
}

impl Pairs {
    /// What is measured.
    pub(crate) const NAMES: [&'static str; 4] =
        ["ES256 sign", "HS256 sign", "A256GCM 16 B", "A256GCM 1 KiB"];

    pub(crate) fn new() -> Self {
        let provider: Arc<dyn KeyProvider> = Arc::new(Software::ephemeral().expect("random bytes"));
        let vault = Vault::builder()
            .provider(Arc::clone(&provider))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
            .build()
            .expect("a vault");
        let import = |name, id, jwk: SecretJwk, ops: &[Op]| {
            let ops = OpSet::from_iter(ops.iter().copied());
            let spec = jwk.spec_for(Some(ops)).expect("a key with a use");
            let new = NewKey::new(ProviderKeyId::from_bytes([id; 16]), spec);
            let new = new.expect("a kind that is made");
            let handle = provider.import(&jwk, &new).expect("a good key");
            let options = KeyOptions::new().ops(ops);
            let key = vault.import(name, &jwk, &options).expect("a good key");
            (handle, key)
        };
        let ec = SecretJwk::from_ec_scalar(Curve::P256, &SECRET).expect("in range");
        let oct = || SecretJwk::from_oct(&SECRET).expect("32 bytes");
        let es256 = import("ec", 1, ec, &[Op::Sign, Op::Verify]);
        let hs256 = import("mac", 2, oct(), &[Op::Sign, Op::Verify]);
        let gcm = import("aes", 3, oct(), &[Op::Encrypt, Op::Decrypt]);
        Pairs {
            provider,
            es256,
            hs256,
            gcm,
            plaintext: vec![7; 1024],
        }
    }

    pub(crate) fn direct(&self, name: &str) -> Vec<u8> {
        match self.work(name) {
            Work::Sign((handle, _), alg) => {
                let request = SignRequest::for_message(handle, alg, MESSAGE).expect("it fits");
                let signature = self.provider.sign(&request);
                signature.expect("it signs").into_bytes()
            }
            Work::Encrypt((handle, _), plaintext) => {
                let (alg, params) = (EncryptAlg::A256Gcm, EncryptParams::none());
                let request = EncryptRequest::new(handle, alg, plaintext, params);
                let sealed = self.provider.encrypt(&request.expect("it fits"));
                sealed.expect("it encrypts").into_bytes()
            }
        }
    }

    pub(crate) fn vault(&self, name: &str) -> Vec<u8> {
        match self.work(name) {
            Work::Sign((_, key), alg) => {
                let signature = key.sign(alg, MESSAGE);
                signature.expect("it signs").value.into_bytes()
            }
            Work::Encrypt((_, key), plaintext) => {
                let params = EncryptParams::none();
                let sealed = key.encrypt(EncryptAlg::A256Gcm, plaintext, params);
                sealed.expect("it encrypts").value.into_bytes()
            }
        }
    }

    fn work(&self, name: &str) -> Work<'_> {
        match name {
            "ES256 sign" => Work::Sign(&self.es256, SignAlg::Es256),
            "HS256 sign" => Work::Sign(&self.hs256, SignAlg::Hs256),
            "A256GCM 16 B" => Work::Encrypt(&self.gcm, &self.plaintext[..16]),
            "A256GCM 1 KiB" => Work::Encrypt(&self.gcm, &self.plaintext),
            _ => panic!("no such pair: {name}"),
        }
    }
}

/// A row: with which keys, and what.
enum Work<'a> {
    Sign(&'a (KeyHandle, Key), SignAlg),
    Encrypt(&'a (KeyHandle, Key), &'a [u8]),
}
