//! ECDSA: each curve.

use std::sync::Arc;

use cryptoki_sys::*;

use super::{MESSAGE, verifies, with_pair, works};
use crate::alg::{Curve, KeySpec, SignAlg};
use crate::error::Error;
use crate::jwk::SecretJwk;
use crate::pkcs11::mechanism::Mechanism;
use crate::pkcs11::offer::Offer;
use crate::pkcs11::token::{Desk, Token};

pub(super) fn probe(token: &Arc<Token>, offer: &mut Offer) -> Result<(), Error> {
    for (alg, curve) in [
        (SignAlg::Es256, Curve::P256),
        (SignAlg::Es384, Curve::P384),
        (SignAlg::Es512, Curve::P521),
        (SignAlg::Es256K, Curve::P256K),
    ] {
        let spec = KeySpec::Ec(curve);
        let signs = move |desk: &mut Desk<'_>, known: Option<&SecretJwk>| {
            with_pair(desk, spec, known, |desk, key| {
                let digest = alg.row().hash.hash(MESSAGE);
                let (ecdsa, most) = (Mechanism::Plain(CKM_ECDSA), 2 * curve.field_len());
                let digest = digest.as_bytes();
                let made = desk.raw_sign(key, ecdsa, digest, most)?;
                verifies(&key.handle, alg, &made)
            })
        };
        // A scalar of small bytes is below every order.
        let known = SecretJwk::from_ec_scalar(curve, &vec![1; curve.field_len()])?;
        if works(token, move |desk| signs(desk, Some(&known)))? {
            offer.import.push(spec);
            offer.curves.push(curve);
        } else if works(token, move |desk| signs(desk, None))? {
            offer.curves.push(curve);
        }
    }
    let nothing_tried = offer.curves.is_empty() && !offer.lists(CKM_EC_KEY_PAIR_GEN);
    if let (true, Some(info)) = (nothing_tried, offer.mechanisms.get(&CKM_ECDSA).copied()) {
        let curves = [Curve::P256, Curve::P384, Curve::P521];
        let fits = |curve: &Curve| {
            let bits = CK_ULONG::from(KeySpec::Ec(*curve).bits());
            info.flags & CKF_SIGN != 0 && (info.min..=info.max).contains(&bits)
        };
        offer.curves = curves.into_iter().filter(fits).collect();
    }
    Ok(())
}
