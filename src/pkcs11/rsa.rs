//! RSA decryption.

use cryptoki_sys::*;
use zeroize::Zeroize;

use super::error::Trouble;
use super::mechanism::{self, Mechanism};
use super::object::Known;
use super::token::Desk;
use crate::alg::Hash;
use crate::error::ErrorKind;
use crate::handle::KeyHandle;
use crate::jwk::{Jwk, PublicKey, RsaPublic};
use crate::provider::Place;
use crate::public::padding::rejection::RejectionKey;
use crate::public::padding::{challenge, oaep, pkcs1};
use crate::secret::SecretBytes;

/// The paddings of RSA encryption.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Padding {
    Oaep(Hash),
    Pkcs1v15,
}

impl Desk<'_> {
    /// Decrypts, or gives `None` if the token does not do this padding.
    pub(super) fn rsa_decrypt(
        &mut self,
        key: &KeyHandle,
        padding: Padding,
        ciphertext: &[u8],
    ) -> Result<Option<SecretBytes>, Trouble> {
        let Some(PublicKey::Rsa(public)) = key.public().map(Jwk::key) else {
            return Ok(None);
        };
        let offer = self.token.offer();
        let place = match padding {
            Padding::Oaep(hash) => offer.oaep.get(&hash).copied(),
            Padding::Pkcs1v15 => offer.rsa15,
        };
        let known = self.resolve(key)?;
        let k = key.spec().byte_len();
        let plaintext = match (place, padding) {
            (None, _) => return Ok(None),
            (Some(Place::Inside), padding) => {
                let mechanism = match padding {
                    Padding::Oaep(hash) => mechanism::oaep(hash),
                    Padding::Pkcs1v15 => Mechanism::Plain(CKM_RSA_PKCS),
                };
                self.raw_decrypt(&known, mechanism, ciphertext, k)
                    .map(SecretBytes::from_vec)?
            }
            (Some(_), Padding::Oaep(hash)) => {
                let block = self.open_block(&known, public, ciphertext)?;
                oaep::decode(block.expose(), hash)?
            }
            (Some(_), Padding::Pkcs1v15) => {
                let rejection = self.rejection_key(known.clone(), public)?;
                let block = self.open_block(&known, public, ciphertext)?;
                pkcs1::decrypt_decode(block.expose(), ciphertext, &rejection)?
            }
        };
        Ok(Some(plaintext))
    }

    /// The raw private operation on a ciphertext.
    fn open_block(
        &mut self,
        known: &Known,
        public: &RsaPublic,
        ciphertext: &[u8],
    ) -> Result<SecretBytes, Trouble> {
        // Public, both of them; tokens differ in what they do with it.
        if ciphertext >= public.n().as_slice() {
            return Err(ErrorKind::DecryptFailed.into());
        }
        let mechanism = Mechanism::Plain(CKM_RSA_X_509);
        let mut block = self.raw_decrypt(known, mechanism, ciphertext, ciphertext.len())?;
        if block.len() != ciphertext.len() {
            // Leading zeros taken off: their number is what Manger's attack needs.
            block.zeroize();
            return Err(ErrorKind::FaultDetected.into());
        }
        Ok(SecretBytes::from_vec(block))
    }

    /// The key of implicit rejection: from the private key by way of an operation that nobody
    /// can ask for, once for each key and login.
    fn rejection_key(
        &mut self,
        mut known: Known,
        public: &RsaPublic,
    ) -> Result<std::sync::Arc<RejectionKey>, Trouble> {
        if let Some(key) = &known.rejection {
            return Ok(std::sync::Arc::clone(key));
        }
        let challenge = challenge::challenge(public);
        let answer = self.open_block(&known, public, &challenge)?;
        let key = challenge::rejection_key(public, answer.expose())?;
        let key = std::sync::Arc::new(key);
        known.rejection = Some(std::sync::Arc::clone(&key));
        self.learn(&known);
        Ok(key)
    }

    pub(super) fn raw_decrypt(
        &mut self,
        known: &Known,
        mechanism: Mechanism<'_>,
        ciphertext: &[u8],
        most: usize,
    ) -> Result<Vec<u8>, Trouble> {
        let between = self.login_for_use(known)?;
        let (library, object) = (self.library, known.object);
        let result = library.decrypt(self.session, mechanism, object, ciphertext, most, between);
        self.noting_refused_pin(result)
    }
}
