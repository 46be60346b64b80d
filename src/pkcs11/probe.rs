//! Finding out what a token can do, by trying.
//!
//! The mechanism list says what a token has heard of. Whether it takes the hash that OAEP is
//! asked for, means RFC 5649 by its padded key wrap, or fills up with zeros in silence shows
//! only when it is tried. So each thing is tried once when the token is opened, with keys of
//! known value that live as long as one session, and is offered only if its answer is right.
//! Where a token takes no keys in the clear they are generated, and what then has no known
//! answer is not offered.

mod ec;
mod oct;
mod rsa;
mod wrapped;

use std::collections::BTreeMap;
use std::sync::Arc;

use cryptoki_sys::*;

use super::error::Trouble;
use super::mechanism::{self, MechanismInfo};
use super::object::{Known, Locator, handle};
use super::offer::Offer;
use super::raw::{Object, RawSession};
use super::rv::Failure;
use super::template::{NewTemplates, Numbers};
use super::token::{Desk, Kind, Token};
use crate::alg::{KeySpec, SignAlg};
use crate::error::{Error, ErrorKind};
use crate::fit::VerifyRequest;
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::jwk::{Jwk, PublicKey, RsaPublic, SecretJwk};
use crate::provider::NewKey;
use crate::public;

/// Content for whatever wants some.
const MESSAGE: &[u8] = b"strongroom probes this token";

/// Tries everything. Fails only if the token cannot be worked with at all.
pub(super) fn probe(token: &Arc<Token>) -> Result<Offer, Error> {
    let mut offer = Offer {
        mechanisms: list(token)?,
        ..Offer::default()
    };
    let lists = |offer: &Offer, any: &[CK_MECHANISM_TYPE]| any.iter().any(|it| offer.lists(*it));
    if lists(
        &offer,
        &[
            CKM_RSA_PKCS,
            CKM_RSA_X_509,
            CKM_RSA_PKCS_OAEP,
            CKM_RSA_PKCS_PSS,
        ],
    ) {
        rsa::probe(token, &mut offer)?;
    }
    if lists(&offer, &[CKM_ECDSA]) {
        ec::probe(token, &mut offer)?;
    }
    if lists(&offer, &[CKM_AES_GCM, CKM_AES_CBC, CKM_AES_CBC_PAD]) {
        oct::aes(token, &mut offer)?;
    }
    oct::key_wrap(token, &mut offer)?;
    oct::hmacs(token, &mut offer)?;
    wrapped::wrapped(token, &mut offer)?;
    Ok(offer)
}

fn list(token: &Arc<Token>) -> Result<BTreeMap<CK_MECHANISM_TYPE, MechanismInfo>, Error> {
    let listed = token.work(Kind::Repeatable, |desk| {
        let slot = desk.slot;
        let mechanisms = desk.library.mechanisms(slot)?.into_iter();
        // A mechanism that is listed and cannot be asked about is not there.
        let known = mechanisms
            .filter_map(|it| Some((it, desk.library.mechanism_info(slot, it).ok()?)))
            .collect();
        Ok(known)
    });
    Ok(listed?)
}

/// Tries one thing: `None` if the token is well and does not do it.
fn attempt<T: Send + 'static>(
    token: &Arc<Token>,
    work: impl Fn(&mut Desk<'_>) -> Result<T, Trouble> + Send + Sync + 'static,
) -> Result<Option<T>, Error> {
    match token.work(Kind::Trial, work) {
        Ok(value) => Ok(Some(value)),
        Err(Trouble::Failure(_) | Trouble::Missing) => Ok(None),
        Err(Trouble::Final(error)) => match error.kind() {
            ErrorKind::Unavailable { .. } | ErrorKind::LoginRefused | ErrorKind::Randomness => {
                Err(error)
            }
            // A wrong answer: it does something else by this name.
            _ => Ok(None),
        },
        Err(trouble @ Trouble::Overdue(_)) => Err(trouble.into()),
    }
}

/// Tries something that is right or wrong.
fn works(
    token: &Arc<Token>,
    work: impl Fn(&mut Desk<'_>) -> Result<bool, Trouble> + Send + Sync + 'static,
) -> Result<bool, Error> {
    Ok(attempt(token, work)?.unwrap_or(false))
}

fn no_login(_: &mut RawSession) -> Result<(), Failure> {
    Ok(())
}

fn new_key(spec: KeySpec) -> Result<NewKey, Error> {
    let id = ProviderKeyId::from_bytes(*b"strongroom probe");
    Ok(NewKey::new(id, spec)?.with_label("strongroom probe"))
}

/// A private key for one session: imported, or else generated. It is used as any key is, as a
/// token may want the PIN for this one too.
fn with_pair<T>(
    desk: &mut Desk<'_>,
    spec: KeySpec,
    known: Option<&SecretJwk>,
    work: impl FnOnce(&mut Desk<'_>, &Known) -> Result<T, Trouble>,
) -> Result<T, Trouble> {
    let new = new_key(spec)?;
    let templates = NewTemplates::new(&new, false)?;
    if let Some(known) = known {
        let numbers = Numbers::of(known.public().key());
        let template = templates.import(known.secret(), &numbers);
        let public = Jwk::new(known.public().key().clone());
        return desk.with_object(&template, |desk, object| {
            let key = temporary(desk, &new, object, public)?;
            work(desk, &key)
        });
    }
    let mechanism = mechanism::generation(spec);
    let (public, private) = (templates.public(), templates.private());
    let (public, private) =
        desk.library
            .generate_key_pair(desk.session, mechanism, &public, &private)?;
    desk.destroying(private, |desk| {
        desk.destroying(public, |desk| {
            let jwk = public_of(desk, spec, public)?;
            let key = temporary(desk, &new, private, jwk)?;
            work(desk, &key)
        })
    })
}

fn public_of(desk: &mut Desk<'_>, spec: KeySpec, public: Object) -> Result<Jwk, Trouble> {
    if let KeySpec::Ec(curve) = spec {
        return desk.point_of(curve, public);
    }
    let n = desk.attribute(public, CKA_MODULUS)?.unwrap_or_default();
    let e = desk
        .attribute(public, CKA_PUBLIC_EXPONENT)?
        .unwrap_or_default();
    let key = RsaPublic::from_components(&n, &e)?;
    Ok(Jwk::new(PublicKey::Rsa(key)))
}

fn temporary(
    desk: &mut Desk<'_>,
    new: &NewKey,
    object: Object,
    public: Jwk,
) -> Result<Known, Trouble> {
    let place = Locator::Id(new.id().as_bytes().to_vec());
    Ok(Known {
        handle: handle(&desk.token.config.id, new.spec(), Some(public), &place)?,
        object,
        always_authenticate: desk.flag(object, CKA_ALWAYS_AUTHENTICATE)?,
        proven: true,
        rejection: None,
    })
}

/// Whether a signature by `sign` verifies.
fn verifies(key: &KeyHandle, alg: SignAlg, signature: &[u8]) -> Result<bool, Trouble> {
    let digest = alg.row().hash.hash(MESSAGE);
    let request = VerifyRequest::for_digest(key, alg, digest.as_digest(), signature)?;
    Ok(public::verify(&request).is_ok())
}
