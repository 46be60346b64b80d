//! Wrapping a whole key for somebody's RSA key (`CKM_RSA_AES_KEY_WRAP`, PKCS #11 v3.1 section
//! 6.1.29, and its siblings): what needs the public half alone.

use aes::Aes256;
use aes::cipher::KeyInit;
use getrandom::SysRng;
use rand_core::TryCryptoRng;
use zeroize::Zeroizing;

use super::{key_wrap, rsa};
use crate::alg::{KeyOp, KeySpec, OpSet, SEMIBLOCK, TransferAlg};
use crate::encoding::ByokBlob;
use crate::error::{Error, ErrorKind, Rule};
use crate::jwk::{Jwk, PublicKey, RsaPublic, SecretJwk, SecretKey};
use crate::secret::SecretBytes;

/// The most bytes of a key wrapped by RFC 5649; an RSA-4096 key takes 2400.
pub(crate) const MOST_WRAPPED: usize = 8192;

/// Whether a key of this kind can have so many bytes when it is wrapped. Lengths are public and
/// say much already: of a symmetric key, its size.
pub(crate) fn check_length(len: usize, spec: KeySpec) -> Result<(), Error> {
    if !len.is_multiple_of(SEMIBLOCK) || !(2 * SEMIBLOCK..=MOST_WRAPPED).contains(&len) {
        return Err(ErrorKind::DecryptFailed.into());
    }
    if spec.is_symmetric() && len != spec.byte_len() + SEMIBLOCK {
        return Err(Error::invalid("key_size", Rule::Inconsistent));
    }
    Ok(())
}

/// Wraps a private key for import into a vault: the sender's half of "bring your own key".
///
/// `kek` is the public JWK of a key in that vault whose only `key_ops` is `import`, with its
/// `kid`. What comes out is the content of a `.byok` file, which anyone may see. Randomness is
/// the operating system's.
///
/// # Errors
/// [`Invalid`](ErrorKind::Invalid) for `kty` unless the KEK is an RSA key, for its `kid` if it
/// has none, and for its `key_ops` if they say that it is for something else;
/// [`Randomness`](ErrorKind::Randomness).
///
/// ```
/// use strongroom::alg::{KeyOp, TransferAlg};
/// use strongroom::encoding::TransferKind;
/// use strongroom::jwk::SecretJwk;
/// use strongroom::vault::KeyOptions;
/// use strongroom::{Curve, KeySpec, OpSet};
///
/// let vault = strongroom::in_memory()?;
/// let import_only = KeyOptions::new().ops(OpSet::from_iter([KeyOp::Import]));
/// let kek = vault.create("kek", KeySpec::Rsa { bits: 2048 }, &import_only)?;
///
/// let key = SecretJwk::from_ec_scalar(Curve::P256, &[7; 32])?;
/// let blob = strongroom::public::wrap_for_import(&kek.jwk()?, TransferAlg::default(), &key)?;
///
/// let kind = TransferKind::Ec(Curve::P256);
/// let imported = vault.import_byok("mine", kind, &blob, &KeyOptions::new())?;
/// assert_eq!(imported.jwk()?.key(), key.public().key());
/// # Ok::<(), strongroom::Error>(())
/// ```
pub fn wrap_for_import(kek: &Jwk, enc: TransferAlg, key: &SecretJwk) -> Result<ByokBlob, Error> {
    let PublicKey::Rsa(public) = kek.key() else {
        return Err(Error::invalid("kty", Rule::NotWithKey));
    };
    let import_only = OpSet::EMPTY.with(KeyOp::Import);
    if kek.meta().key_ops().is_some_and(|ops| ops != import_only) {
        return Err(Error::invalid("key_ops", Rule::Unexpected));
    }
    let kid = kek.meta().kid();
    let kid = kid.ok_or_else(|| Error::invalid("kid", Rule::Missing))?;
    let blob = wrap(public, enc, &material(key)?, &mut SysRng)?;
    ByokBlob::new(kid, enc, blob)
}

/// The form in which a key travels: RSA and EC keys as PKCS #8, symmetric keys as their bytes.
pub(crate) fn material(key: &SecretJwk) -> Result<SecretBytes, Error> {
    match key.secret() {
        SecretKey::Oct(key) => Ok(SecretBytes::copy_of(key.k.expose())),
        _ => key.to_pkcs8_der_exposing_secret(),
    }
}

/// An ephemeral AES key by OAEP, then the material under it by RFC 5649.
pub(crate) fn wrap<R: TryCryptoRng + ?Sized>(
    kek: &RsaPublic,
    enc: TransferAlg,
    material: &SecretBytes,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let mut aes = Zeroizing::new([0; AES_LEN]);
    rng.try_fill_bytes(aes.as_mut_slice())
        .map_err(|_| Error::from(ErrorKind::Randomness))?;
    let sealed = rsa::encrypt_oaep(kek, enc.row().hash, aes.as_slice(), rng)?;
    let (first, mut rest) = key_wrap::padded(material.expose());
    let first = key_wrap::w(&Aes256::new((&*aes).into()), first, rest.expose_mut());
    Ok([&sealed, first.to_be_bytes().as_slice(), rest.expose()].concat())
}

/// The ephemeral key, in bytes.
pub(crate) const AES_LEN: usize = 32;
