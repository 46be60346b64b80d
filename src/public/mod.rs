//! What a public key can do, done once for all backends: verify, encrypt, wrap.
//!
//! Everything here works on public data and may take variable time, except the
//! plaintext of encrypt and wrap, which the padding treats as secret.

use rand_core::TryCryptoRng;

use crate::error::{Error, ErrorKind};
use crate::fit::{Ciphertext, EncryptRequest, VerifyRequest, WrapRequest};

/// draft
pub fn verify(request: &VerifyRequest<'_>) -> Result<(), Error> {
    let _ = request;
    Err(ErrorKind::BadSignature.into())
}
/// draft
pub fn encrypt<R: TryCryptoRng + ?Sized>(
    request: &EncryptRequest<'_>,
    rng: &mut R,
) -> Result<Ciphertext, Error> {
    let _ = (request, rng);
    Err(ErrorKind::Randomness.into())
}
/// draft
pub fn wrap_key<R: TryCryptoRng + ?Sized>(
    request: &WrapRequest<'_>,
    rng: &mut R,
) -> Result<Vec<u8>, Error> {
    let _ = (request, rng);
    Err(ErrorKind::Randomness.into())
}
