//! Many signatures at once.
//!
//! Each item is permitted, fitted, offered and audited on its own, and has its own
//! result; only the provider's work is handed over as one batch, which a provider may
//! spread over SIMD lanes or sessions.

use std::fmt;
use std::sync::Arc;

use super::key::State;
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
        sign_batch(self.core().provider.as_ref(), &items)
    }

    /// Verifies many, in order, each with its own result.
    #[must_use]
    pub fn verify_batch(&self, items: &[VerifyItem<'_>]) -> Vec<Result<Keyed<()>, Error>> {
        let items: Vec<_> = items.iter().map(|item| (self, *item)).collect();
        verify_batch(self.core().provider.as_ref(), &items)
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
        self.own(items, |items| {
            sign_batch(self.core.provider.as_ref(), items)
        })
    }

    /// Verifies many with different keys of this vault, in order, each with its own
    /// result.
    ///
    /// A key of another vault gives [`NotFound`](ErrorKind::NotFound).
    #[must_use]
    pub fn verify_batch(&self, items: &[(&Key, VerifyItem<'_>)]) -> Vec<Result<Keyed<()>, Error>> {
        self.own(items, |items| {
            verify_batch(self.core.provider.as_ref(), items)
        })
    }

    /// Runs a batch over the items whose keys are of this vault.
    fn own<I: Copy, T>(
        &self,
        items: &[(&Key, I)],
        run: impl FnOnce(&[(&Key, I)]) -> Vec<Result<Keyed<T>, Error>>,
    ) -> Vec<Result<Keyed<T>, Error>> {
        let is_own = |key: &Key| Arc::ptr_eq(key.core(), &self.core);
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

fn sign_batch(
    provider: &dyn KeyProvider,
    items: &[(&Key, SignItem<'_>)],
) -> Vec<Result<Keyed<Signature>, Error>> {
    let what = |item: &SignItem<'_>| (Op::Sign, Alg::from(item.alg), item.input.len());
    let looked_up = LookedUp::of(items);
    looked_up.run(items, what, sign_request, |requests| {
        provider.sign_batch(requests)
    })
}

fn verify_batch(
    provider: &dyn KeyProvider,
    items: &[(&Key, VerifyItem<'_>)],
) -> Vec<Result<Keyed<()>, Error>> {
    let what = |item: &VerifyItem<'_>| (Op::Verify, Alg::from(item.alg), item.input.len());
    let looked_up = LookedUp::of(items);
    looked_up.run(items, what, verify_request, |requests| {
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
struct LookedUp(Vec<Result<Arc<State>, Error>>);

impl LookedUp {
    fn of<I>(items: &[(&Key, I)]) -> Self {
        LookedUp(items.iter().map(|(key, _)| key.state()).collect())
    }

    /// Permit, fit and offer for each item; one call of the provider for those that
    /// passed; then an event and a result for each, in the items' order.
    fn run<'a, I, R, T>(
        &'a self,
        items: &'a [(&Key, I)],
        what: impl Fn(&I) -> (Op, Alg, usize),
        request: impl Fn(&'a KeyHandle, &'a I) -> Result<R, Error>,
        run: impl FnOnce(&[R]) -> Vec<Result<T, Error>>,
    ) -> Vec<Result<Keyed<T>, Error>> {
        let mut requests = Vec::with_capacity(items.len());
        let mut refused = Vec::with_capacity(items.len());
        for ((key, item), state) in items.iter().zip(&self.0) {
            let ready = match state {
                Ok(state) => {
                    let (op, alg, _) = what(item);
                    key.core().grant(op, alg, state).and_then(|granted| {
                        let request = request(granted.handle, item)?;
                        granted.provider().map(|_| request)
                    })
                }
                Err(error) => Err(error.kind().clone().into()),
            };
            match ready {
                Ok(request) => {
                    requests.push(request);
                    refused.push(None);
                }
                Err(error) => refused.push(Some(error)),
            }
        }
        let done = match requests.as_slice() {
            [] => Vec::new(),
            requests => run(requests),
        };
        let mut done = done.into_iter();
        let mut results = Vec::with_capacity(items.len());
        for (((key, item), state), refused) in items.iter().zip(&self.0).zip(refused) {
            let result = match refused {
                Some(error) => Err(error),
                None => done.next().unwrap_or_else(lost),
            };
            let id = state.as_ref().ok().map(|state| &state.id);
            let value = key.audit(what(item), id, result);
            results.push(value.and_then(|value| {
                let key = id.ok_or(ErrorKind::NotFound)?.clone();
                Ok(Keyed { key, value })
            }));
        }
        results
    }
}
