//! PINs: one that was refused is never tried again unasked.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use strongroom::pkcs11::PinSource;
use strongroom::{ErrorKind, SecretBytes};

use crate::own_process;
use crate::rig::{LIMIT, P256, Rig, es256, generate, kind};

#[test]
fn a_refused_pin_is_tried_once() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let pin = Arc::new(Mutex::new(rig.token.pin.clone()));
        let (now, asked) = (Arc::clone(&pin), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&asked);
        let source = PinSource::callback(move || {
            count.fetch_add(1, Ordering::SeqCst);
            Ok(SecretBytes::copy_of(now.lock().unwrap().as_bytes()))
        });
        let hsm = rig.builder().pin(source).open().unwrap();
        assert_eq!(asked.load(Ordering::SeqCst), 1);
        let key = generate(&hsm, P256);
        let right = rig.token.pin.clone();
        *pin.lock().unwrap() = "0000".to_owned();
        rig.plan("C_SignInit@1=logout");
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..25 {
                        let refused = es256(&hsm, &key).expect_err("the PIN is wrong");
                        assert_eq!(*refused.kind(), ErrorKind::LoginRefused);
                        assert!(!refused.is_retryable());
                    }
                });
            }
        });
        let stats = rig.shim.stats();
        assert_eq!((stats.logins(), stats.pin_errors()), (1, 1), "{stats}");
        // Allowed once more, and wrong once more.
        hsm.allow_login();
        assert_eq!(kind(es256(&hsm, &key)), Some(ErrorKind::LoginRefused));
        assert_eq!(kind(es256(&hsm, &key)), Some(ErrorKind::LoginRefused));
        let stats = rig.shim.stats();
        assert_eq!((stats.logins(), stats.pin_errors()), (2, 2), "{stats}");
        *pin.lock().unwrap() = right;
        hsm.allow_login();
        es256(&hsm, &key).unwrap();
        let stats = rig.shim.stats();
        assert_eq!((stats.logins(), stats.pin_errors()), (3, 2), "{stats}");
        // A wrong PIN is no reason to disturb others who use the module.
        assert_eq!((stats.finalizes(), stats.initializes()), (0, 0), "{stats}");
    });
}

#[test]
fn a_wrong_pin_at_the_start_is_tried_once() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let error = rig.builder().pin_value(b"0000").open();
        assert_eq!(kind(error), Some(ErrorKind::LoginRefused));
        let stats = rig.shim.stats();
        assert_eq!((stats.logins(), stats.pin_errors()), (1, 1), "{stats}");
        // Others are not disturbed.
        rig.open();
    });
}

/// Many threads find the login gone; one logs in.
#[test]
fn one_login_for_all() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        rig.plan("C_SignInit@1=logout; C_Login=sleep:50");
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| es256(&hsm, &key).unwrap());
            }
        });
        assert_eq!(rig.sound("one login").logins(), 1);
    });
}

#[test]
fn the_last_try_is_left_to_an_operator() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        for flags in ["final", "locked"] {
            rig.shim.set("P11SHIM_PIN_FLAGS", flags);
            rig.plan("C_SignInit@1=logout");
            for _ in 0..3 {
                assert_eq!(kind(es256(&hsm, &key)), Some(ErrorKind::LoginRefused));
            }
            assert_eq!(rig.sound(flags).logins(), 0);
            rig.shim.set("P11SHIM_PIN_FLAGS", "");
            hsm.allow_login();
            es256(&hsm, &key).unwrap();
        }
    });
}

#[test]
fn a_login_that_somebody_made_already_is_one() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let first = rig.open();
        let key = generate(&first, P256);
        rig.plan("");
        let second = rig.open();
        es256(&second, &key).unwrap();
        rig.plan("C_SignInit@1=logout; C_Login@1=CKR_USER_ALREADY_LOGGED_IN");
        // It says so and is not so: not believed.
        let _ = es256(&first, &key);
        rig.plan("C_SignInit@1=logout; C_Login@1=after:CKR_USER_ALREADY_LOGGED_IN");
        crate::rig::until("logged in", || es256(&first, &key));
        es256(&second, &key).unwrap();
    });
}
