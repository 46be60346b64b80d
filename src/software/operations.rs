//! From a request to the arithmetic: which scheme runs with which key.
//!
//! Requests fit their keys, so the last arm of each `match` is reached by algorithms
//! alone that a later version adds to the rows and not here.

use rand_core::TryCryptoRng;

use super::aes::{AesKey, failed};
use super::opened::Opened;
use super::{cbc, key_wrap};
use crate::alg::{EncryptScheme, Op, SignScheme, WrapScheme};
use crate::error::Error;
use crate::fit::{
    Ciphertext, DecryptInPlaceRequest, DecryptRequest, EncryptInPlaceRequest, EncryptRequest,
    Sealed, SignData, SignRequest, Signature, UnwrapRequest, WrapRequest,
};
use crate::provider::unsupported;
use crate::seal::Randomness;
use crate::secret::SecretBytes;

pub(super) fn sign<R: TryCryptoRng>(
    key: &Opened,
    request: &SignRequest<'_>,
    rng: &mut R,
) -> Result<Signature, Error> {
    let row = request.alg().row();
    let bytes = match (key, row.scheme, request.data()) {
        (Opened::Rsa(key), SignScheme::Pkcs1v15 | SignScheme::Pss, SignData::Digest(digest)) => {
            key.sign(row.scheme, digest.as_digest(), rng)?
        }
        (Opened::Ec(key), SignScheme::Ecdsa(_), SignData::Digest(digest)) => {
            key.sign(digest.as_bytes(), rng)?
        }
        (Opened::Hmac(key) | Opened::Aes(_, key), SignScheme::Hmac, SignData::Mac(data)) => key
            .mac(row.hash, data)
            .ok_or_else(|| unsupported(Op::Sign, request.alg(), request.key()))?,
        _ => return Err(unsupported(Op::Sign, request.alg(), request.key())),
    };
    Ok(Signature::from_bytes(bytes))
}

pub(super) fn decrypt(key: &Opened, request: &DecryptRequest<'_>) -> Result<SecretBytes, Error> {
    let ciphertext = request.ciphertext();
    match (key, request.alg().row().scheme) {
        (Opened::Rsa(key), EncryptScheme::Oaep(hash)) => key.decrypt_oaep(hash, ciphertext),
        (Opened::Rsa(key), EncryptScheme::Pkcs1v15) => key.decrypt_pkcs1(ciphertext),
        (Opened::Aes(key, _), EncryptScheme::Gcm(_)) => {
            let (sealed, aad) = request.gcm().ok_or_else(failed)?;
            key.gcm_decrypt(&sealed, aad, ciphertext)
        }
        (Opened::Aes(key, _), EncryptScheme::Cbc(_)) => {
            let iv = request.cbc_iv().ok_or_else(failed)?;
            Ok(cbc::decrypt_zero_filled(key.modes(), iv, ciphertext))
        }
        (Opened::Aes(key, _), EncryptScheme::CbcPad(_)) => {
            let iv = request.cbc_iv().ok_or_else(failed)?;
            cbc::decrypt_padded(key.modes(), iv, ciphertext)
        }
        _ => Err(unsupported(Op::Decrypt, request.alg(), request.key())),
    }
}

pub(super) fn unwrap_key(key: &Opened, request: &UnwrapRequest<'_>) -> Result<SecretBytes, Error> {
    let wrapped = request.wrapped();
    match (key, request.alg().row().scheme) {
        (Opened::Rsa(key), WrapScheme::Oaep(hash)) => key.decrypt_oaep(hash, wrapped),
        (Opened::Rsa(key), WrapScheme::Pkcs1v15) => key.decrypt_pkcs1(wrapped),
        (Opened::Aes(key, _), WrapScheme::AesKw(_)) => key_wrap::unwrap_kw(key.modes(), wrapped),
        (Opened::Aes(key, _), WrapScheme::AesKwp) => key_wrap::unwrap_kwp(key.modes(), wrapped),
        _ => Err(unsupported(Op::UnwrapKey, request.alg(), request.key())),
    }
}

/// Symmetric keys; the public halves of the others are not this module's.
pub(super) fn encrypt(
    key: &Opened,
    request: &EncryptRequest<'_>,
    rng: &Randomness,
) -> Result<Ciphertext, Error> {
    let plaintext = request.plaintext();
    match (key, request.alg().row().scheme, request.iv()) {
        (Opened::Aes(key, _), EncryptScheme::Gcm(_), None) => {
            let (bytes, sealed) = key.gcm_encrypt(rng.iv()?, request.aad(), plaintext)?;
            Ok(Ciphertext::gcm(bytes, sealed))
        }
        (Opened::Aes(key, _), EncryptScheme::Cbc(_), Some(iv)) => {
            let bytes = cbc::encrypt_zero_filled(key.modes(), iv, plaintext);
            Ok(Ciphertext::cbc(bytes, *iv))
        }
        (Opened::Aes(key, _), EncryptScheme::CbcPad(_), Some(iv)) => {
            let bytes = cbc::encrypt_padded(key.modes(), iv, plaintext);
            Ok(Ciphertext::cbc(bytes, *iv))
        }
        _ => Err(unsupported(Op::Encrypt, request.alg(), request.key())),
    }
}

/// Symmetric keys, as [`encrypt`].
pub(super) fn wrap_key(key: &Opened, request: &WrapRequest<'_>) -> Result<Vec<u8>, Error> {
    let material = request.material();
    match (key, request.alg().row().scheme) {
        (Opened::Aes(key, _), WrapScheme::AesKw(_)) => Ok(key_wrap::wrap_kw(key.modes(), material)),
        (Opened::Aes(key, _), WrapScheme::AesKwp) => Ok(key_wrap::wrap_kwp(key.modes(), material)),
        _ => Err(unsupported(Op::WrapKey, request.alg(), request.key())),
    }
}

pub(super) fn encrypt_in_place(
    key: &Opened,
    request: &mut EncryptInPlaceRequest<'_>,
    rng: &Randomness,
) -> Result<Sealed, Error> {
    let key = aes(key).ok_or_else(|| unsupported(Op::Encrypt, request.alg(), request.key()))?;
    let (iv, aad) = (rng.iv()?, request.aad());
    key.gcm_encrypt_in_place(iv, aad, request.buffer_mut())
}

pub(super) fn decrypt_in_place(
    key: &Opened,
    request: &mut DecryptInPlaceRequest<'_>,
) -> Result<(), Error> {
    let key = aes(key).ok_or_else(|| unsupported(Op::Decrypt, request.alg(), request.key()))?;
    let (sealed, aad) = (*request.sealed(), request.aad());
    key.gcm_decrypt_in_place(&sealed, aad, request.buffer_mut())
}

fn aes(key: &Opened) -> Option<&AesKey> {
    match key {
        Opened::Aes(key, _) => Some(key),
        _ => None,
    }
}
