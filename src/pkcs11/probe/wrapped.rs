//! Whether keys can come and go in wrapped form, and how.

use std::sync::Arc;

use cryptoki_sys::*;

use super::oct::COUNTING;
use super::rsa::{KNOWN_RSA, RSA, sealed};
use super::{new_key, with_pair, works};
use crate::alg::{Curve, EncryptAlg, KeySpec};
use crate::error::Error;
use crate::jwk::{Jwk, PublicKey, SecretJwk};
use crate::pkcs11::byok::Transport;
use crate::pkcs11::error::Trouble;
use crate::pkcs11::mechanism::class_and_type;
use crate::pkcs11::offer::Offer;
use crate::pkcs11::raw::{Attribute, Object, Value};
use crate::pkcs11::template::{NewTemplates, readable};
use crate::pkcs11::token::{Desk, Token};

/// Keys of each type, wrapped under [`COUNTING`] (RFC 5649): the known RSA key, the P-256 key
/// whose bytes are all 1, and 32 bytes that are all 1.
const TARGETS: [(KeySpec, &[u8]); 4] = [
    (RSA, include_bytes!("rfc7517-a2.kwp")),
    (KeySpec::Ec(Curve::P256), include_bytes!("p256-ones.kwp")),
    (KeySpec::Aes { bits: 256 }, include_bytes!("ones.kwp")),
    (KeySpec::Hmac { bits: 256 }, include_bytes!("ones.kwp")),
];

/// No multiple of 8 bytes: some tokens fill up with zeros before they wrap.
const SECRET: &[u8] = b"strongroom probes it";

/// Keys of known value, encrypted to a key of the token as the service does it.
pub(super) fn wrapped(token: &Arc<Token>, offer: &mut Offer) -> Result<(), Error> {
    let known = KNOWN_RSA.as_ref().filter(|_| offer.import.contains(&RSA));
    let ways = ways(offer);
    for (spec, target) in TARGETS {
        for way in &ways {
            let way = *way;
            let right = works(token, move |desk| {
                with_pair(desk, RSA, known, |desk, kek| {
                    let blob = [
                        &sealed(&kek.handle, EncryptAlg::RsaOaep, &COUNTING)?,
                        target,
                    ]
                    .concat();
                    let new = new_key(spec)?;
                    let templates = NewTemplates::new(&new, false)?;
                    let template = templates.typed();
                    let object =
                        desk.unwrap_object(way, kek.object, RSA.byte_len(), &blob, &template)?;
                    desk.destroying(object, |desk| is_right(desk, spec, object))
                })
            })?;
            if right {
                let (_, kind) = class_and_type(spec);
                offer.wrapped_in.insert(kind, way);
                break;
            }
        }
    }
    // What goes out is only known to be right by what comes back in.
    let Some(inward) = offer.wrapped_in.values().next().copied() else {
        return Ok(());
    };
    for way in ways {
        let right = works(token, move |desk| {
            with_pair(desk, RSA, known, |desk, kek| {
                let Some(PublicKey::Rsa(public)) = kek.handle.public().map(Jwk::key) else {
                    return Ok(false);
                };
                let back = readable();
                let template = [&back[..], &[Attribute(CKA_VALUE, Value::Bytes(SECRET))]].concat();
                let blob = desk.with_object(&template, |desk, secret| {
                    desk.wrap_object(way, public, secret)
                })?;
                let object =
                    desk.unwrap_object(inward, kek.object, RSA.byte_len(), &blob, &back)?;
                let value = desk.destroying(object, |desk| desk.attribute(object, CKA_VALUE))?;
                Ok(value.as_deref() == Some(SECRET))
            })
        })?;
        if right {
            offer.wrapped_out = Some(way);
            break;
        }
    }
    Ok(())
}

/// What may do it, by the token's list.
fn ways(offer: &Offer) -> Vec<Transport> {
    let mut ways = Vec::new();
    if offer.lists(CKM_RSA_AES_KEY_WRAP) {
        ways.push(Transport::Whole);
    }
    if offer.lists(CKM_RSA_PKCS_OAEP) {
        let padded = [CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD];
        let padded = padded.into_iter().filter(|it| offer.lists(*it));
        ways.extend(padded.map(Transport::Steps));
    }
    ways
}

/// Whether it is the key that was wrapped, as far as it shows. A key whose size the token does
/// not tell could not be found again, and is not wanted.
fn is_right(desk: &mut Desk<'_>, spec: KeySpec, object: Object) -> Result<bool, Trouble> {
    let (class, _) = class_and_type(spec);
    if desk.spec_of(class, object)? != Some(spec) {
        return Ok(false);
    }
    let known = match spec {
        KeySpec::Ec(curve) => {
            let known = SecretJwk::from_ec_scalar(curve, &vec![1; curve.field_len()])?;
            let point = desk.recover_point(curve, object)?;
            return Ok(*known.public().key() == PublicKey::Ec(point));
        }
        KeySpec::Rsa { .. } => KNOWN_RSA.as_ref(),
        _ => return Ok(true),
    };
    let locator = crate::pkcs11::object::Locator::Id(Vec::new());
    let public = desk.public_of(spec, object, &locator)?;
    Ok(public.as_ref().map(Jwk::key) == known.map(|key| key.public().key()))
}

#[cfg(test)]
mod tests {
    use aes_kw::KwpAes256;
    use aes_kw::cipher::KeyInit;

    use super::*;

    /// What each target is without the wrapping.
    fn expected(spec: KeySpec) -> Vec<u8> {
        let key = match spec {
            KeySpec::Rsa { .. } => KNOWN_RSA.as_ref().unwrap().duplicate(),
            KeySpec::Ec(curve) => SecretJwk::from_ec_scalar(curve, &[1; 32]).unwrap(),
            _ => return vec![1; 32],
        };
        key.to_pkcs8_der_exposing_secret()
            .unwrap()
            .expose()
            .to_vec()
    }

    #[test]
    fn the_targets_are_what_they_are_said_to_be() {
        let kek = KwpAes256::new(&COUNTING.into());
        for (spec, target) in TARGETS {
            let mut buffer = vec![0; target.len()];
            let opened = kek.unwrap_key(target, &mut buffer).unwrap();
            assert_eq!(opened, expected(spec), "{spec:?}");
        }
    }
}
