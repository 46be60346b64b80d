//! Many signatures at once.
//!
//! Each item is permitted, fitted, offered and audited on its own, and has its own
//! result; only the provider's work is handed over as one batch, which a provider may
//! spread over SIMD lanes or sessions.

use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use super::state::Current;
use super::{Key, Keyed, Vault};
use crate::alg::{Alg, Digest, Op, SignAlg};
use crate::error::{Error, ErrorKind};
use crate::fit::{SignRequest, Signature, VerifyRequest};
use crate::handle::KeyHandle;
use crate::provider::KeyProvider;

/// What is signed: see [`Key::sign`] and [`Key::sign_digest`].
#[derive(Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SignInput<'a> {
    /// A message.
    Message(&'a [u8]),
    /// A digest made elsewhere.
    Digest(Digest<'a>),
}

impl SignInput<'_> {
    fn len(&self) -> usize {
        match self {
            SignInput::Message(message) => message.len(),
            SignInput::Digest(digest) => digest.as_bytes().len(),
        }
    }
}

/// A signature to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignItem<'a> {
    /// The algorithm.
    pub alg: SignAlg,
    /// What is signed.
    pub input: SignInput<'a>,
}

/// A signature to check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct VerifyItem<'a> {
    /// The algorithm.
    pub alg: SignAlg,
    /// What was signed.
    pub input: SignInput<'a>,
    /// The signature.
    pub signature: &'a [u8],
}

impl fmt::Debug for SignInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SignInput::Message(message) => write!(f, "Message({} bytes)", message.len()),
            SignInput::Digest(digest) => digest.fmt(f),
        }
    }
}

impl fmt::Debug for VerifyItem<'_> {
    /// Not the signature: one of HS* may be the MAC that somebody is to guess.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifyItem")
            .field("alg", &self.alg)
            .field("input", &self.input)
            .finish_non_exhaustive()
    }
}

impl Key {
    /// Signs many, in order, each with its own result.
    ///
    /// ```
    /// use strongroom::vault::{KeyOptions, SignInput, SignItem};
    /// use strongroom::{Curve, SignAlg};
    /// let vault = strongroom::in_memory()?;
    /// let key = vault.create("signing", Curve::P256, &KeyOptions::new())?;
    /// let items = [b"one", b"two"].map(|message| SignItem {
    ///     alg: SignAlg::Es256,
    ///     input: SignInput::Message(message),
    /// });
    /// for (item, signature) in items.iter().zip(key.sign_batch(&items)) {
    ///     let SignInput::Message(message) = item.input else { unreachable!() };
    ///     key.verify(item.alg, message, signature?.value.as_bytes())?;
    /// }
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn sign_batch(&self, items: &[SignItem<'_>]) -> Vec<Result<Keyed<Signature>, Error>> {
        let items: Vec<_> = items.iter().map(|item| (self, *item)).collect();
        sign_batch(&items)
    }

    /// Verifies many, in order, each with its own result.
    #[must_use]
    pub fn verify_batch(&self, items: &[VerifyItem<'_>]) -> Vec<Result<Keyed<()>, Error>> {
        let items: Vec<_> = items.iter().map(|item| (self, *item)).collect();
        verify_batch(&items)
    }
}

impl Vault {
    /// Signs many with different keys of this vault, in order, each with its own result.
    ///
    /// A key of another vault gives [`NotFound`](ErrorKind::NotFound).
    #[must_use]
    pub fn sign_batch(
        &self,
        items: &[(&Key, SignItem<'_>)],
    ) -> Vec<Result<Keyed<Signature>, Error>> {
        self.own(items, sign_batch)
    }

    /// Verifies many with different keys of this vault, in order, each with its own
    /// result.
    ///
    /// A key of another vault gives [`NotFound`](ErrorKind::NotFound).
    #[must_use]
    pub fn verify_batch(&self, items: &[(&Key, VerifyItem<'_>)]) -> Vec<Result<Keyed<()>, Error>> {
        self.own(items, verify_batch)
    }

    /// Runs a batch over the items whose keys are of this vault.
    fn own<I: Copy, T>(
        &self,
        items: &[(&Key, I)],
        run: impl FnOnce(&[(&Key, I)]) -> Vec<Result<Keyed<T>, Error>>,
    ) -> Vec<Result<Keyed<T>, Error>> {
        let is_own = |key: &Key| Arc::ptr_eq(&key.core().shared, &self.core.shared);
        let own: Vec<_> = items
            .iter()
            .copied()
            .filter(|(key, _)| is_own(key))
            .collect();
        let mut results = run(&own).into_iter();
        let result = |(key, _): &(&Key, I)| match is_own(key) {
            true => results.next().unwrap_or_else(lost),
            false => Err(ErrorKind::NotFound.into()),
        };
        items.iter().map(result).collect()
    }
}

/// The answer for an item that a provider's batch returned nothing for: a provider that
/// breaks its contract must not shift results onto their neighbours.
fn lost<T>() -> Result<T, Error> {
    Err(ErrorKind::Unavailable { what: "provider" }.into())
}

fn sign_batch(items: &[(&Key, SignItem<'_>)]) -> Vec<Result<Keyed<Signature>, Error>> {
    let what = |item: &SignItem<'_>| (Op::Sign, Alg::from(item.alg), item.input.len());
    let looked_up = LookedUp::of(Op::Sign, items);
    looked_up.run(items, what, sign_request, |provider, requests| {
        provider.sign_batch(requests)
    })
}

fn verify_batch(items: &[(&Key, VerifyItem<'_>)]) -> Vec<Result<Keyed<()>, Error>> {
    let what = |item: &VerifyItem<'_>| (Op::Verify, Alg::from(item.alg), item.input.len());
    let looked_up = LookedUp::of(Op::Verify, items);
    looked_up.run(items, what, verify_request, |provider, requests| {
        provider.verify_batch(requests)
    })
}

fn sign_request<'a>(key: &'a KeyHandle, item: &SignItem<'a>) -> Result<SignRequest<'a>, Error> {
    match item.input {
        SignInput::Message(message) => SignRequest::for_message(key, item.alg, message),
        SignInput::Digest(digest) => SignRequest::for_digest(key, item.alg, digest),
    }
}

fn verify_request<'a>(
    key: &'a KeyHandle,
    item: &VerifyItem<'a>,
) -> Result<VerifyRequest<'a>, Error> {
    let VerifyItem {
        alg,
        input,
        signature,
    } = *item;
    match input {
        SignInput::Message(message) => VerifyRequest::for_message(key, alg, message, signature),
        SignInput::Digest(digest) => VerifyRequest::for_digest(key, alg, digest, signature),
    }
}

/// The versions of a batch, one for each item; the requests borrow their handles.
struct LookedUp<'k> {
    begun: Option<Instant>,
    states: Vec<Result<Current<'k>, Error>>,
}

impl<'k> LookedUp<'k> {
    fn of<I>(op: Op, items: &[(&'k Key, I)]) -> Self {
        let start = |(key, _): &(&'k Key, I)| key.core().start();
        let begun = items.first().map_or(Ok(None), start);
        let look_up = |key: &'k Key| match &begun {
            Ok(_) => key.asked(op).and_then(|()| key.state()),
            Err(error) => Err(again(error)),
        };
        LookedUp {
            states: items.iter().map(|(key, _)| look_up(key)).collect(),
            begun: begun.ok().flatten(),
        }
    }

    /// Permit, fit and offer for each item; one call of each provider for those that
    /// passed; then an event and a result for each, in the items' order.
    fn run<'a, I, R, T>(
        &'a self,
        items: &'a [(&Key, I)],
        what: impl Fn(&I) -> (Op, Alg, usize),
        request: impl Fn(&'a KeyHandle, &'a I) -> Result<R, Error>,
        run: impl Fn(&dyn KeyProvider, &[R]) -> Vec<Result<T, Error>>,
    ) -> Vec<Result<Keyed<T>, Error>> {
        let mut batches: Vec<Batch<'_, R>> = Vec::with_capacity(1);
        let mut places = Vec::with_capacity(items.len());
        for ((key, item), state) in items.iter().zip(&self.states) {
            let place = match state {
                Ok(state) => {
                    let (op, alg, _) = what(item);
                    key.core().grant(op, alg, state).and_then(|granted| {
                        let request = request(granted.handle, item)?;
                        Ok(place(&mut batches, granted.provider()?, request))
                    })
                }
                Err(error) => Err(again(error)),
            };
            places.push(place);
        }
        let mut done: Vec<_> = batches
            .iter()
            .map(|batch| run(batch.provider, &batch.requests).into_iter())
            .collect();
        let mut results = Vec::with_capacity(items.len());
        for (((key, item), state), place) in items.iter().zip(&self.states).zip(places) {
            let result = place.and_then(|batch| {
                let done = done.get_mut(batch).and_then(Iterator::next);
                done.unwrap_or_else(lost)
            });
            let id = state.as_ref().ok().map(|state| state.id());
            let audited = key.audit(self.begun, what(item), id, &result);
            let value = audited.and(result);
            results.push(value.and_then(|value| {
                let key = id.ok_or(ErrorKind::NotFound)?.clone();
                Ok(Keyed { key, value })
            }));
        }
        results
    }
}

/// An error that more than one item has.
fn again(error: &Error) -> Error {
    error.kind().clone().into()
}

/// What one provider is asked for.
struct Batch<'a, R> {
    provider: &'a dyn KeyProvider,
    requests: Vec<R>,
}

/// Puts a request into its provider's batch; answers with that batch's place.
fn place<'a, R>(
    batches: &mut Vec<Batch<'a, R>>,
    provider: &'a dyn KeyProvider,
    request: R,
) -> usize {
    let same = |batch: &Batch<'a, R>| std::ptr::addr_eq(batch.provider, provider);
    let at = batches.iter().position(same).unwrap_or(batches.len());
    match batches.get_mut(at) {
        Some(batch) => batch.requests.push(request),
        None => batches.push(Batch {
            provider,
            requests: vec![request],
        }),
    }
    at
}
