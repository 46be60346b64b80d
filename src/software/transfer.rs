//! Keys that come and go in wrapped form (see [`WrappedKey`]).
//!
//! A blob that does not open has one face, whichever part is wrong: OAEP's padding, the AES
//! key's length, the key wrap's check, the form inside. Of what does open, and so was made by
//! somebody who had the key to put in, it is said what does not agree.

use super::aes::{AesKey, failed};
use super::opened::Opened;
use super::{Software, key_wrap, material};
use crate::alg::{KeySpec, TransferAlg};
use crate::error::{Error, ErrorKind};
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, PublicKey, SecretJwk};
use crate::provider::{KeyProvider, NewKey, ProviderRng, WrappedKey, WrappingKey, not_offered};
use crate::public::transfer::{self, AES_LEN};
use crate::secret::SecretBytes;

impl Software {
    pub(super) fn take_over(
        &self,
        by: &KeyHandle,
        blob: &WrappedKey,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        let (spec, k) = (new.spec(), by.spec().byte_len());
        let kek = self.hold(by)?;
        let Opened::Rsa(kek) = &*kek else {
            return Err(not_offered("import_wrapped", by.spec()));
        };
        let parts = blob.as_bytes().split_at_checked(k);
        let (sealed, wrapped) = parts.ok_or_else(failed)?;
        transfer::check_length(wrapped.len(), spec)?;
        let aes = kek.decrypt_oaep(blob.alg().row().hash, sealed)?;
        self.take_material(&unwrap(&aes, wrapped)?, new)
    }

    /// A key out of a backup.
    pub(super) fn take_back(
        &self,
        wrapped: &[u8],
        under: &SecretBytes,
        new: &NewKey,
    ) -> Result<KeyHandle, Error> {
        transfer::check_length(wrapped.len(), new.spec())?;
        self.take_material(&unwrap(under, wrapped)?, new)
    }

    /// A key for a backup. Whether it may leave plays no part: a backup is no way out, as it
    /// comes back as what it was.
    pub(super) fn back_up_key(
        &self,
        key: &KeyHandle,
        under: &SecretBytes,
    ) -> Result<Vec<u8>, Error> {
        let payload = self.unseal(key)?;
        let secret = material::decode(key.spec(), key.public(), &payload)?;
        let plain = transfer::material(&secret)?;
        let aes = AesKey::new(under.expose()).ok_or_else(failed)?;
        Ok(key_wrap::wrap_kwp(aes.modes(), plain.expose()))
    }

    fn take_material(&self, material: &SecretBytes, new: &NewKey) -> Result<KeyHandle, Error> {
        let key = match new.spec() {
            KeySpec::Aes { .. } | KeySpec::Hmac { .. } => SecretJwk::from_oct(material.expose()),
            KeySpec::Rsa { .. } | KeySpec::Ec(_) => SecretJwk::from_pkcs8_der(material.expose()),
        };
        let key = key.map_err(|_| failed())?;
        match self.import(&key, new) {
            // Of another kind than announced is no key of the announced form.
            Err(error) if is_about_kty(&error) => Err(failed()),
            done => done,
        }
    }

    pub(super) fn give_out(
        &self,
        key: &KeyHandle,
        by: &WrappingKey<'_>,
    ) -> Result<WrappedKey, Error> {
        let refused = || not_offered("export_wrapped", key.spec());
        let public = match *by {
            WrappingKey::Own(own) => {
                // Nobody else could open what it wraps.
                self.hold(own)?;
                own.public()
            }
            WrappingKey::Public(jwk) => Some(jwk),
        };
        let Some(PublicKey::Rsa(public)) = public.map(Jwk::key) else {
            return Err(refused());
        };
        let payload = self.unseal(key)?;
        if !material::is_exportable(&payload) {
            return Err(refused());
        }
        let secret = material::decode(key.spec(), key.public(), &payload)?;
        let plain = transfer::material(&secret)?;
        let alg = TransferAlg::default();
        transfer::wrap(public, alg, &plain, &mut ProviderRng::new(self)).map(WrappedKey::from_bytes)
    }
}

/// The second part, under the AES key that the first part gave.
fn unwrap(aes: &SecretBytes, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    if aes.len() != AES_LEN {
        return Err(failed());
    }
    let aes = AesKey::new(aes.expose()).ok_or_else(failed)?;
    key_wrap::unwrap_kwp(aes.modes(), wrapped)
}

fn is_about_kty(error: &Error) -> bool {
    matches!(error.kind(), ErrorKind::Invalid { field: "kty", .. })
}
