//! Hooks for this crate's own tests and fuzz targets, and for nobody else: whatever is
//! here may change or go without notice.

use crypto_bigint::BoxedUint;

use crate::alg::{Curve, Hash};
use crate::engine::hmac::HmacSha256;
use crate::engine::rsa;
use crate::error::Error;
use crate::jwk::{self, EcPublic};
use crate::public::padding;
#[cfg(feature = "redb")]
use crate::seal::SealingKey;
use crate::secret::SecretBytes;
#[cfg(feature = "redb")]
use crate::store::{self, RedbStore};

pub use crate::software::aes_paths::AesPath;
#[cfg(feature = "redb")]
pub use crate::store::Medium;

/// A store on a medium that is no file; a new one on an empty medium.
///
/// # Errors
/// As [`RedbStore::open`].
#[cfg(feature = "redb")]
pub fn store_on_medium(medium: impl Medium, key: &SealingKey) -> Result<RedbStore, Error> {
    store::on_medium(medium, key)
}

/// A store's header, state and one record, read from any bytes: the record's revision and
/// value.
///
/// # Errors
/// [`Corrupt`](crate::ErrorKind::Corrupt) and [`Misconfigured`](crate::ErrorKind::Misconfigured).
#[cfg(feature = "redb")]
pub fn read_store(
    key: &SealingKey,
    header: &[u8],
    state: &[u8],
    record: (&str, &[u8]),
) -> Result<(u64, Vec<u8>), Error> {
    store::read_parts(key, header, state, record)
}

/// A new store's header and state, and one record in it: what [`read_store`] reads.
///
/// # Errors
/// [`Randomness`](crate::ErrorKind::Randomness).
#[cfg(feature = "redb")]
pub fn write_store(key: &SealingKey, record: (&str, u64, &[u8])) -> Result<[Vec<u8>; 3], Error> {
    store::write_parts(key, record)
}

/// The test that the primes of an imported RSA key must pass, for a big-endian integer
/// of any length. 2 does not pass: no RSA key has it.
#[must_use]
pub fn is_prime(candidate: &[u8]) -> bool {
    let bits = u32::try_from(8 * candidate.len()).unwrap_or(u32::MAX);
    let candidate = BoxedUint::from_be_slice_truncated(candidate, bits);
    jwk::is_prime(&candidate, jwk::Origin::Given).is_ok_and(|prime| prime)
}

/// The contents of a backup as they are written, from what is read as such.
///
/// # Errors
/// [`MalformedBackup`](crate::ErrorKind::MalformedBackup).
pub fn backup_contents(contents: &[u8]) -> Result<Vec<u8>, Error> {
    crate::vault::read_and_write_backup(contents)
}

/// An ECDSA signature with the nonce of RFC 6979 and no randomness: `r || s`, and a low
/// s on P-256K. The nonce is made with the curve's own hash, whatever made the digest.
///
/// Not for use: one faulty signature beside a good one of the same digest gives the key
/// away. The software backend mixes randomness in.
///
/// # Errors
/// [`Invalid`](crate::ErrorKind::Invalid) for `d`.
pub fn sign_deterministic(curve: Curve, d: &[u8], digest: &[u8]) -> Result<Vec<u8>, Error> {
    crate::software::sign_deterministic(curve, d, digest)
}

/// How many lines a log of this key has, if these bytes are one.
///
/// # Errors
/// [`AuditLog`](crate::ErrorKind::AuditLog).
pub fn verify_audit_log(bytes: &[u8], key: [u8; 32]) -> Result<u64, Error> {
    let key = crate::audit::AuditKey::from_bytes(key);
    crate::audit::verify_bytes(bytes, &key).map(|log| log.lines)
}

/// The signature of [`sign_deterministic`], once for each way to compute it on this processor:
/// by the curve's crate, and by each path of the engine, alone and beside others.
///
/// # Errors
/// As [`sign_deterministic`].
pub fn sign_every_way(curve: Curve, d: &[u8], digest: &[u8]) -> Result<Vec<Vec<u8>>, Error> {
    crate::software::sign_every_way(curve, d, digest)
}

/// Whether an ECDSA signature is good: as a key's users get it, by each path of the engine alone
/// and beside others, and by the curve's crate.
#[must_use]
pub fn verify_every_way(key: &EcPublic, digest: &[u8], signature: &[u8]) -> [bool; 3] {
    crate::public::verify_every_way(key, digest, signature)
}

/// EME-OAEP decoding, of what a token's raw private operation gave (RFC 8017 section
/// 7.1.2 step 3).
///
/// # Errors
/// [`DecryptFailed`](crate::ErrorKind::DecryptFailed), whatever is wrong.
pub fn oaep_decode(em: &[u8], hash: Hash) -> Result<SecretBytes, Error> {
    padding::oaep::decode(em, hash)
}

/// EME-PKCS1-v1_5 decoding with implicit rejection, of what a token's raw private
/// operation gave. `key` stands for the hash that its rejection key is.
///
/// # Errors
/// [`DecryptFailed`](crate::ErrorKind::DecryptFailed) for lengths that do not fit.
pub fn pkcs1_decode(em: &[u8], ciphertext: &[u8], key: &[u8; 32]) -> Result<SecretBytes, Error> {
    let key = padding::rejection::RejectionKey::from_hash(key);
    padding::pkcs1::decrypt_decode(em, ciphertext, &key)
}

/// `x^exponent mod n`, big-endian, by each path of the RSA engine that this processor has;
/// `None` unless `n` is odd, has exactly 1024 or 2048 bits, and the others have no more.
#[must_use]
pub fn rsa_powers(n: &[u8], exponent: &[u8], x: &[u8]) -> Option<Vec<Vec<u8>>> {
    rsa::powers(n, exponent, x)
}

/// HMAC-SHA-256 by each path that this processor has, RustCrypto's compression last.
#[must_use]
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> Vec<[u8; 32]> {
    let paths = HmacSha256::on_every_path(key);
    paths.iter().map(|path| path.mac(data)).collect()
}
