//! Signatures and MACs.

use cryptoki_sys::*;

use super::error::Trouble;
use super::mechanism::{self, Mechanism};
use super::object::Known;
use super::raw::RawSession;
use super::rv::Failure;
use super::token::Desk;
use crate::alg::{Curve, HashValue, Op, SignScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::{SignData, SignRequest, Signature};
use crate::provider::{Place, unsupported};
use crate::public;
use crate::public::padding::{pkcs1, pss};

impl Desk<'_> {
    /// Signs, in two calls of the module once the key is known.
    pub(super) fn sign(&mut self, request: &SignRequest<'_>) -> Result<Signature, Trouble> {
        let key = request.key();
        let known = self.resolve(key)?;
        let row = request.alg().row();
        let bytes = match (row.scheme, request.data()) {
            (SignScheme::Pkcs1v15, SignData::Digest(digest)) => {
                self.sign_pkcs1(&known, request, digest)?
            }
            (SignScheme::Pss, SignData::Digest(digest)) => {
                self.sign_pss(&known, request, digest)?
            }
            (SignScheme::Ecdsa(curve), SignData::Digest(digest)) => {
                let mechanism = Mechanism::Plain(CKM_ECDSA);
                let most = 2 * curve.field_len();
                let signature = self.raw_sign(&known, mechanism, digest.as_bytes(), most)?;
                one_form(curve, signature)?
            }
            (SignScheme::Hmac, SignData::Mac(data)) => {
                let mechanism = mechanism::hmac(row.hash)
                    .ok_or_else(|| unsupported(Op::Sign, request.alg(), key))?;
                self.raw_sign(&known, Mechanism::Plain(mechanism), data, row.hash.len())?
            }
            _ => return Err(unsupported(Op::Sign, request.alg(), key).into()),
        };
        let expected = match row.scheme {
            SignScheme::Hmac => row.hash.len(),
            SignScheme::Ecdsa(curve) => 2 * curve.field_len(),
            _ => key.spec().byte_len(),
        };
        if bytes.len() != expected {
            return Err(ErrorKind::FaultDetected.into());
        }
        let signature = Signature::from_bytes(bytes);
        if !known.proven {
            self.prove(known, request, &signature)?;
        }
        Ok(signature)
    }

    fn sign_pkcs1(
        &mut self,
        known: &Known,
        request: &SignRequest<'_>,
        digest: &HashValue,
    ) -> Result<Vec<u8>, Trouble> {
        let k = request.key().spec().byte_len();
        match self.token.offer().pkcs1_sign {
            Some(Place::Inside) => {
                let info = pkcs1::digest_info(digest.as_digest());
                self.raw_sign(known, Mechanism::Plain(CKM_RSA_PKCS), &info, k)
            }
            Some(_) => {
                let block = pkcs1::sign_encode(digest.as_digest(), k)?;
                self.sign_block(known, request, &block)
            }
            None => Err(unsupported(Op::Sign, request.alg(), request.key()).into()),
        }
    }

    fn sign_pss(
        &mut self,
        known: &Known,
        request: &SignRequest<'_>,
        digest: &HashValue,
    ) -> Result<Vec<u8>, Trouble> {
        let (spec, hash) = (request.key().spec(), digest.hash());
        match self.token.offer().pss.get(&hash) {
            Some(Place::Inside) => self.raw_sign(
                known,
                mechanism::pss(hash),
                digest.as_bytes(),
                spec.byte_len(),
            ),
            Some(_) => {
                let mut salt = [0; 64];
                let salt = salt.get_mut(..hash.len()).unwrap_or_default();
                getrandom::fill(salt).map_err(|_| Error::from(ErrorKind::Randomness))?;
                let block = pss::encode(digest.as_digest(), spec.bits(), salt)?;
                self.sign_block(known, request, &block)
            }
            None => Err(unsupported(Op::Sign, request.alg(), request.key()).into()),
        }
    }

    /// The raw private operation on a block that was padded here, checked before it leaves: a
    /// faulty one would give the key away to whoever compares (Boneh, DeMillo, Lipton 1997).
    fn sign_block(
        &mut self,
        known: &Known,
        request: &SignRequest<'_>,
        block: &[u8],
    ) -> Result<Vec<u8>, Trouble> {
        let mechanism = Mechanism::Plain(CKM_RSA_X_509);
        let bytes = self.raw_sign(known, mechanism, block, block.len())?;
        let signature = Signature::from_bytes(bytes);
        public::verify_made(request, &signature)?;
        Ok(signature.into_bytes())
    }

    pub(super) fn raw_sign(
        &mut self,
        known: &Known,
        mechanism: Mechanism<'_>,
        data: &[u8],
        most: usize,
    ) -> Result<Vec<u8>, Trouble> {
        let between = self.login_for_use(known)?;
        let (library, object) = (self.library, known.object);
        let result = library.sign(self.session, mechanism, object, data, most, between);
        self.noting_refused_pin(result)
    }

    /// What has to be done between `Init` and the operation with a key that wants the PIN for
    /// each use: a login of its own kind, in the same session (PKCS #11 v3.1 section 4.9).
    pub(super) fn login_for_use(
        &self,
        known: &Known,
    ) -> Result<impl FnOnce(&mut RawSession) -> Result<(), Failure> + use<>, Trouble> {
        let library = self.library;
        let pin = match known.always_authenticate {
            false => None,
            true if self.token.is_pin_refused() => return Err(ErrorKind::LoginRefused.into()),
            true => Some(self.token.config.pin.get()?),
        };
        Ok(move |session: &mut RawSession| match pin {
            None => Ok(()),
            Some(pin) => {
                let pin = pin.as_ref().map(|pin| pin.expose());
                library.login(session, CKU_CONTEXT_SPECIFIC, pin)
            }
        })
    }

    /// A PIN that was refused is not tried again.
    pub(super) fn noting_refused_pin<T>(&self, result: Result<T, Failure>) -> Result<T, Trouble> {
        result.map_err(|failure| match failure.is_pin() {
            true => {
                self.token
                    .pin_refused
                    .store(true, std::sync::atomic::Ordering::Release);
                Error::with_source(ErrorKind::LoginRefused, failure).into()
            }
            false => failure.into(),
        })
    }

    /// The first signature after the key was found shows whether it is the handle's key.
    fn prove(
        &mut self,
        mut known: Known,
        request: &SignRequest<'_>,
        signature: &Signature,
    ) -> Result<(), Trouble> {
        if public::verify_made(request, signature).is_err() {
            self.token.objects.forget(request.key().id());
            return Err(ErrorKind::Corrupt { what: "key handle" }.into());
        }
        known.proven = true;
        self.learn(&known);
        Ok(())
    }
}

/// Signatures on secp256k1 leave with the low one of the two values of s, as the software
/// backend's do: some verifiers take no other.
fn one_form(curve: Curve, signature: Vec<u8>) -> Result<Vec<u8>, Trouble> {
    if curve != Curve::P256K {
        return Ok(signature);
    }
    let parsed = k256::ecdsa::Signature::from_slice(&signature);
    let parsed = parsed.map_err(|_| Error::from(ErrorKind::FaultDetected))?;
    Ok(parsed.normalize_s().to_bytes().to_vec())
}
