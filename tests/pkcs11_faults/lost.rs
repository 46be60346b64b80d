//! Sessions, logins and initialisations that are lost, and what it takes to put it right.

use std::process::Command;
use std::time::Duration;

use strongroom::fit::SignRequest;
use strongroom::provider::Health;
use strongroom::{ErrorKind, KeyProvider, SignAlg};

use crate::input::{Sample, decrypt};
use crate::own_process;
use crate::rig::{AES, HMAC, LIMIT, P256, RSA, Rig, es256, generate, kind, sign};

/// A fault, and how often it takes C_Login, C_Initialize and C_Finalize.
const FAULTS: &[(&str, u64, u64, u64)] = &[
    ("C_SignInit@1=close", 0, 0, 0),
    ("C_Sign@1=close", 0, 0, 0),
    ("C_SignInit@1=closeall", 1, 0, 0),
    ("C_Sign@1=closeall", 1, 0, 0),
    ("C_SignInit@1=logout", 1, 0, 0),
    // What has begun ends well; the next one logs in.
    ("C_Sign@1=logout", 0, 0, 0),
    ("C_SignInit@1=finalize", 1, 1, 0),
    ("C_Sign@1=finalize", 1, 1, 0),
    ("C_SignInit@1=down:CKR_DEVICE_ERROR", 1, 1, 1),
    // What a module says where the key's number has become another one's.
    ("C_SignInit@1=down:CKR_KEY_FUNCTION_NOT_PERMITTED", 1, 1, 1),
    ("C_SignInit@1=CKR_GENERAL_ERROR", 0, 0, 0),
    ("C_SignInit@1=CKR_OPERATION_ACTIVE", 0, 0, 0),
    ("C_Sign@1=CKR_OPERATION_ACTIVE", 0, 0, 0),
    ("C_SignInit@1=CKR_DEVICE_ERROR", 0, 0, 0),
    ("C_SignInit@1=CKR_SESSION_HANDLE_INVALID", 0, 0, 0),
    ("C_Sign@1=CKR_OPERATION_NOT_INITIALIZED", 0, 0, 0),
    ("C_Sign@1=CKR_BUFFER_TOO_SMALL", 0, 0, 0),
    ("C_Sign@1=CKR_HOST_MEMORY", 0, 0, 0),
    ("C_Sign@1=after:CKR_FUNCTION_FAILED", 0, 0, 0),
    ("C_Sign@1=CKR_KEY_HANDLE_INVALID", 0, 0, 0),
];

#[test]
fn each_loss_is_put_right_by_the_call_that_meets_it() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(3).open().unwrap();
        let key = generate(&hsm, P256);
        for (plan, logins, initializes, finalizes) in FAULTS {
            es256(&hsm, &key).unwrap();
            rig.plan(plan);
            es256(&hsm, &key).unwrap_or_else(|error| panic!("{plan}: {error:?}"));
            let stats = rig.sound(plan);
            assert_eq!(stats.faults(), 1, "{plan}\n{stats}");
            let did = (stats.logins(), stats.initializes(), stats.finalizes());
            assert_eq!(did, (*logins, *initializes, *finalizes), "{plan}\n{stats}");
            assert_eq!(stats.logins_failed(), 0, "{plan}\n{stats}");
            assert_eq!(hsm.health(), Health::Up, "{plan}");
            assert!(stats.open_sessions() <= 4, "{plan}\n{stats}");
        }
        rig.plan("");
        drop(hsm);
        let stats = rig.sound("the end");
        assert_eq!(stats.open_sessions(), 0, "{stats}");
    });
}

#[test]
fn a_session_that_met_an_error_is_not_used_again() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(1).open().unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        for plan in [
            "C_Sign@1=CKR_BUFFER_TOO_SMALL",
            "C_Sign@1=CKR_OPERATION_ACTIVE",
        ] {
            rig.plan(plan);
            es256(&hsm, &key).unwrap();
            let stats = rig.sound(plan);
            let count = (stats.calls("C_CloseSession"), stats.calls("C_OpenSession"));
            assert_eq!(count, (1, 1), "{plan}\n{stats}");
        }
    });
}

/// It is opened for a login that was lost meanwhile, and finds the next one in force.
#[test]
fn a_session_that_comes_after_its_login_is_closed() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(4).open().unwrap();
        let key = generate(&hsm, P256);
        let altered = Sample::gcm(&hsm, &generate(&hsm, AES)).tampered();
        for then in ["", "C_GetSessionInfo@1=CKR_HOST_MEMORY"] {
            // Its session is not kept, so the next one is opened.
            let error = decrypt(&hsm, &altered).expect_err("it was altered");
            assert_eq!(*error.kind(), ErrorKind::DecryptFailed);
            rig.plan("C_OpenSession@1=hang; C_SignInit@1=closeall");
            std::thread::scope(|scope| {
                let late = scope.spawn(|| es256(&hsm, &key));
                while rig.shim.stats().hanging() == 0 {
                    std::thread::sleep(Duration::from_millis(2));
                }
                es256(&hsm, &key).unwrap();
                assert_eq!(rig.sound("closed all").logins(), 1);
                rig.plan(then);
                late.join().unwrap().unwrap();
            });
            let stats = rig.sound(then);
            assert_eq!(stats.logins(), 0, "{stats}");
            // One that both have used, and the anchor.
            assert_eq!(stats.open_sessions(), 2, "{then}\n{stats}");
        }
    });
}

/// An idle session is what a token that closes them after a time closes first.
#[test]
fn a_lost_anchor_costs_no_other_session() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(4).open().unwrap();
        let key = generate(&hsm, P256);
        std::thread::scope(|scope| {
            rig.plan("C_Sign=sleep:200");
            for _ in 0..4 {
                scope.spawn(|| es256(&hsm, &key).unwrap());
            }
        });
        assert_eq!(rig.shim.stats().open_sessions(), 5);
        for _ in 0..8 {
            // The failure has the anchor looked at, which is when it is closed.
            rig.plan("C_SignInit@1=CKR_GENERAL_ERROR; C_GetSessionInfo@1=close");
            es256(&hsm, &key).unwrap();
            let stats = rig.sound("the anchor");
            assert!(stats.open_sessions() <= 5, "a leak\n{stats}");
        }
        drop(hsm);
        assert_eq!(rig.shim.stats().open_sessions(), 0);
    });
}

/// What is found in an empty list decides over life and death of records.
#[test]
fn nothing_is_said_to_be_gone_while_the_token_is_not_well() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        for plan in ["C_FindObjectsInit@1=logout", "C_FindObjectsInit@1=closeall"] {
            rig.plan(plan);
            assert!(hsm.find(&key.id()).unwrap().is_some(), "{plan}");
            rig.plan(plan);
            assert_eq!(hsm.keys().unwrap().len(), 1, "{plan}");
            rig.sound(plan);
        }
    });
}

#[test]
fn a_key_that_another_destroyed_is_not_found() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let (hsm, other) = (rig.open(), rig.open());
        for spec in [P256, RSA] {
            let key = generate(&hsm, spec);
            let alg = if spec == P256 {
                SignAlg::Es256
            } else {
                SignAlg::Rs256
            };
            sign(&hsm, &key, alg).unwrap();
            other.destroy(&key).unwrap();
            rig.plan("");
            assert_eq!(kind(sign(&hsm, &key, alg)), Some(ErrorKind::NotFound));
            let stats = rig.sound("destroyed");
            assert_eq!((stats.finalizes(), stats.logins()), (0, 0), "{stats}");
            assert!(hsm.find(&key.id()).unwrap().is_none());
        }
    });
}

#[test]
fn a_key_that_another_process_destroyed_is_not_found() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        let token = &rig.token;
        let deleted = Command::new("pkcs11-tool")
            .arg("--module")
            .arg(&token.module)
            .args([
                "--token-label",
                &token.label,
                "--login",
                "--pin",
                &token.pin,
            ])
            .args(["--delete-object", "--type", "privkey", "--id"])
            .arg(key.id().to_string())
            .output();
        let Ok(deleted) = deleted else {
            return crate::token::skip("pkcs11-tool is not installed");
        };
        assert!(deleted.status.success(), "{deleted:?}");
        rig.plan("");
        assert_eq!(kind(es256(&hsm, &key)), Some(ErrorKind::NotFound));
        let stats = rig.sound("destroyed elsewhere");
        assert_eq!((stats.finalizes(), stats.logins()), (0, 0), "{stats}");
        es256(&hsm, &generate(&hsm, P256)).unwrap();
    });
}

/// Numbers of sessions start again too: several that wait in the pool while the module is
/// finalised are closed by nobody, as `Rig::sound` sees.
#[test]
fn stale_sessions_close_nobody_elses() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.builder().sessions(8).open().unwrap();
        let key = generate(&hsm, P256);
        for round in 0..5 {
            rig.plan("C_Sign=sleep:50");
            std::thread::scope(|scope| {
                for _ in 0..4 {
                    scope.spawn(|| es256(&hsm, &key).unwrap());
                }
            });
            rig.plan("C_SignInit@1=finalize");
            es256(&hsm, &key).unwrap();
            let stats = rig.sound("finalised");
            assert!(stats.open_sessions() <= 9, "round {round}\n{stats}");
        }
    });
}

/// Object numbers start again with the module, in the order of the searches.
#[test]
fn numbers_of_objects_are_not_trusted_after_a_login() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let keys: Vec<_> = (0..3).map(|_| generate(&hsm, P256)).collect();
        for plan in [
            "C_SignInit@1=finalize",
            "C_SignInit@1=logout",
            "C_SignInit@1=closeall",
        ] {
            for key in &keys {
                es256(&hsm, key).unwrap();
            }
            rig.plan(plan);
            for key in keys.iter().rev() {
                es256(&hsm, key).unwrap();
            }
            rig.sound(plan);
        }
    });
}

#[test]
fn a_reset_by_one_heals_the_other() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let (one, other) = (rig.open(), rig.open());
        let (key, other_key) = (generate(&one, P256), generate(&other, P256));
        for plan in [
            "C_SignInit@1=finalize",
            "C_SignInit@1=down:CKR_DEVICE_ERROR",
        ] {
            rig.plan(plan);
            es256(&one, &key).unwrap();
            es256(&other, &other_key).unwrap();
            es256(&one, &key).unwrap();
            let stats = rig.sound(plan);
            assert_eq!(stats.initializes(), 1, "{plan}\n{stats}");
        }
        drop(one);
        es256(&other, &other_key).unwrap();
        drop(other);
        assert_eq!(rig.sound("the end").open_sessions(), 0);
    });
}

#[test]
fn two_calls_a_signature_and_nothing_else() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        for (spec, alg) in [
            (P256, SignAlg::Es256),
            (RSA, SignAlg::Rs256),
            (HMAC, SignAlg::Hs256),
        ] {
            let key = generate(&hsm, spec);
            sign(&hsm, &key, alg).unwrap();
            rig.plan("");
            for _ in 0..100 {
                sign(&hsm, &key, alg).unwrap();
            }
            let stats = rig.sound("the hot path");
            assert_eq!(
                (stats.calls("C_SignInit"), stats.calls("C_Sign")),
                (100, 100),
                "{stats}"
            );
            assert_eq!(stats.all_calls(), 200, "{stats}");
        }
    });
}

/// After a login the first signature of each key is checked: it could be another key's.
#[test]
fn a_wrong_first_signature_is_not_let_out() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let keys = [
            (generate(&hsm, P256), SignAlg::Es256),
            (generate(&hsm, P256), SignAlg::Es256),
            (generate(&hsm, RSA), SignAlg::Rs256),
            (generate(&hsm, RSA), SignAlg::Ps256),
        ];
        rig.plan("C_SignInit@1=closeall; C_Sign@1=bitflip");
        for (key, alg) in &keys {
            let request = SignRequest::for_message(key, *alg, b"m").unwrap();
            let wrong = kind(hsm.sign(&request));
            assert_eq!(wrong, Some(ErrorKind::Corrupt { what: "key handle" }));
            rig.plan("C_Sign@1=bitflip");
        }
        rig.plan("");
        for (key, alg) in &keys {
            sign(&hsm, key, *alg).unwrap();
        }
    });
}
