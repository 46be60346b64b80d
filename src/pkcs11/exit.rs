//! The end of the process.
//!
//! `exit` runs what libraries registered with `atexit`, the last first, while other threads
//! go on. What the libraries under a module registered frees what its calls work with
//! (OpenSSL's, under SoftHSM), and a thread that is in one of them then crashes. So this
//! backend registers after them, and thus comes before them: from then on no call goes into a
//! module, and those inside are waited for, but never long: a process that is asked to end
//! does.

use std::cell::Cell;
use std::sync::OnceLock;
use std::thread;
use std::time::{Duration, Instant};

use super::error::{Reason, unavailable};
use super::{module, raw};
use crate::error::Error;

/// How long an exit may wait for calls, in all.
const PATIENCE: Duration = Duration::from_secs(2);

/// Set once the process has begun to end: until when calls are waited for.
static UNTIL: OnceLock<Instant> = OnceLock::new();

/// How long a thread that is refused rests: one that ends runs what the libraries under a module
/// keep for each thread, beside their clean-up.
const REST: Duration = Duration::from_secs(1);

thread_local! {
    /// Whether this thread ends the process: it does not rest.
    static ENDS: Cell<bool> = const { Cell::new(false) };
}

/// Comes before whatever was registered until now. May be called often: what a library needs
/// later than at its initialisation, it may register later too.
pub(super) fn come_first() {
    raw::at_exit();
}

/// The process ends now.
pub(super) fn begin() {
    ENDS.set(true);
    module::end_all(*UNTIL.get_or_init(|| Instant::now() + PATIENCE));
}

/// Refuses what would begin after the process has begun to end.
pub(super) fn refuse() -> Result<(), Error> {
    match UNTIL.get() {
        None => Ok(()),
        Some(_) => Err(unavailable(Reason::Ending)),
    }
}

/// The same after a rest, by who holds no lock.
pub(super) fn refuse_at_rest() -> Result<(), Error> {
    let refused = refuse();
    if refused.is_err() && !ENDS.get() {
        thread::sleep(REST);
    }
    refused
}
