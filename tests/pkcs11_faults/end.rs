//! The end of a process that has calls in a module.

use std::env;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use strongroom::pkcs11::{Calls, Pkcs11};
use strongroom::{Error, KeyHandle};

use crate::own_process;
use crate::rig::{LIMIT, P256, Rig, es256, generate, is_unavailable};
use crate::token::{Remote, Token};

/// How often a process ends: without anything done about it one in three crashes.
const ENDS: usize = 12;

/// Tell a child which token is meant.
const URI: &str = "STRONGROOM_ENDING_TOKEN";
const INIT: &str = "STRONGROOM_ENDING_INIT";

/// Processes that end, by returning from `main`, while threads of theirs sign.
fn ends_well(token: impl FnOnce() -> Option<Token>, calls: Calls, ends: usize) {
    let Ok(uri) = env::var(URI) else {
        let Some(token) = token() else { return };
        let init = token.init.unwrap_or_default();
        for end in 1..=ends {
            let variables = [(URI, token.uri.as_str()), (INIT, &init)];
            let outcome = own_process::attempt_with(&variables, LIMIT, || ());
            let outcome = outcome.expect("this is not the child");
            let result = outcome.result;
            result.unwrap_or_else(|why| panic!("end {end}: it {why}\n{}", outcome.output));
        }
        return;
    };
    own_process::run(LIMIT, || {
        let mut builder = Pkcs11::from_uri(&uri).unwrap().calls(calls);
        if let Some(init) = env::var(INIT).ok().filter(|init| !init.is_empty()) {
            builder = builder.init_string(&init);
        }
        let hsm: &'static Pkcs11 = Box::leak(Box::new(builder.open().unwrap()));
        let key: &'static KeyHandle = Box::leak(Box::new(generate(hsm, P256)));
        es256(hsm, key).unwrap();
        for _ in 0..4 {
            // Ends when it is refused: a thread that ends is work for the module too.
            std::thread::spawn(|| while es256(hsm, key).is_ok() {});
        }
        std::thread::sleep(Duration::from_millis(30));
    });
}

#[test]
fn a_process_ends_well_with_threads_that_sign() {
    ends_well(Token::softhsm, Calls::Inline, ENDS);
}

#[test]
fn a_process_ends_well_with_threads_that_have_others_sign() {
    ends_well(Token::softhsm, Calls::Isolated, ENDS);
}

#[test]
fn a_process_ends_well_with_threads_that_sign_in_nss() {
    ends_well(Token::nss, Calls::Inline, ENDS / 3);
}

#[test]
fn a_process_ends_well_with_threads_that_sign_in_another() {
    let remote = OnceLock::new();
    let token = || {
        let remote = remote.get_or_init(Remote::start).as_ref();
        remote.map(|remote| remote.token.clone())
    };
    ends_well(token, Calls::Inline, ENDS / 3);
}

/// It may crash then, if the call comes back in the last moment; but it ends.
#[test]
fn a_process_ends_although_a_call_hangs() {
    let start = Instant::now();
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let rig: &'static Rig = Box::leak(Box::new(rig));
        let hsm = rig.builder().calls(Calls::Inline).open().unwrap();
        let hsm: &'static Pkcs11 = Box::leak(Box::new(hsm));
        let key = generate(hsm, P256);
        es256(hsm, &key).unwrap();
        rig.plan("C_Sign=hang");
        std::thread::spawn(move || es256(hsm, &key));
        while rig.shim.stats().hanging() == 0 {
            std::thread::sleep(Duration::from_millis(2));
        }
    });
    // The wait is two seconds; the rest is for the test's own start on a busy machine.
    assert!(start.elapsed() < LIMIT / 2, "{:?}", start.elapsed());
}

static LATE: OnceLock<(Pkcs11, KeyHandle, Token)> = OnceLock::new();

/// Clean-up of the embedder's own that comes later has an answer too, and at once.
#[test]
fn a_call_that_comes_after_the_end_is_refused() {
    fn is_refused<T>(result: Result<T, Error>) -> bool {
        result.is_err_and(|error| {
            let source = std::error::Error::source(&error).map(ToString::to_string);
            is_unavailable(&error) && source.is_some_and(|why| why == "the process is ending")
        })
    }
    extern "C" fn late() {
        let Some((hsm, key, token)) = LATE.get() else {
            return;
        };
        let start = Instant::now();
        let refused = is_refused(es256(hsm, key)) && is_refused(Pkcs11::open(&token.uri));
        if !refused || start.elapsed() > LIMIT / 4 {
            std::process::abort();
        }
    }
    own_process::run(LIMIT, || {
        #[expect(unsafe_code, reason = "there is no safe atexit")]
        // SAFETY: a function of its type, which does not unwind.
        let registered = unsafe { libc::atexit(late) };
        assert_eq!(registered, 0);
        let Some(token) = Token::softhsm() else {
            return;
        };
        let hsm = Pkcs11::open(&token.uri).unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        assert!(LATE.set((hsm, key, token)).is_ok());
    });
}
