//! Secret keys: AES and its modes, key wrap, HMAC.

use std::sync::Arc;

use cryptoki_sys::*;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha256, Sha384, Sha512};

use super::{MESSAGE, attempt, new_key, no_login, works};
use crate::alg::{Hash, KeySpec};
use crate::error::Error;
use crate::pkcs11::error::Trouble;
use crate::pkcs11::mechanism::{self, Mechanism};
use crate::pkcs11::oct::KeyWrap;
use crate::pkcs11::offer::Offer;
use crate::pkcs11::raw::{Attribute, Object, Value};
use crate::pkcs11::template::NewTemplates;
use crate::pkcs11::token::{Desk, Token};

/// A secret key for one session: of this value, or else generated.
fn with_secret<T>(
    desk: &mut Desk<'_>,
    spec: KeySpec,
    value: Option<&[u8]>,
    work: impl FnOnce(&mut Desk<'_>, Object) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let new = new_key(spec)?;
    let templates = NewTemplates::new(&new, false)?;
    if let Some(value) = value {
        let mut template = templates.typed();
        template.push(Attribute(CKA_VALUE, Value::Bytes(value)));
        return desk.with_object(&template, work);
    }
    let mechanism = mechanism::generation(spec);
    let object = desk
        .library
        .generate_key(desk.session, mechanism, &templates.secret())?;
    desk.destroying(object, |desk| work(desk, object))
}

/// Under a key and an IV of zeros: the tag of nothing with GCM (the test cases 1, 7 and 13 of
/// its specification), and a block of zeros with CBC, which is AES of zeros.
const AES_ANSWERS: [(u32, &[u8; 16], &[u8; 16]); 3] = [
    (
        128,
        b"\x58\xe2\xfc\xce\xfa\x7e\x30\x61\x36\x7f\x1d\x57\xa4\xe7\x45\x5a",
        b"\x66\xe9\x4b\xd4\xef\x8a\x2c\x3b\x88\x4c\xfa\x59\xca\x34\x2b\x2e",
    ),
    (
        192,
        b"\xcd\x33\xb2\x8a\xc7\x73\xf7\x4b\xa0\x0e\xd1\xf3\x12\x57\x24\x35",
        b"\xaa\xe0\x69\x92\xac\xbf\x52\xa3\xe8\xf4\xa9\x6e\xc9\x30\x0b\xd7",
    ),
    (
        256,
        b"\x53\x0f\x8a\xfb\xc7\x45\x36\xb9\xa9\x63\xb4\xf1\xc4\xcb\x73\x8b",
        b"\xdc\x95\xc0\x78\xa2\x40\x89\x89\xad\x48\xa2\x14\x92\x84\x20\x87",
    ),
];

pub(super) fn aes(token: &Arc<Token>, offer: &mut Offer) -> Result<(), Error> {
    for (bits, gcm_tag, cbc_block) in AES_ANSWERS {
        let spec = KeySpec::Aes { bits };
        let imports = works(token, move |desk| {
            with_secret(desk, spec, Some(&vec![0; spec.byte_len()]), |_, _| Ok(true))
        })?;
        if imports {
            offer.import.push(spec);
        }
        // With a key of unknown value: there and back is all that can be seen.
        let answers = move |mechanism: CK_MECHANISM_TYPE, desk: &mut Desk<'_>| {
            let zeros = vec![0; spec.byte_len()];
            with_secret(desk, spec, imports.then_some(&zeros), |desk, object| {
                let mechanism = match mechanism {
                    CKM_AES_GCM => Mechanism::Gcm {
                        iv: [0; 12],
                        aad: b"",
                    },
                    other => Mechanism::Iv(other, &[0; 16]),
                };
                let (plaintext, answer): (&[u8], _) = match mechanism {
                    Mechanism::Gcm { .. } => (&[], gcm_tag),
                    _ => (&[0; 16], cbc_block),
                };
                let (library, mut used) = (desk.library, mechanism);
                let made = library.encrypt(desk.session, &mut used, object, plaintext, 64)?;
                let back = library.decrypt(desk.session, used, object, &made, 64, no_login)?;
                // A token that draws GCM's IV itself gives another answer.
                let own_iv = matches!(used, Mechanism::Gcm { iv, .. } if iv != [0; 12]);
                let right = !imports || own_iv || made.get(..16) == Some(answer.as_slice());
                Ok(back == plaintext && right)
            })
        };
        if offer.lists(CKM_AES_GCM) && works(token, move |desk| answers(CKM_AES_GCM, desk))? {
            offer.gcm.push(bits);
        }
        if offer.lists(CKM_AES_CBC) && works(token, move |desk| answers(CKM_AES_CBC, desk))? {
            offer.cbc.push(bits);
        }
        if offer.lists(CKM_AES_CBC_PAD) && works(token, move |desk| answers(CKM_AES_CBC_PAD, desk))?
        {
            offer.cbc_pad.push(bits);
        }
    }
    Ok(())
}

/// The bytes 0, 1, 2 ... 31, of which RFC 3394 section 4 takes its keys.
pub(super) const COUNTING: [u8; 32] = {
    let mut bytes = [0; 32];
    let mut value = 0u8;
    let mut rest: &mut [u8] = &mut bytes;
    while let Some((first, others)) = rest.split_first_mut() {
        *first = value;
        value += 1;
        rest = others;
    }
    bytes
};

/// RFC 3394 section 4.3: key data of 128 bits under a key of 256.
const KW_DATA: &[u8] = b"\x00\x11\x22\x33\x44\x55\x66\x77\x88\x99\xaa\xbb\xcc\xdd\xee\xff";
const KW_WRAPPED: &[u8] =
    b"\x64\xe8\xc3\xf9\xce\x0f\x5b\xa2\x63\xe9\x77\x79\x05\x81\x8a\x2a\x93\xc8\x19\x1e\x7d\x6e\x8a\xe7";

/// RFC 5649 section 6: two values under one key of 192 bits.
const KWP_KEY: &[u8] =
    b"\x58\x40\xdf\x6e\x29\xb0\x2a\xf1\xab\x49\x3b\x70\x5b\xf1\x6e\xa1\xae\x83\x38\xf4\xdc\xc1\x76\xa8";
const KWP: [(&[u8], &[u8]); 2] = [
    (
        b"\xc3\x7b\x7e\x64\x92\x58\x43\x40\xbe\xd1\x22\x07\x80\x89\x41\x15\x50\x68\xf7\x38",
        b"\x13\x8b\xde\xaa\x9b\x8f\xa7\xfc\x61\xf9\x77\x42\xe7\x22\x48\xee\x5a\xe6\xae\x53\x60\xd1\xae\x6a\x5f\x54\xf3\x73\xfa\x54\x3b\x6a",
    ),
    (
        b"\x46\x6f\x72\x50\x61\x73\x69",
        b"\xaf\xbe\xb0\xf0\x7d\xfb\xf5\x41\x92\x00\xf2\xcc\xb5\x0b\xb2\x4f",
    ),
];

/// Offered only with the right answers: modules fill up with zeros in silence, or mean
/// something else by 0x210A than RFC 5649.
pub(super) fn key_wrap(token: &Arc<Token>, offer: &mut Offer) -> Result<(), Error> {
    let ways = |mechanisms: &[CK_MECHANISM_TYPE], offer: &Offer| {
        let listed = mechanisms.iter().copied().filter(|it| offer.lists(*it));
        let both = listed.flat_map(|it| [KeyWrap::Crypt(it), KeyWrap::Object(it)]);
        both.collect::<Vec<_>>()
    };
    for way in ways(&[CKM_AES_KEY_WRAP], offer) {
        let right = works(token, move |desk| {
            let spec = KeySpec::Aes { bits: 256 };
            with_secret(desk, spec, Some(&COUNTING), |desk, kek| {
                Ok(desk.wrap_by(kek, way, KW_DATA, false)? == KW_WRAPPED
                    && desk.unwrap_by(kek, way, KW_WRAPPED, false)?.expose() == KW_DATA)
            })
        })?;
        if right {
            offer.key_wrap = Some(way);
            break;
        }
    }
    let spec = KeySpec::Aes { bits: 192 };
    for way in ways(&[CKM_AES_KEY_WRAP_KWP, CKM_AES_KEY_WRAP_PAD], offer) {
        let wraps = move |desk: &mut Desk<'_>| {
            with_secret(desk, spec, Some(KWP_KEY), |desk, kek| {
                let mut right = true;
                for (value, wrapped) in KWP {
                    right &= desk.wrap_by(kek, way, value, true)? == wrapped;
                }
                Ok(right)
            })
        };
        let unwraps = move |desk: &mut Desk<'_>| {
            with_secret(desk, spec, Some(KWP_KEY), |desk, kek| {
                let mut right = true;
                for (value, wrapped) in KWP {
                    right &= desk.unwrap_by(kek, way, wrapped, true)?.expose() == value;
                }
                Ok(right)
            })
        };
        if offer.padded_wrap.is_none() && works(token, wraps)? {
            offer.padded_wrap = Some(way);
        }
        if offer.padded_unwrap.is_none() && works(token, unwraps)? {
            offer.padded_unwrap = Some(way);
        }
    }
    Ok(())
}

pub(super) fn hmacs(token: &Arc<Token>, offer: &mut Offer) -> Result<(), Error> {
    for bits in [256, 384, 512] {
        let spec = KeySpec::Hmac { bits };
        let value = vec![0x6b; spec.byte_len()];
        for hash in [Hash::Sha256, Hash::Sha384, Hash::Sha512] {
            let Some(mechanism) = mechanism::hmac(hash).filter(|it| offer.lists(*it)) else {
                continue;
            };
            if hash.len() > spec.byte_len() {
                continue;
            }
            let answer = mac(hash, &value);
            let known = value.clone();
            let macs = move |desk: &mut Desk<'_>, known: Option<&[u8]>| {
                with_secret(desk, spec, known, |desk, object| {
                    let (hmac, most) = (Mechanism::Plain(mechanism), hash.len());
                    Ok(desk
                        .library
                        .sign(desk.session, hmac, object, MESSAGE, most, no_login)?)
                })
            };
            let made = attempt(token, move |desk| macs(desk, Some(&known)))?;
            let imports = made.is_some();
            let right = match made {
                Some(made) => answer.as_ref() == Some(&made),
                // Without a known key: that it answers in the right length.
                None => attempt(token, move |desk| macs(desk, None))?
                    .is_some_and(|made| made.len() == hash.len()),
            };
            if right {
                offer.hmac.push((bits, hash));
            }
            if right && imports && !offer.import.contains(&spec) {
                offer.import.push(spec);
            }
        }
    }
    Ok(())
}

fn mac(hash: Hash, key: &[u8]) -> Option<Vec<u8>> {
    fn of<M: Mac + KeyInit>(key: &[u8]) -> Option<Vec<u8>> {
        let mac = <M as KeyInit>::new_from_slice(key).ok()?;
        Some(mac.chain_update(MESSAGE).finalize().into_bytes().to_vec())
    }
    match hash {
        Hash::Sha1 => None,
        Hash::Sha256 => of::<Hmac<Sha256>>(key),
        Hash::Sha384 => of::<Hmac<Sha384>>(key),
        Hash::Sha512 => of::<Hmac<Sha512>>(key),
    }
}
