//! The same work twice: through the vault, and by the primitive alone.
//!
//! Both sides return what a caller needs, as owned bytes. Where randomness is part of
//! the primitive (the nonce's hedge, GCM's IV), both draw it from the system.

use std::sync::Arc;

use aes_gcm::aead::AeadInOut;
use aes_gcm::aead::inout::InOutBuf;
use aes_gcm::{Aes256Gcm, KeyInit as _};
use getrandom::SysRng;
use hmac::{Hmac, Mac};
use p256::ecdsa::signature::hazmat::RandomizedPrehashSigner;
use p256::ecdsa::{Signature, SigningKey};
use sha2::{Digest as _, Sha256};
use strongroom::jwk::SecretJwk;
use strongroom::software::Software;
use strongroom::store::MemoryStore;
use strongroom::vault::{Key, KeyOptions, NoAudit, Vault};
use strongroom::{Curve, EncryptAlg, EncryptParams, Op, OpSet, SignAlg};

const SECRET: [u8; 32] = *b"a key that is known to everyone!";
const MESSAGE: &[u8] = b"header.payload, as long as a small token's signing input is";

/// Keys for both sides.
pub(crate) struct Pairs {
    es256: (SigningKey, Key),
    hs256: (Hmac<Sha256>, Key),
    gcm: (Aes256Gcm, Key),
    plaintext: Vec<u8>,
}

impl Pairs {
    /// What is measured.
    pub(crate) const NAMES: [&'static str; 4] =
        ["ES256 sign", "HS256 sign", "A256GCM 16 B", "A256GCM 1 KiB"];

    pub(crate) fn new() -> Self {
        let vault = Vault::builder()
            .provider(Arc::new(Software::ephemeral().expect("random bytes")))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
            .build()
            .expect("a vault");
        let import = |name, jwk: SecretJwk, ops: &[Op]| {
            let options = KeyOptions::new().ops(OpSet::from_iter(ops.iter().copied()));
            vault.import(name, &jwk, &options).expect("a good key")
        };
        let ec = SecretJwk::from_ec_scalar(Curve::P256, &SECRET).expect("in range");
        let oct = || SecretJwk::from_oct(&SECRET).expect("32 bytes");
        Pairs {
            es256: (
                SigningKey::from_slice(&SECRET).expect("in range"),
                import("ec", ec, &[Op::Sign, Op::Verify]),
            ),
            hs256: (
                Hmac::new_from_slice(&SECRET).expect("any length"),
                import("mac", oct(), &[Op::Sign, Op::Verify]),
            ),
            gcm: (
                Aes256Gcm::new((&SECRET).into()),
                import("aes", oct(), &[Op::Encrypt, Op::Decrypt]),
            ),
            plaintext: vec![7; 1024],
        }
    }

    pub(crate) fn direct(&self, name: &str) -> Vec<u8> {
        match name {
            "ES256 sign" => {
                let digest = Sha256::digest(MESSAGE);
                let signature: Signature = self
                    .es256
                    .0
                    .sign_prehash_with_rng(&mut SysRng, &digest)
                    .expect("random bytes");
                signature.to_bytes().to_vec()
            }
            "HS256 sign" => {
                let mac = self.hs256.0.clone().chain_update(MESSAGE);
                mac.finalize().into_bytes().to_vec()
            }
            _ => {
                let plaintext = &self.plaintext[..len(name)];
                let mut iv = [0; 12];
                getrandom::fill(&mut iv).expect("random bytes");
                let mut out = vec![0; plaintext.len()];
                let buffer = InOutBuf::new(plaintext, &mut out).expect("as long");
                let tag = self
                    .gcm
                    .0
                    .encrypt_inout_detached((&iv).into(), &[], buffer)
                    .expect("short");
                assert_eq!(tag.len(), 16);
                out
            }
        }
    }

    pub(crate) fn vault(&self, name: &str) -> Vec<u8> {
        match name {
            "ES256 sign" => {
                let signature = self.es256.1.sign(SignAlg::Es256, MESSAGE);
                signature.expect("it signs").value.into_bytes()
            }
            "HS256 sign" => {
                let signature = self.hs256.1.sign(SignAlg::Hs256, MESSAGE);
                signature.expect("it signs").value.into_bytes()
            }
            _ => {
                let plaintext = &self.plaintext[..len(name)];
                let params = EncryptParams::none();
                let sealed = self.gcm.1.encrypt(EncryptAlg::A256Gcm, plaintext, params);
                sealed.expect("it encrypts").value.into_bytes()
            }
        }
    }
}

fn len(name: &str) -> usize {
    match name {
        "A256GCM 16 B" => 16,
        "A256GCM 1 KiB" => 1024,
        _ => panic!("no such pair: {name}"),
    }
}
