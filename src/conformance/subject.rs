//! What the checks run on: a backend with one key of each kind, made once and shared.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use super::{CHECKS, Check, Fixture, keys};
use crate::alg::{Alg, EncryptAlg, KeySpec, Op, OpSet, SignAlg, WrapAlg};
use crate::error::{Error, ErrorKind};
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::jwk::SecretJwk;
use crate::provider::{KeyProvider, NewKey};

/// A backend under test, with the keys that the checks share.
///
/// Making an RSA key takes a token seconds, so there is one key of each kind for all
/// checks, made when the first of them asks.
pub struct Subject {
    fixture: Box<dyn Fixture>,
    slots: Mutex<Slots>,
    made: Mutex<Vec<KeyHandle>>,
    ids: AtomicU64,
    finished: AtomicUsize,
}

/// Each kind has a key for everything, and some a second one to be the wrong key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Which {
    First,
    Second,
}

/// Locked for a moment only: while one key is made, others can be asked for.
type Slots = BTreeMap<(KeySpec, Which), Arc<OnceLock<Slot>>>;

/// A key, or why there is none.
type Slot = Result<KeyHandle, String>;

impl Subject {
    /// A subject whose keys are not made yet.
    #[must_use]
    pub fn new(fixture: impl Fixture + 'static) -> Self {
        Subject {
            fixture: Box::new(fixture),
            slots: Mutex::default(),
            made: Mutex::default(),
            ids: AtomicU64::new(0),
            finished: AtomicUsize::new(0),
        }
    }

    /// Runs one check, unless the fixture leaves it out. After the last of
    /// [`CHECKS`] the keys that they made are destroyed.
    ///
    /// # Panics
    /// If the backend fails the check.
    pub fn perform(&self, check: &Check) {
        let _finished = Finished(self);
        match self.fixture.leave_out_check(check.name) {
            Some(reason) => println!("left out: {}: {reason}", check.name),
            None => (check.run)(self),
        }
    }

    /// Destroys every key that was made, as far as it can.
    pub fn clean_up(&self) {
        let made = std::mem::take(&mut *lock(&self.made));
        lock(&self.slots).clear();
        for key in made {
            // A key that cannot be removed is no reason to keep the others.
            let _ = self.provider().destroy(&key);
        }
    }

    pub(super) fn provider(&self) -> &dyn KeyProvider {
        self.fixture.provider()
    }

    /// The key of this kind, or why there is none.
    pub(super) fn key(&self, spec: KeySpec) -> Result<KeyHandle, String> {
        self.slot(spec, Which::First)
    }

    /// Another key of this kind. Of RSA only where one can be imported or costs little.
    pub(super) fn second_key(&self, spec: KeySpec) -> Option<KeyHandle> {
        self.slot(spec, Which::Second).ok()
    }

    /// The keys of all kinds that there are.
    pub(super) fn keys(&self) -> Vec<KeyHandle> {
        let keys = KeySpec::ALL.iter().map(|spec| self.key(*spec));
        keys.filter_map(Result::ok).collect()
    }

    /// The offered rows of an operation, each with its key.
    pub(super) fn signing(&self, op: Op) -> Vec<Case<SignAlg>> {
        self.cases(op, |alg| match alg {
            Alg::Sign(alg) => Some(alg),
            _ => None,
        })
    }

    /// The same for wrapKey and unwrapKey.
    pub(super) fn wrapping(&self, op: Op) -> Vec<Case<WrapAlg>> {
        self.cases(op, |alg| match alg {
            Alg::Wrap(alg) => Some(alg),
            _ => None,
        })
    }

    /// The same for encrypt and decrypt.
    pub(super) fn encryption(&self, op: Op) -> Vec<Case<EncryptAlg>> {
        self.cases(op, |alg| match alg {
            Alg::Encrypt(alg) => Some(alg),
            _ => None,
        })
    }

    pub(super) fn offers(&self, op: Op, alg: impl Into<Alg>, spec: KeySpec) -> bool {
        let offers = self.provider().capabilities();
        offers.supports(op, alg, spec).is_some()
    }

    /// What to make, under an id that no other run has used.
    pub(super) fn new_key(&self, spec: KeySpec) -> NewKey {
        let mut id = [0; 16];
        let (random, counter) = id.split_at_mut(8);
        must("random", spec, self.provider().random(random));
        let count = self.ids.fetch_add(1, Ordering::Relaxed);
        counter.copy_from_slice(&count.to_be_bytes());
        let new = NewKey::new(ProviderKeyId::from_bytes(id), spec);
        must("a key to make", spec, new).with_label("strongroom conformance")
    }

    pub(super) fn generate(&self, spec: KeySpec) -> KeyHandle {
        let key = self.provider().generate(&self.new_key(spec));
        self.keep(must("generate", spec, key))
    }

    pub(super) fn import(&self, jwk: &SecretJwk, spec: KeySpec) -> KeyHandle {
        let key = self.provider().import(jwk, &self.new_key(spec));
        self.keep(must("import", spec, key))
    }

    fn keep(&self, key: KeyHandle) -> KeyHandle {
        lock(&self.made).push(key.clone());
        key
    }

    fn cases<A>(&self, op: Op, of: impl Fn(Alg) -> Option<A>) -> Vec<Case<A>> {
        let offers = self.provider().capabilities();
        let rows = offers.rows().iter().filter(|row| row.op == op);
        let cases = rows.filter_map(|row| {
            let (alg, key) = (of(row.alg)?, self.key(row.spec).ok()?);
            Some(Case { alg, key })
        });
        cases.collect()
    }

    fn slot(&self, spec: KeySpec, which: Which) -> Slot {
        let slot = Arc::clone(lock(&self.slots).entry((spec, which)).or_default());
        slot.get_or_init(|| self.obtain(spec, which)).clone()
    }

    fn obtain(&self, spec: KeySpec, which: Which) -> Slot {
        if let Some(reason) = self.fixture.leave_out(spec) {
            return Err(reason.to_owned());
        }
        let offers = self.provider().capabilities();
        let costly = matches!(spec, KeySpec::Rsa { .. });
        if offers.can_import(spec) && which == Which::Second && costly {
            return Ok(self.import(&self.fresh(spec), spec));
        }
        if offers.can_generate(spec) {
            if costly && which == Which::Second && spec.bits() > 2048 {
                return Err("it takes too long to make a second one".to_owned());
            }
            return Ok(self.generate(spec));
        }
        if offers.can_import(spec) && !(costly && which == Which::Second) {
            return Ok(self.import(&self.fresh(spec), spec));
        }
        Err("such a key can be neither generated nor imported".to_owned())
    }

    /// A key to import: random, or for RSA the known one.
    pub(super) fn fresh(&self, spec: KeySpec) -> SecretJwk {
        let mut bytes = vec![0; spec.byte_len()];
        // A scalar below the order of its curve comes up soon: the odds are even at worst.
        for _ in 0..100 {
            must("random", spec, self.provider().random(&mut bytes));
            let jwk = match spec {
                KeySpec::Ec(curve) => {
                    if let Some(first) =
                        bytes.first_mut().filter(|_| !spec.bits().is_multiple_of(8))
                    {
                        *first &= 1;
                    }
                    SecretJwk::from_ec_scalar(curve, &bytes)
                }
                KeySpec::Aes { .. } => keys::symmetric(&bytes, OpSet::SIX_VERBS),
                KeySpec::Hmac { .. } => keys::symmetric(&bytes, OpSet::SIGN_VERIFY),
                _ => match keys::rsa(spec) {
                    Some(known) => known.jwk(),
                    None => panic!("{spec}: the suite knows no key of this kind"),
                },
            };
            if let Ok(jwk) = jwk {
                return jwk;
            }
        }
        panic!("{spec}: the backend's randomness gave no key in 100 tries");
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({})", self.provider().id())
    }
}

/// Counts a check when it is over, however it ended.
struct Finished<'a>(&'a Subject);

impl Drop for Finished<'_> {
    fn drop(&mut self) {
        if self.0.finished.fetch_add(1, Ordering::AcqRel) + 1 == CHECKS.len() {
            self.0.clean_up();
        }
    }
}

/// An algorithm with a key that it is offered for.
#[derive(Clone)]
pub(super) struct Case<A> {
    pub(super) alg: A,
    pub(super) key: KeyHandle,
}

impl<A: Copy + Into<Alg>> Case<A> {
    pub(super) fn spec(&self) -> KeySpec {
        self.key.spec()
    }

    /// The same algorithm with another key.
    pub(super) fn with(&self, key: KeyHandle) -> Self {
        Case { alg: self.alg, key }
    }
}

impl<A: Copy + Into<Alg>> fmt::Display for Case<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let alg: Alg = self.alg.into();
        write!(f, "{alg} on {}", self.spec())
    }
}

/// The value, or the end of the check.
#[track_caller]
pub(super) fn must<T>(what: &str, case: impl fmt::Display, result: Result<T, Error>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{case}: {what} failed: {error:?}"),
    }
}

/// The error, which must be of this kind; and, if it is a cryptographic one, bare.
#[track_caller]
pub(super) fn must_fail<T>(
    what: &str,
    case: impl fmt::Display,
    result: Result<T, Error>,
    kind: &ErrorKind,
) {
    let Err(error) = result else {
        panic!("{case}: {what} succeeded and must fail as {kind:?}");
    };
    assert!(
        error.kind() == kind,
        "{case}: {what} failed as {error:?} and must fail as {kind:?}"
    );
    let bare = matches!(kind, ErrorKind::BadSignature | ErrorKind::DecryptFailed);
    assert!(
        !bare || std::error::Error::source(&error).is_none(),
        "{case}: {what} failed with a source: {error:?}"
    );
}

/// Bytes that look like nothing: a simple sequence with a period of 251.
pub(super) fn sample(len: usize) -> Vec<u8> {
    (0..251).cycle().take(len).collect()
}

/// A panicking check leaves the other ones what it was holding.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
