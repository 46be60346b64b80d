//! Work with the public half in the token, where that was asked for.

use cryptoki_sys::*;

use super::Pkcs11;
use super::error::Trouble;
use super::mechanism::{self, Mechanism};
use super::object::locator;
use super::provider::refuses;
use super::raw::Object;
use super::rsa::Padding;
use super::token::{Desk, Kind};
use crate::alg::{Alg, Op, SignScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{SignData, VerifyRequest};
use crate::handle::KeyHandle;
use crate::provider::unsupported;
use crate::public::padding::pkcs1;
use crate::secret::SecretBytes;

impl Desk<'_> {
    fn public_object(&mut self, key: &KeyHandle) -> Result<Object, Trouble> {
        let locator = locator(&self.token.config.id, key)?;
        self.find_one(CKO_PUBLIC_KEY, &locator)?
            .ok_or(Trouble::Missing)
    }
}

impl Pkcs11 {
    pub(super) fn verify_inside(&self, request: &VerifyRequest<'_>) -> Result<(), Error> {
        let (key, alg) = (request.key(), request.alg());
        let row = alg.row();
        let SignData::Digest(digest) = *request.data() else {
            return Err(ErrorKind::BadSignature.into());
        };
        let expected = match row.scheme {
            SignScheme::Ecdsa(curve) => 2 * curve.field_len(),
            _ => key.spec().byte_len(),
        };
        if request.signature().len() != expected {
            return Err(ErrorKind::BadSignature.into());
        }
        let (handle, signature) = (key.clone(), request.signature().to_vec());
        let work = self.token()?.work(Kind::Input, move |desk| {
            let object = desk.public_object(&handle)?;
            let (mechanism, data) = match row.scheme {
                SignScheme::Pkcs1v15 => (
                    Mechanism::Plain(CKM_RSA_PKCS),
                    pkcs1::digest_info(digest.as_digest()),
                ),
                SignScheme::Pss => (mechanism::pss(row.hash), digest.as_bytes().to_vec()),
                _ => (Mechanism::Plain(CKM_ECDSA), digest.as_bytes().to_vec()),
            };
            let library = desk.library;
            Ok(library.verify(desk.session, mechanism, object, &data, &signature)?)
        });
        work.map_err(|trouble| match trouble {
            Trouble::Failure(failure) if refuses(failure) => unsupported(Op::Verify, alg, key),
            Trouble::Failure(failure) if failure.is_of_input() => ErrorKind::BadSignature.into(),
            trouble => trouble.into(),
        })
    }

    pub(super) fn encrypt_inside(
        &self,
        (op, alg): (Op, Alg),
        key: &KeyHandle,
        padding: Padding,
        plaintext: &[u8],
    ) -> Result<Vec<u8>, Error> {
        let (handle, plaintext) = (key.clone(), SecretBytes::copy_of(plaintext));
        let work = self.token()?.work(Kind::Repeatable, move |desk| {
            let object = desk.public_object(&handle)?;
            let mut mechanism = match padding {
                Padding::Oaep(hash) => mechanism::oaep(hash),
                Padding::Pkcs1v15 => Mechanism::Plain(CKM_RSA_PKCS),
            };
            let (library, k) = (desk.library, handle.spec().byte_len());
            Ok(library.encrypt(desk.session, &mut mechanism, object, plaintext.expose(), k)?)
        });
        work.map_err(|trouble| Pkcs11::outage(op, alg, key, trouble))
    }
}
