//! In-place encryption for backends that have none of their own: through a copy.

use super::KeyProvider;
use crate::error::{Error, ErrorKind};
use crate::fit::{
    DecryptInPlaceRequest, DecryptParams, DecryptRequest, EncryptInPlaceRequest, EncryptParams,
    EncryptRequest, Sealed,
};

pub(super) fn encrypt<P: KeyProvider + ?Sized>(
    provider: &P,
    request: &mut EncryptInPlaceRequest<'_>,
) -> Result<Sealed, Error> {
    let (key, alg) = (request.key(), request.alg());
    let params = EncryptParams::none().with_aad(request.aad());
    let buffer = request.buffer_mut();
    let made = provider.encrypt(&EncryptRequest::new(key, alg, buffer, params)?)?;
    let sealed = made
        .sealed()
        .filter(|_| made.as_bytes().len() == buffer.len());
    let sealed = sealed.ok_or(ErrorKind::FaultDetected)?;
    buffer.copy_from_slice(made.as_bytes());
    Ok(sealed)
}

pub(super) fn decrypt<P: KeyProvider + ?Sized>(
    provider: &P,
    request: &mut DecryptInPlaceRequest<'_>,
) -> Result<(), Error> {
    let (key, alg, sealed) = (request.key(), request.alg(), *request.sealed());
    let params = DecryptParams::none()
        .with_iv(&sealed.iv)
        .with_tag(&sealed.tag);
    let params = params.with_aad(request.aad());
    let buffer = request.buffer_mut();
    let opened = provider.decrypt(&DecryptRequest::new(key, alg, buffer, params)?)?;
    if opened.len() != buffer.len() {
        return Err(ErrorKind::DecryptFailed.into());
    }
    buffer.copy_from_slice(opened.expose());
    Ok(())
}
