//! Tokens that have no room for another session.

use std::time::{Duration, Instant};

use strongroom::{ErrorKind, KeyProvider};

use crate::input::{Sample, decrypt};
use crate::own_process;
use crate::rig::{AES, LIMIT, P256, Rig, es256, generate, is_unavailable};

#[test]
fn where_there_is_no_room_those_there_are_do() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(8).open().unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        rig.plan("C_OpenSession=CKR_SESSION_COUNT; C_Sign=sleep:2");
        std::thread::scope(|scope| {
            for _ in 0..6 {
                scope.spawn(|| (0..20).for_each(|_| es256(&hsm, &key).unwrap()));
            }
        });
        let stats = rig.sound("no room");
        assert_eq!(stats.finalizes(), 0, "{stats}");
        assert!(stats.calls("C_OpenSession") > 0, "{stats}");
    });
}

/// Others end their sessions; nobody has to log in anew for that to be noticed.
#[test]
fn room_that_comes_back_is_used() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(8).open().unwrap();
        let key = generate(&hsm, P256);
        let together = || {
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| es256(&hsm, &key).unwrap());
                }
            });
        };
        es256(&hsm, &key).unwrap();
        rig.plan("C_OpenSession=CKR_SESSION_COUNT; C_Sign=sleep:50");
        together();
        // The anchor is one.
        assert_eq!(rig.shim.stats().open_sessions(), 2);
        rig.plan("C_Sign=sleep:50");
        let start = Instant::now();
        while rig.shim.stats().open_sessions() < 3 {
            assert!(start.elapsed() < LIMIT / 2, "{}", rig.shim.stats());
            together();
        }
        assert_eq!(rig.sound("room again").logins(), 0);
    });
}

#[test]
fn who_gets_no_session_in_time_is_told() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let builder = rig
            .builder()
            .sessions(4)
            .session_wait(Duration::from_millis(100));
        let hsm = builder.open().unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        rig.plan("C_OpenSession=CKR_SESSION_COUNT; C_Sign@1=hang");
        std::thread::scope(|scope| {
            let first = scope.spawn(|| es256(&hsm, &key));
            while rig.shim.stats().hanging() == 0 {
                std::thread::sleep(Duration::from_millis(2));
            }
            let error = es256(&hsm, &key).expect_err("no session");
            assert!(is_unavailable(&error), "{error:?}");
            let source = std::error::Error::source(&error).unwrap().to_string();
            assert!(source.contains("session"), "{source}");
            rig.shim.release();
            first.join().unwrap().unwrap();
        });
        es256(&hsm, &key).unwrap();
    });
}

/// What fails on the way to C_Decrypt is not the ciphertext's fault.
#[test]
fn no_session_is_no_bad_ciphertext() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(1).open().unwrap();
        let key = generate(&hsm, AES);
        let sample = Sample::gcm(&hsm, &key);
        for plan in [
            "C_OpenSession=CKR_SESSION_COUNT; C_DecryptInit@1=close",
            "C_OpenSession=CKR_HOST_MEMORY; C_DecryptInit@1=close",
            "C_DecryptInit=CKR_OPERATION_ACTIVE",
        ] {
            rig.plan(plan);
            let error = decrypt(&hsm, &sample).expect_err(plan);
            assert!(is_unavailable(&error), "{plan}: {error:?}");
            assert_ne!(*error.kind(), ErrorKind::DecryptFailed);
            rig.plan("");
            decrypt(&hsm, &sample).unwrap();
        }
        hsm.destroy(&key).unwrap();
    });
}
