//! Many operations at once: what runs side by side in lanes is brought together.
//!
//! Requests come in any order and with any keys. Each family takes out those that its kernel
//! computes together, whatever their keys; the rest are done one at a time. Each request has
//! its own result, in its own place.

use std::sync::Arc;

use super::ec::EcKey;
use super::opened::Opened;
use super::{Software, ec, operations, rsa};
use crate::engine::ec::Curve as Kernel;
use crate::error::Error;
use crate::fit::{SignData, SignRequest, Signature, VerifyRequest};
use crate::provider::{KeyProvider, ProviderRng};
use crate::public;

/// What a request has come to.
enum Slot {
    /// Its key is open, nothing is done yet.
    Open(Arc<Opened>),
    Done(Result<Signature, Error>),
}

/// Signs each request.
pub(super) fn sign(
    software: &Software,
    requests: &[SignRequest<'_>],
) -> Vec<Result<Signature, Error>> {
    let mut slots: Vec<Slot> = requests
        .iter()
        .map(|request| match software.hold(request.key()) {
            Ok(key) => Slot::Open(key),
            Err(error) => Slot::Done(Err(error)),
        })
        .collect();
    for &curve in Kernel::ALL {
        sign_ecdsa(software, requests, &mut slots, curve);
    }
    sign_rsa(software, requests, &mut slots);
    let rest = |(slot, request): (Slot, &SignRequest<'_>)| match slot {
        Slot::Done(result) => result,
        Slot::Open(key) => {
            let signature = operations::sign(&key, request, &mut ProviderRng::new(software))?;
            software.check_made(&key, request, &signature)?;
            Ok(signature)
        }
    };
    slots.into_iter().zip(requests).map(rest).collect()
}

/// Checks each request.
pub(super) fn verify(
    software: &Software,
    requests: &[VerifyRequest<'_>],
) -> Vec<Result<(), Error>> {
    public::verify_all(requests)
        .into_iter()
        .zip(requests)
        .map(|(done, request)| done.unwrap_or_else(|| software.verify(request)))
        .collect()
}

/// Signs the open requests of RSA keys.
fn sign_rsa(software: &Software, requests: &[SignRequest<'_>], slots: &mut [Slot]) {
    let mut rng = ProviderRng::new(software);
    let mut places = Vec::new();
    let mut items = Vec::new();
    let mut refused = Vec::new();
    for (at, (slot, request)) in slots.iter().zip(requests).enumerate() {
        if let (Slot::Open(key), SignData::Digest(digest)) = (slot, request.data())
            && let Opened::Rsa(key) = &**key
        {
            match key.encode(request.alg().row().scheme, digest.as_digest(), &mut rng) {
                Ok(block) => {
                    places.push(at);
                    items.push((&**key, block));
                }
                Err(error) => refused.push((at, Err(error))),
            }
        }
    }
    let signed = rsa::in_lanes(&mut items);
    for (at, signature) in places.into_iter().zip(signed).chain(refused) {
        if let Some(slot) = slots.get_mut(at) {
            *slot = Slot::Done(signature.map(Signature::from_bytes));
        }
    }
}

/// Signs the open requests of a curve.
fn sign_ecdsa(
    software: &Software,
    requests: &[SignRequest<'_>],
    slots: &mut [Slot],
    curve: Kernel,
) {
    let mut places = Vec::new();
    let mut items = Vec::new();
    for (at, (slot, request)) in slots.iter().zip(requests).enumerate() {
        if let (Slot::Open(key), SignData::Digest(digest)) = (slot, request.data())
            && let Opened::Ec(EcKey { curve: of, d }) = &**key
            && *of == curve
        {
            places.push(at);
            items.push((d, digest.as_bytes()));
        }
    }
    // One alone takes less time as such, without the lists.
    if items.len() < 2 {
        return;
    }
    let signed = ec::in_lanes(curve, &items, &mut ProviderRng::new(software));
    let signed = signed.unwrap_or_else(|error| {
        let failed = || Err(Error::from(error.kind().clone()));
        items.iter().map(|_| failed()).collect()
    });
    for (at, signature) in places.into_iter().zip(signed) {
        let (Some(slot), Some(request)) = (slots.get_mut(at), requests.get(at)) else {
            continue;
        };
        let Slot::Open(key) = &slot else { continue };
        let signature = signature.map(Signature::from_bytes);
        let result = signature.and_then(|signature| {
            software.check_made(key, request, &signature)?;
            Ok(signature)
        });
        *slot = Slot::Done(result);
    }
}
