//! The public point of a private EC key that is in the token, from two of its signatures.
//!
//! A token does not tell the point of a private key that was unwrapped. A signature leaves two
//! points possible, four in rare cases (SEC 1 v2.0 section 4.1.6); a second one tells which.

use cryptoki_sys::*;

use super::error::Trouble;
use super::mechanism::Mechanism;
use super::object::{Locator, handle};
use super::raw::Object;
use super::token::Desk;
use crate::alg::{Curve, KeySpec, SignAlg, SignScheme};
use crate::error::{Error, ErrorKind};
use crate::fit::VerifyRequest;
use crate::jwk::{EcPublic, Jwk, PublicKey, each_curve};
use crate::public;

impl Desk<'_> {
    /// The point of a key that may sign.
    pub(super) fn recover_point(
        &mut self,
        curve: Curve,
        object: Object,
    ) -> Result<EcPublic, Trouble> {
        let fault = || Error::from(ErrorKind::FaultDetected);
        let mut algs = SignAlg::ALL.iter();
        let alg = *algs
            .find(|alg| alg.row().scheme == SignScheme::Ecdsa(curve))
            .ok_or_else(fault)?;
        let digests = [b"first".as_slice(), b"second"].map(|text| alg.row().hash.hash(text));
        let mut sign = |digest: &[u8]| {
            let (library, most) = (self.library, 2 * curve.field_len());
            let ecdsa = Mechanism::Plain(CKM_ECDSA);
            library.sign(self.session, ecdsa, object, digest, most, |_| Ok(()))
        };
        let [first, second] = &digests;
        let (one, other) = (sign(first.as_bytes())?, sign(second.as_bytes())?);
        let fits = |point: &EcPublic| -> Result<bool, Error> {
            let public = Jwk::new(PublicKey::Ec(point.clone()));
            let nowhere = Locator::Id(Vec::new());
            let id = &self.token.config.id;
            let key = handle(id, KeySpec::Ec(curve), Some(public), &nowhere)?;
            let request = VerifyRequest::for_digest(&key, alg, second.as_digest(), &other)?;
            Ok(public::verify(&request).is_ok())
        };
        let mut found = Vec::new();
        for point in candidates(curve, first.as_bytes(), &one) {
            if fits(&point)? {
                found.push(point);
            }
        }
        match (found.pop(), found.pop()) {
            (Some(point), None) => Ok(point),
            _ => Err(fault().into()),
        }
    }
}

/// The points under which a signature verifies.
fn candidates(curve: Curve, digest: &[u8], signature: &[u8]) -> Vec<EcPublic> {
    each_curve!(curve, module => {
        let signature = module::ecdsa::Signature::from_slice(signature).ok();
        let ids = (0..=ecdsa::RecoveryId::MAX).filter_map(ecdsa::RecoveryId::from_byte);
        let keys = ids.filter_map(|id| {
            let signature = signature.as_ref()?;
            let key = module::ecdsa::VerifyingKey::recover_from_prehash(digest, signature, id);
            EcPublic::from_sec1(curve, key.ok()?.to_sec1_point(false).as_bytes()).ok()
        });
        keys.collect()
    })
}
