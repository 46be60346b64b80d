//! RSA: each padding in the token, or where it has the raw operation alone, outside.

use std::sync::{Arc, LazyLock};

use cryptoki_sys::*;

use super::{MESSAGE, verifies, with_pair, works};
use crate::alg::{EncryptAlg, Hash, KeySpec, SignAlg};
use crate::error::Error;
use crate::fit::{EncryptParams, EncryptRequest};
use crate::handle::KeyHandle;
use crate::jwk::SecretJwk;
use crate::pkcs11::error::Trouble;
use crate::pkcs11::mechanism::{self, Mechanism};
use crate::pkcs11::offer::Offer;
use crate::pkcs11::token::Token;
use crate::provider::Place;
use crate::public;
use crate::public::padding::{oaep, pkcs1};

/// How many wrong paddings a token must take for right before it is believed.
const BADLY_PADDED: usize = 8;

/// The RSA key of RFC 7517 appendix A.2: public knowledge, protects nothing.
pub(super) static KNOWN_RSA: LazyLock<Option<SecretJwk>> =
    LazyLock::new(|| SecretJwk::from_json(include_bytes!("rfc7517-a2.json")).ok());

/// A kind of key that the known RSA key is of.
pub(super) const RSA: KeySpec = KeySpec::Rsa { bits: 2048 };

const SIGNATURES: [(SignAlg, Hash); 3] = [
    (SignAlg::Ps256, Hash::Sha256),
    (SignAlg::Ps384, Hash::Sha384),
    (SignAlg::Ps512, Hash::Sha512),
];

const OAEPS: [(EncryptAlg, Hash); 2] = [
    (EncryptAlg::RsaOaep, Hash::Sha1),
    (EncryptAlg::RsaOaep256, Hash::Sha256),
];

pub(super) fn probe(token: &Arc<Token>, offer: &mut Offer) -> Result<(), Error> {
    let known = KNOWN_RSA.as_ref();
    let imports = works(token, move |desk| {
        with_pair(desk, RSA, known, |_, _| Ok(true))
    })?;
    let known = known.filter(|_| imports);
    if imports {
        let sizes = KeySpec::ALL
            .iter()
            .filter(|spec| matches!(spec, KeySpec::Rsa { .. }));
        offer.import.extend(sizes);
    } else if !works(token, move |desk| {
        with_pair(desk, RSA, None, |_, _| Ok(true))
    })? {
        trust_the_list(offer);
        return Ok(());
    }
    let k = RSA.byte_len();
    // What the raw operation can do, for what the token itself cannot.
    let raw_sign = offer.lists(CKM_RSA_X_509)
        && works(token, move |desk| {
            with_pair(desk, RSA, known, |desk, key| {
                let digest = Hash::Sha256.hash(MESSAGE);
                let block = pkcs1::sign_encode(digest.as_digest(), k)?;
                let raw = Mechanism::Plain(CKM_RSA_X_509);
                let made = desk.raw_sign(key, raw, &block, k)?;
                verifies(&key.handle, SignAlg::Rs256, &made)
            })
        })?;
    let raw_decrypt = offer.lists(CKM_RSA_X_509)
        && works(token, move |desk| {
            with_pair(desk, RSA, known, |desk, key| {
                let sealed = sealed(&key.handle, EncryptAlg::RsaOaep256, MESSAGE)?;
                let raw = Mechanism::Plain(CKM_RSA_X_509);
                let block = desk.raw_decrypt(key, raw, &sealed, k)?;
                Ok(block.len() == k && oaep::decode(&block, Hash::Sha256)?.expose() == MESSAGE)
            })
        })?;
    let signs = offer.lists(CKM_RSA_PKCS)
        && works(token, move |desk| {
            with_pair(desk, RSA, known, |desk, key| {
                let info = pkcs1::digest_info(Hash::Sha256.hash(MESSAGE).as_digest());
                let pkcs1 = Mechanism::Plain(CKM_RSA_PKCS);
                let made = desk.raw_sign(key, pkcs1, &info, k)?;
                verifies(&key.handle, SignAlg::Rs256, &made)
            })
        })?;
    offer.pkcs1_sign = place(signs, raw_sign);
    for (alg, hash) in SIGNATURES {
        let inside = offer.lists(CKM_RSA_PKCS_PSS)
            && works(token, move |desk| {
                with_pair(desk, RSA, known, |desk, key| {
                    let digest = hash.hash(MESSAGE);
                    let (pss, digest) = (mechanism::pss(hash), digest.as_bytes());
                    let made = desk.raw_sign(key, pss, digest, k)?;
                    verifies(&key.handle, alg, &made)
                })
            })?;
        offer
            .pss
            .extend(place(inside, raw_sign).map(|place| (hash, place)));
    }
    for (alg, hash) in OAEPS {
        let inside = offer.lists(CKM_RSA_PKCS_OAEP)
            && works(token, move |desk| {
                with_pair(desk, RSA, known, |desk, key| {
                    let sealed = sealed(&key.handle, alg, MESSAGE)?;
                    let oaep = mechanism::oaep(hash);
                    let back = desk.raw_decrypt(key, oaep, &sealed, k)?;
                    Ok(back == MESSAGE)
                })
            })?;
        offer
            .oaep
            .extend(place(inside, raw_decrypt).map(|place| (hash, place)));
    }
    // Only from a token that does not tell bad padding from good: it gives some message for
    // whatever it is sent (Bleichenbacher 1998). An OAEP block is not PKCS #1 padded, but for one
    // in some 400 that looks so by chance: hence several.
    let rejects_implicitly = offer.lists(CKM_RSA_PKCS)
        && works(token, move |desk| {
            with_pair(desk, RSA, known, |desk, key| {
                let good = sealed(&key.handle, EncryptAlg::Rsa15, MESSAGE)?;
                let mut open = |sealed: &[u8]| {
                    let pkcs1 = Mechanism::Plain(CKM_RSA_PKCS);
                    desk.raw_decrypt(key, pkcs1, sealed, k)
                };
                if open(&good)? != MESSAGE {
                    return Ok(false);
                }
                for _ in 0..BADLY_PADDED {
                    let bad = sealed(&key.handle, EncryptAlg::RsaOaep, MESSAGE)?;
                    if open(&bad)? != open(&bad)? {
                        return Ok(false);
                    }
                }
                Ok(true)
            })
        })?;
    offer.rsa15 = place(rejects_implicitly, raw_decrypt);
    Ok(())
}

fn place(inside: bool, split: bool) -> Option<Place> {
    match (inside, split) {
        (true, _) => Some(Place::Inside),
        (false, true) => Some(Place::Split),
        (false, false) => None,
    }
}

/// A token on which no key can be had for trying: what it lists, and of OAEP the one hash that
/// every token has.
fn trust_the_list(offer: &mut Offer) {
    let flags =
        |offer: &Offer, mechanism| offer.mechanisms.get(&mechanism).map_or(0, |it| it.flags);
    let has = |offer: &Offer, mechanism, flag| flags(offer, mechanism) & flag != 0;
    let raw_sign = has(offer, CKM_RSA_X_509, CKF_SIGN);
    let raw_decrypt = has(offer, CKM_RSA_X_509, CKF_DECRYPT);
    let pss = has(offer, CKM_RSA_PKCS_PSS, CKF_SIGN);
    let oaep = has(offer, CKM_RSA_PKCS_OAEP, CKF_DECRYPT);
    offer.pkcs1_sign = place(has(offer, CKM_RSA_PKCS, CKF_SIGN), raw_sign);
    offer.rsa15 = place(false, raw_decrypt);
    for (_, hash) in SIGNATURES {
        offer
            .pss
            .extend(place(pss, raw_sign).map(|place| (hash, place)));
    }
    for (_, hash) in OAEPS {
        let inside = oaep && hash == Hash::Sha1;
        offer
            .oaep
            .extend(place(inside, raw_decrypt).map(|place| (hash, place)));
    }
}

/// Content, encrypted for a key.
pub(super) fn sealed(key: &KeyHandle, alg: EncryptAlg, content: &[u8]) -> Result<Vec<u8>, Trouble> {
    let request = EncryptRequest::new(key, alg, content, EncryptParams::none())?;
    Ok(public::encrypt(&request, &mut getrandom::SysRng)?.into_bytes())
}
