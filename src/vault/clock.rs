//! The time that policy is decided by.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A time: seconds since 1970-01-01T00:00:00Z, leap seconds not counted (the `IntDate`
/// of Key Vault, the `NumericDate` of RFC 7519).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct UnixTime(pub u64);

impl UnixTime {
    /// This many seconds later, or the end of time.
    #[must_use]
    pub fn plus(self, seconds: u64) -> Self {
        UnixTime(self.0.saturating_add(seconds))
    }

    /// This many seconds earlier, or 1970.
    #[must_use]
    pub fn minus(self, seconds: u64) -> Self {
        UnixTime(self.0.saturating_sub(seconds))
    }
}

impl fmt::Display for UnixTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A source of the current time.
pub trait Clock: fmt::Debug + Send + Sync {
    /// Now.
    fn now(&self) -> UnixTime;
}

/// The system's clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    /// A clock set before 1970 reads as 1970: keys with `nbf` are then not valid yet.
    fn now(&self) -> UnixTime {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        UnixTime(since.map_or(0, |since| since.as_secs()))
    }
}

/// A clock that stands until it is set: for tests and simulations.
///
/// ```
/// use strongroom::vault::{Clock, ManualClock, UnixTime};
/// let clock = ManualClock::at(UnixTime(1_000));
/// clock.set(UnixTime(2_000));
/// assert_eq!(clock.now(), UnixTime(2_000));
/// ```
#[derive(Debug, Default)]
pub struct ManualClock(AtomicU64);

impl ManualClock {
    /// A clock that stands at this time.
    #[must_use]
    pub fn at(time: UnixTime) -> Self {
        ManualClock(AtomicU64::new(time.0))
    }

    /// Sets the clock, forwards or backwards.
    pub fn set(&self, time: UnixTime) {
        self.0.store(time.0, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> UnixTime {
        UnixTime(self.0.load(Ordering::SeqCst))
    }
}
