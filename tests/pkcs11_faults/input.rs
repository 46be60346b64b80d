//! Bad input in a token that is well: nobody else notices.

use std::sync::atomic::{AtomicBool, Ordering};

use strongroom::fit::{DecryptRequest, EncryptRequest, UnwrapRequest, WrapRequest};
use strongroom::pkcs11::Pkcs11;
use strongroom::{
    DecryptParams, EncryptAlg, EncryptParams, Error, ErrorKind, KeyHandle, KeyProvider, Op,
    SecretBytes, WrapAlg,
};

use crate::own_process;
use crate::rig::{AES, LIMIT, P256, RSA, Rig, es256, generate, kind};

/// Something encrypted, and how.
#[derive(Clone)]
pub(crate) struct Sample {
    key: KeyHandle,
    how: How,
    bytes: Vec<u8>,
    iv: Option<Vec<u8>>,
    tag: Option<Vec<u8>>,
}

#[derive(Clone, Copy, Debug)]
enum How {
    Encrypt(EncryptAlg),
    Wrap(WrapAlg),
}

const SECRET: &[u8] = b"a secret of 32 bytes, no less...";

impl Sample {
    pub(crate) fn gcm(hsm: &Pkcs11, key: &KeyHandle) -> Sample {
        Sample::encrypted(hsm, key, EncryptAlg::A256Gcm)
    }

    fn encrypted(hsm: &Pkcs11, key: &KeyHandle, alg: EncryptAlg) -> Sample {
        let iv = [9; 16];
        let params = match alg {
            EncryptAlg::A256CbcPad => EncryptParams::none().with_iv(&iv),
            _ => EncryptParams::none(),
        };
        let request = EncryptRequest::new(key, alg, SECRET, params).unwrap();
        let made = hsm.encrypt(&request).unwrap();
        Sample {
            key: key.clone(),
            how: How::Encrypt(alg),
            bytes: made.as_bytes().to_vec(),
            iv: made.iv().map(<[u8]>::to_vec),
            tag: made.tag().map(<[u8]>::to_vec),
        }
    }

    fn wrapped(hsm: &Pkcs11, key: &KeyHandle, alg: WrapAlg) -> Sample {
        let request = WrapRequest::new(key, alg, SECRET).unwrap();
        Sample {
            key: key.clone(),
            how: How::Wrap(alg),
            bytes: hsm.wrap_key(&request).unwrap(),
            iv: None,
            tag: None,
        }
    }

    /// With a bit flipped where every scheme notices: RSA anywhere but in the first byte,
    /// CBC in the block before the padding's.
    pub(crate) fn tampered(mut self) -> Sample {
        let place = match self.how {
            How::Encrypt(EncryptAlg::A256CbcPad) => self.bytes.len() - 17,
            _ => self.bytes.len() - 1,
        };
        self.bytes[place] ^= 0x80;
        self
    }
}

pub(crate) fn decrypt(hsm: &Pkcs11, sample: &Sample) -> Result<SecretBytes, Error> {
    match sample.how {
        How::Encrypt(alg) => {
            let mut params = DecryptParams::none();
            if let Some(iv) = &sample.iv {
                params = params.with_iv(iv);
            }
            if let Some(tag) = &sample.tag {
                params = params.with_tag(tag);
            }
            hsm.decrypt(&DecryptRequest::new(&sample.key, alg, &sample.bytes, params).unwrap())
        }
        How::Wrap(alg) => {
            hsm.unwrap_key(&UnwrapRequest::new(&sample.key, alg, &sample.bytes).unwrap())
        }
    }
}

fn samples(hsm: &Pkcs11) -> Vec<Sample> {
    let (rsa, aes) = (generate(hsm, RSA), generate(hsm, AES));
    let offers = |op, alg: strongroom::alg::Alg, key: &KeyHandle| {
        hsm.capabilities().supports(op, alg, key.spec()).is_some()
    };
    let mut samples = Vec::new();
    for (key, algs) in [
        (&rsa, &[EncryptAlg::RsaOaep, EncryptAlg::RsaOaep256][..]),
        (&aes, &[EncryptAlg::A256Gcm, EncryptAlg::A256CbcPad]),
    ] {
        for alg in algs {
            if offers(Op::Decrypt, (*alg).into(), key) {
                samples.push(Sample::encrypted(hsm, key, *alg));
            }
        }
    }
    for (key, alg) in [(&aes, WrapAlg::A256Kw), (&rsa, WrapAlg::RsaOaep)] {
        if offers(Op::UnwrapKey, alg.into(), key) {
            samples.push(Sample::wrapped(hsm, key, alg));
        }
    }
    assert!(samples.len() >= 5, "of {}", samples.len());
    samples
}

#[test]
fn a_tampered_ciphertext_is_tried_once_and_resets_nothing() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        for sample in samples(&hsm) {
            let opened = decrypt(&hsm, &sample).unwrap();
            assert_eq!(opened.expose(), SECRET, "{:?}", sample.how);
            let bad = sample.clone().tampered();
            rig.plan("");
            let failed = kind(decrypt(&hsm, &bad));
            assert_eq!(failed, Some(ErrorKind::DecryptFailed), "{:?}", sample.how);
            let stats = rig.sound("tampered");
            let tries = stats.calls("C_Decrypt") + stats.calls("C_UnwrapKey");
            assert_eq!(tries, 1, "{:?}\n{stats}", sample.how);
            assert_eq!((stats.finalizes(), stats.logins()), (0, 0), "{stats}");
            decrypt(&hsm, &sample).unwrap();
        }
    });
}

/// Whatever code a module has for it.
#[test]
fn no_code_for_bad_input_resets_anything() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, AES);
        let sample = Sample::gcm(&hsm, &key);
        for code in [
            "CKR_GENERAL_ERROR",
            "CKR_DEVICE_ERROR",
            "CKR_FUNCTION_FAILED",
            "CKR_ARGUMENTS_BAD",
            "CKR_HOST_MEMORY",
            "CKR_ENCRYPTED_DATA_INVALID",
            "0xce534352",
        ] {
            rig.plan(&format!("C_Decrypt={code}"));
            let failed = kind(decrypt(&hsm, &sample));
            assert_eq!(failed, Some(ErrorKind::DecryptFailed), "{code}");
            let stats = rig.sound(code);
            assert_eq!(stats.calls("C_Decrypt"), 1, "{code}\n{stats}");
            assert_eq!((stats.finalizes(), stats.logins()), (0, 0), "{stats}");
        }
    });
}

#[test]
fn a_thousand_tampered_ciphertexts_disturb_nobody() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(8).open().unwrap();
        let key = generate(&hsm, P256);
        let bad: Vec<_> = samples(&hsm).into_iter().map(Sample::tampered).collect();
        es256(&hsm, &key).unwrap();
        rig.plan("");
        let (done, attackers) = (AtomicBool::new(false), 4);
        std::thread::scope(|scope| {
            let signer = scope.spawn(|| {
                let mut count = 0_u64;
                while !done.load(Ordering::Relaxed) {
                    es256(&hsm, &key).unwrap();
                    count += 1;
                }
                count
            });
            let attacks = (0..attackers).map(|_| {
                scope.spawn(|| {
                    for sample in bad.iter().cycle().take(250) {
                        let failed = kind(decrypt(&hsm, sample));
                        assert_eq!(failed, Some(ErrorKind::DecryptFailed));
                    }
                })
            });
            let attacks: Vec<_> = attacks.collect();
            let attacks: Vec<_> = attacks.into_iter().map(|attack| attack.join()).collect();
            done.store(true, Ordering::Relaxed);
            let count = signer.join().unwrap();
            assert!(attacks.iter().all(Result::is_ok));
            let stats = rig.sound("a thousand");
            // The signer met no fault: each signature took one attempt.
            assert_eq!(stats.calls("C_Sign"), count, "{stats}");
            assert_eq!((stats.finalizes(), stats.logins()), (0, 0), "{stats}");
            assert!(stats.open_sessions() <= 9, "{stats}");
        });
    });
}
