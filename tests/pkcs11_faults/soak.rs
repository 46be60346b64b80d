//! Eight threads sign while everything goes wrong.
//!
//! Each of the two soaks takes 10 seconds, 20 in the release profile, or as many as
//! `STRONGROOM_SOAK_SECONDS` says.

use std::env;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use strongroom::pkcs11::{Calls, Pkcs11};
use strongroom::{ErrorKind, KeyHandle, KeyProvider, SignAlg};

use crate::input::{Sample, decrypt};
use crate::own_process;
use crate::rig::{AES, LIMIT, P256, RSA, Rig, es256, generate, is_unavailable, sign, until};

const THREADS: u64 = 8;
const SESSIONS: usize = 6;

/// How long each plan is in force.
const STRETCH: Duration = Duration::from_millis(250);

/// Faults that a token gets over. Each comes with a small chance, in percent, at each call.
const PLANS: &[&str] = &[
    "C_Sign?1=close; C_SignInit?1=close",
    "C_SignInit?0.5=closeall; C_Sign?0.5=logout",
    "C_Sign?1=CKR_DEVICE_ERROR; C_SignInit?1=CKR_GENERAL_ERROR; C_Sign?1=after:CKR_FUNCTION_FAILED",
    "C_SignInit?0.3=finalize",
    "C_SignInit?0.2=down:CKR_DEVICE_ERROR",
    "C_OpenSession?20=CKR_SESSION_COUNT; C_SignInit?2=close",
    "C_GetSessionInfo?10=CKR_DEVICE_ERROR; C_SignInit?1=logout; C_GetTokenInfo?5=CKR_GENERAL_ERROR",
    // Not of C_CloseSession: what that does not close stays open, and is not tried again, as it
    // could be another's by then.
    "C_OpenSession?2=CKR_HOST_MEMORY; C_SignInit?1=CKR_HOST_MEMORY; C_Sign?1=CKR_HOST_MEMORY; \
     C_DecryptInit?1=CKR_HOST_MEMORY; C_FindObjectsInit?2=CKR_HOST_MEMORY; \
     C_FindObjects?2=CKR_HOST_MEMORY; C_GetAttributeValue?2=CKR_HOST_MEMORY; \
     C_GetSessionInfo?2=CKR_HOST_MEMORY; C_Initialize?20=CKR_HOST_MEMORY; C_Sign?5=sleep:5",
    "",
];

#[test]
fn in_the_callers_threads() {
    soak(Calls::Inline);
}

#[test]
fn in_threads_of_the_backend() {
    soak(Calls::Isolated);
}

fn length() -> Duration {
    let given = env::var("STRONGROOM_SOAK_SECONDS").ok();
    let given = given.map(|seconds| seconds.parse().expect("a number of seconds"));
    let short = if cfg!(debug_assertions) { 10 } else { 20 };
    Duration::from_secs(given.unwrap_or(short))
}

/// What the threads work with, and what came of it.
struct Work {
    hsm: Pkcs11,
    ec: KeyHandle,
    rsa: KeyHandle,
    /// Altered, so that it must not decrypt.
    altered: Sample,
    signed: AtomicU64,
    unavailable: AtomicU64,
    refused: AtomicU64,
    over: AtomicBool,
}

fn soak(calls: Calls) {
    own_process::run(length() + LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let builder = rig.builder().sessions(SESSIONS).calls(calls);
        let hsm = builder
            .call_deadline(Duration::from_secs(5))
            .open()
            .unwrap();
        let aes = generate(&hsm, AES);
        let work = Work {
            ec: generate(&hsm, P256),
            rsa: generate(&hsm, RSA),
            altered: Sample::gcm(&hsm, &aes).tampered(),
            hsm,
            signed: AtomicU64::new(0),
            unavailable: AtomicU64::new(0),
            refused: AtomicU64::new(0),
            over: AtomicBool::new(false),
        };
        rig.plan("");
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                let work = &work;
                scope.spawn(move || {
                    while !work.over.load(Ordering::Relaxed) {
                        work.once(thread);
                    }
                });
            }
            let end = Instant::now() + length();
            let plans = (1_u64..).zip(PLANS.iter().cycle());
            for (seed, plan) in plans.take_while(|_| Instant::now() < end) {
                rig.shim.plan(&format!("seed:{seed}; {plan}"));
                std::thread::sleep(STRETCH);
            }
            rig.shim.plan("");
            work.over.store(true, Ordering::Relaxed);
        });
        until("well again", || es256(&work.hsm, &work.ec));
        let stats = rig.sound("the soak");
        let [signed, unavailable, refused] =
            [work.signed, work.unavailable, work.refused].map(AtomicU64::into_inner);
        println!(
            "{calls:?}, {:?}: {signed} right signatures, {unavailable} calls unavailable, \
             {refused} altered texts refused; {} faults, {} logins, {} initialisations, \
             {} sessions at most",
            length(),
            stats.faults(),
            stats.logins(),
            stats.initializes(),
            stats.max_open()
        );
        assert!(signed > 100 && stats.faults() > 20, "{stats}");
        drop(work.hsm);
        let left = rig.shim.stats().open_sessions() - rig.shim.stats().orphans();
        assert_eq!(left, 0, "sessions are left open\n{stats}");
    });
}

impl Work {
    /// Every signature is verified; a call that fails has the one kind of error.
    fn once(&self, thread: u64) {
        let signed = match thread {
            0 => sign(&self.hsm, &self.rsa, SignAlg::Rs256),
            _ => es256(&self.hsm, &self.ec),
        };
        match signed {
            Ok(()) => self.signed.fetch_add(1, Ordering::Relaxed),
            Err(error) => self.count_unavailable(&error),
        };
        if thread == 1 {
            let error = decrypt(&self.hsm, &self.altered).expect_err("it was altered");
            match *error.kind() {
                ErrorKind::DecryptFailed => self.refused.fetch_add(1, Ordering::Relaxed),
                _ => self.count_unavailable(&error),
            };
        }
        if thread == 2 {
            match self.hsm.find(&self.ec.id()) {
                Ok(found) => assert_eq!(found.as_ref(), Some(&self.ec)),
                Err(error) => drop(self.count_unavailable(&error)),
            }
        }
    }

    fn count_unavailable(&self, error: &strongroom::Error) -> u64 {
        assert!(is_unavailable(error), "{error:?}");
        std::thread::sleep(Duration::from_millis(2));
        self.unavailable.fetch_add(1, Ordering::Relaxed)
    }
}
