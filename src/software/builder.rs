//! Putting a [`Software`] together.

use rand_core::TryCryptoRng;

use super::Software;
use super::cache::Cache;
use super::capabilities;
use super::sealing::SealingKeys;
use super::self_test;
use crate::error::{Error, ErrorKind};
use crate::handle::ProviderId;
use crate::seal::{Randomness, SealingKey};

/// Room for some nine thousand RSA-2048 keys, or as many of P-256.
const CACHE_BYTES: usize = 64 << 20;

/// Puts a [`Software`] together; made by [`Software::builder`].
#[derive(Debug)]
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    id: Option<ProviderId>,
    current: Option<SealingKey>,
    ephemeral: bool,
    older: Vec<SealingKey>,
    rng: Randomness,
    cache_bytes: usize,
    verify_after_sign: bool,
}

impl Builder {
    pub(super) fn new() -> Self {
        Builder {
            id: None,
            current: None,
            ephemeral: false,
            older: Vec::new(),
            rng: Randomness::system(),
            cache_bytes: CACHE_BYTES,
            verify_after_sign: false,
        }
    }

    /// The backend's name; `software` unless said otherwise. Sealed keys are bound to it.
    pub fn id(mut self, id: ProviderId) -> Self {
        self.id = Some(id);
        self
    }

    /// The key that new keys are sealed under.
    pub fn sealing_key(mut self, key: SealingKey) -> Self {
        self.current = Some(key);
        self
    }

    /// A key that keys were sealed under before: it opens and does not seal. Any number.
    pub fn older_sealing_key(mut self, key: SealingKey) -> Self {
        self.older.push(key);
        self
    }

    /// A sealing key that is drawn when building and kept nowhere: the keys end with
    /// this value.
    pub fn ephemeral(mut self) -> Self {
        self.ephemeral = true;
        self
    }

    /// A generator to use in place of the operating system's, behind a lock. It is
    /// watched for standing still, and asked for a 32-byte seed where much is needed.
    ///
    /// It is asked in the middle of operations, so it must not use keys of a software backend:
    /// those that are let go of meanwhile could not be waited for, and would not be erased.
    ///
    /// After a fork the copy of a generator that lives in the process repeats the
    /// original's output: seed it anew in the child, or leave this to the system's.
    pub fn rng(mut self, rng: impl TryCryptoRng + Send + 'static) -> Self {
        self.rng = Randomness::own(rng);
        self
    }

    /// About how many bytes of opened keys to keep; 64 MiB unless said otherwise. With 0
    /// every operation opens its key anew and erases it, at the price of time.
    pub fn cache_bytes(mut self, bytes: usize) -> Self {
        self.cache_bytes = bytes;
        self
    }

    /// Verifies each ECDSA signature before it leaves, and signs and verifies with each new
    /// elliptic-curve key before it is used; off unless said otherwise.
    ///
    /// It costs several times what signing does. Without it, a signature that a fault made
    /// wrong leaves: with a deterministic nonce one such beside a good one would be the key,
    /// which hedging prevents; faults in the key itself, repeated, still tell it bit by bit.
    /// Turn it on where somebody may cause faults. RSA results are always checked: there a
    /// single fault is enough, and the check is cheap.
    pub fn verify_after_sign(mut self, verify: bool) -> Self {
        self.verify_after_sign = verify;
        self
    }

    /// # Errors
    /// [`Misconfigured`](ErrorKind::Misconfigured) without a sealing key, or with one
    /// that is also ephemeral; [`Randomness`](ErrorKind::Randomness);
    /// [`FaultDetected`](ErrorKind::FaultDetected) if this machine does not compute the
    /// known answers.
    pub fn build(self) -> Result<Software, Error> {
        self_test::passed()?;
        let misconfigured = |rule| Err(ErrorKind::Misconfigured { rule }.into());
        let current = match (self.current, self.ephemeral) {
            (Some(key), false) => key,
            (None, true) => SealingKey::drawn(&self.rng)?,
            (None, false) => {
                return misconfigured("give a sealing key, or ask for an ephemeral one");
            }
            (Some(_), true) => {
                return misconfigured("a sealing key that is given is not ephemeral");
            }
        };
        let id = match self.id {
            Some(id) => id,
            None => ProviderId::new(Software::DEFAULT_ID)?,
        };
        Ok(Software {
            id,
            keys: SealingKeys {
                current,
                older: self.older,
            },
            rng: self.rng,
            cache: Cache::new(self.cache_bytes),
            verify_after_sign: self.verify_after_sign,
            capabilities: capabilities::table(self.ephemeral).into(),
        })
    }
}
