//! Known answers from known keys: what a round trip cannot show, because a backend that
//! is wrong in both directions agrees with itself.

use super::encryption::decrypt;
use super::keys::{Known, octets};
use super::signing::{sign, verifies_everywhere};
use super::subject::{Case, Subject, must};
use super::vectors::{CIPHERTEXTS, SIGNATURES, WRAPPINGS};
use super::wrapping::{unwrap, wrap};
use crate::alg::{Alg, KeySpec, Op, OpSet};
use crate::fit::{DecryptParams, EncryptParams, EncryptRequest};
use crate::handle::KeyHandle;

/// Signatures of others verify; where there is only one, it is the one that is made.
pub fn known_signatures(subject: &Subject) {
    for known in SIGNATURES {
        let Some(case) = import(subject, known.alg, known.key) else {
            continue;
        };
        let (message, signature) = (known.message.as_bytes(), octets(known.signature));
        verifies_everywhere(subject, &case, message, &signature);
        if known.fixed && subject.offers(Op::Sign, case.alg, case.spec()) {
            let made = sign(subject, &case, message);
            assert!(made == signature, "{case}: not the known signature");
        }
    }
}

/// Keys that others wrapped unwrap; where there is only one wrapping, it is the one that
/// is made.
pub fn known_wrappings(subject: &Subject) {
    for known in WRAPPINGS {
        let Some(case) = import(subject, known.alg, known.key) else {
            continue;
        };
        let (material, wrapped) = (octets(known.material), octets(known.wrapped));
        if subject.offers(Op::UnwrapKey, case.alg, case.spec()) {
            let back = must(
                "unwrap a known key",
                &case,
                unwrap(subject, &case, &wrapped),
            );
            assert!(back.expose() == material, "{case}: not the known key");
        }
        if known.fixed && subject.offers(Op::WrapKey, case.alg, case.spec()) {
            let made = must("wrap", &case, wrap(subject, &case, &material));
            assert!(made == wrapped, "{case}: not the known wrapping");
        }
    }
}

/// What others encrypted decrypts; CBC with a given IV gives the known ciphertext.
pub fn known_ciphertexts(subject: &Subject) {
    for known in CIPHERTEXTS {
        let Some(case) = import(subject, known.alg, known.key) else {
            continue;
        };
        let [plaintext, ciphertext] = [known.plaintext, known.ciphertext].map(octets);
        let [iv, tag, aad] = [known.iv, known.tag, known.aad].map(octets);
        if subject.offers(Op::Decrypt, case.alg, case.spec()) {
            let mut params = DecryptParams::none();
            params.iv = Some(&*iv).filter(|iv| !iv.is_empty());
            params.tag = Some(&*tag).filter(|tag| !tag.is_empty());
            params.aad = Some(&*aad).filter(|aad| !aad.is_empty());
            let result = decrypt(subject, &case, &ciphertext, params);
            let back = must("decrypt a known ciphertext", &case, result);
            assert!(
                back.expose() == plaintext,
                "{case}: not the known plaintext"
            );
        }
        let fixed = !iv.is_empty() && tag.is_empty();
        if fixed && subject.offers(Op::Encrypt, case.alg, case.spec()) {
            let params = EncryptParams::none().with_iv(&iv);
            let request = EncryptRequest::new(&case.key, case.alg, &plaintext, params);
            let request = must("a request to encrypt", &case, request);
            let made = must("encrypt", &case, subject.provider().encrypt(&request));
            assert!(
                made.as_bytes() == ciphertext,
                "{case}: not the known ciphertext"
            );
        }
    }
}

/// The known key, if the backend takes keys of its kind and can use it for something here.
fn import<A: Copy + Into<Alg>>(subject: &Subject, alg: A, known: Known) -> Option<Case<A>> {
    let jwk = must("a known key", alg.into(), known.jwk());
    let ops = match known {
        Known::Hmac(_) => OpSet::SIGN_VERIFY,
        _ => OpSet::SIX_VERBS,
    };
    let spec: KeySpec = must("a known key's kind", alg.into(), jwk.spec_for(Some(ops)));
    let ops = alg.into().ops();
    let usable = ops.iter().any(|op| subject.offers(*op, alg, spec));
    if !usable || !subject.provider().capabilities().can_import(spec) || subject.key(spec).is_err()
    {
        return None;
    }
    let key: KeyHandle = subject.import(&jwk, spec);
    Some(Case { alg, key })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::{EncryptAlg, SignAlg, WrapAlg};

    #[test]
    fn every_algorithm_has_a_known_answer() {
        for alg in SignAlg::ALL {
            assert!(SIGNATURES.iter().any(|known| known.alg == *alg), "{alg}");
        }
        for alg in WrapAlg::ALL {
            assert!(WRAPPINGS.iter().any(|known| known.alg == *alg), "{alg}");
        }
        for alg in EncryptAlg::ALL {
            assert!(CIPHERTEXTS.iter().any(|known| known.alg == *alg), "{alg}");
        }
    }

    #[test]
    fn every_known_key_is_one() {
        for known in SIGNATURES {
            let spec = known.key.jwk().unwrap().public().spec().unwrap();
            assert!(known.alg.fits(spec), "{} on {spec}", known.alg);
        }
        for spec in KeySpec::ALL {
            if let Some(known) = super::super::keys::rsa(*spec) {
                assert_eq!(known.jwk().unwrap().public().spec().unwrap(), *spec);
            }
        }
    }
}
