//! Tokens that are away, and come back or do not.

use std::fs;
use std::process::Command;
use std::time::{Duration, Instant};

use strongroom::pkcs11::{Calls, Pkcs11};
use strongroom::provider::Health;
use strongroom::{EncryptAlg, ErrorKind, KeyProvider, Op};

use crate::own_process;
use crate::rig::{AES, LIMIT, P256, Rig, es256, generate, is_unavailable, kind, until};
use crate::token::{self, Remote};

/// While a token is away calls fail, and the slowest of 200 does so within this time.
const FAST: Duration = Duration::from_millis(50);

fn fails_fast(hsm: &Pkcs11, key: &strongroom::KeyHandle) {
    let slowest = (0..200).map(|_| {
        let start = Instant::now();
        let error = es256(hsm, key).expect_err("the token is away");
        assert!(is_unavailable(&error), "{error:?}");
        let took = start.elapsed();
        std::thread::sleep(Duration::from_millis(1));
        took
    });
    let mut took: Vec<_> = slowest.collect();
    took.sort();
    println!("away: median {:?}, slowest {:?}", took[100], took[199]);
    // Those few that try to bring it back may meet a busy machine.
    assert!(took[190] < FAST, "{took:?}");
}

#[test]
fn a_token_whose_files_are_away_is_used_again_when_they_are_back() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        let tokens = token::directory().join("softhsm/tokens");
        let away = token::directory().join("softhsm/away");
        fs::rename(&tokens, &away).unwrap();
        fails_fast(&hsm, &key);
        let error = hsm.find(&key.id()).expect_err("nobody knows");
        assert!(is_unavailable(&error), "{error:?}");
        // SoftHSM makes the directory anew.
        let _ = fs::remove_dir_all(&tokens);
        fs::rename(&away, &tokens).unwrap();
        until("the token is back", || es256(&hsm, &key));
        assert_eq!(hsm.find(&key.id()).unwrap(), Some(key));
        rig.sound("away and back");
    });
}

#[test]
fn a_token_made_anew_has_another_slot_and_no_keys() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        let label = &rig.token.label;
        let util = |args: &[&str]| {
            let done = Command::new("softhsm2-util").args(args).output().unwrap();
            assert!(done.status.success(), "{done:?}");
        };
        util(&["--delete-token", "--token", label]);
        let error = es256(&hsm, &key).expect_err("the token is gone");
        assert!(is_unavailable(&error), "{error:?}");
        let made = ["--init-token", "--free", "--so-pin", "12345678", "--pin"];
        util(&[&made[..], &[&rig.token.pin, "--label", label]].concat());
        assert!(until("there", || hsm.find(&key.id())).is_none());
        // It is another, by its serial number; so it is tried anew, and has less than the first.
        let gcm = || {
            hsm.capabilities()
                .supports(Op::Encrypt, EncryptAlg::A256Gcm, AES)
        };
        assert!(gcm().is_some());
        rig.plan("C_EncryptInit=CKR_MECHANISM_INVALID");
        assert_eq!(kind(es256(&hsm, &key)), Some(ErrorKind::NotFound));
        assert!(gcm().is_none());
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        let stats = rig.sound("made anew");
        assert_eq!(stats.logins_failed(), 0, "{stats}");
        drop(hsm);
        assert_eq!(rig.shim.stats().open_sessions(), 0);
    });
}

#[test]
fn a_token_that_is_taken_out_and_put_back_is_used_again() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        for plan in [
            "C_SignInit@1=removed",
            "C_SignInit@1=down!:CKR_DEVICE_ERROR",
        ] {
            rig.plan(plan);
            fails_fast(&hsm, &key);
            rig.plan("");
            until(plan, || es256(&hsm, &key));
            let stats = rig.sound(plan);
            assert_eq!((stats.logins(), stats.logins_failed()), (1, 0), "{stats}");
        }
    });
}

/// The breaker is open: nothing reaches the module, and the error says what happened.
#[test]
fn while_a_token_is_away_it_is_left_alone() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        for fault in ["down!:CKR_DEVICE_ERROR", "removed"] {
            rig.plan(&format!("C_SignInit@1={fault}"));
            // Each failed attempt doubles the rest; after a few it outlasts this test's calls.
            let rested = (0..200).any(|_| {
                let before = rig.shim.stats().all_calls();
                let error = es256(&hsm, &key).expect_err("it is away");
                assert!(is_unavailable(&error) && error.is_retryable(), "{error:?}");
                let source = std::error::Error::source(&error).unwrap().to_string();
                assert!(source.contains("CKR_"), "it says what happened: {source}");
                let found = hsm.find(&crate::rig::fresh_id());
                assert!(is_unavailable(&found.expect_err("nobody knows")));
                rig.shim.stats().all_calls() == before
            });
            assert!(rested, "{}", rig.shim.stats());
            assert_eq!(hsm.health(), Health::Down);
            rig.plan("");
            until(fault, || es256(&hsm, &key));
            assert_eq!(hsm.health(), Health::Up);
        }
    });
}

#[test]
fn a_token_that_is_not_there_disturbs_nobody() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        rig.plan("");
        let error = rig.builder().token_label("nobody").open();
        let error = error.expect_err("there is none");
        assert!(is_unavailable(&error), "{error:?}");
        assert_eq!(rig.sound("nobody").finalizes(), 0);
        es256(&hsm, &key).unwrap();
    });
}

/// Everything answers as before, and no key is there. There is nothing to be put right: it is
/// said, and nothing is deleted for it.
#[test]
fn a_token_that_another_emptied_has_no_keys_and_is_used_on() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        let (label, pin) = (&rig.token.label, &rig.token.pin);
        let done = Command::new("softhsm2-util")
            .args(["--init-token", "--token", label, "--label", label])
            .args(["--so-pin", "12345678", "--pin", pin])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
        assert!(until("emptied", || hsm.find(&key.id())).is_none());
        let gone = until("emptied", || match es256(&hsm, &key) {
            Err(error) if is_unavailable(&error) => Err(error),
            answer => Ok(answer),
        });
        assert_eq!(kind(gone), Some(ErrorKind::NotFound));
        let key = until("a new key", || hsm.generate(&crate::rig::new_key(P256)));
        es256(&hsm, &key).unwrap();
        rig.sound("emptied");
    });
}

/// One at a time tries a token that is away: the others have their answer at once.
#[test]
fn nobody_waits_for_the_one_who_tries() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let key = generate(&hsm, P256);
        rig.plan("C_SignInit@1=down!:CKR_DEVICE_ERROR");
        es256(&hsm, &key).expect_err("away");
        rig.plan("C_Initialize=sleep:2000; C_Initialize=CKR_DEVICE_ERROR");
        std::thread::sleep(Duration::from_millis(150));
        std::thread::scope(|scope| {
            scope.spawn(|| es256(&hsm, &key));
            while rig.shim.stats().calls("C_Initialize") == 0 {
                std::thread::sleep(Duration::from_millis(5));
            }
            let start = Instant::now();
            let error = es256(&hsm, &key).expect_err("still away");
            assert!(is_unavailable(&error), "{error:?}");
            assert!(start.elapsed() < Duration::from_secs(1), "it waited");
        });
    });
}

#[test]
fn a_server_that_was_killed_is_used_again_when_it_runs() {
    own_process::run(LIMIT, || {
        let Some(remote) = Remote::start() else {
            return;
        };
        for calls in [Calls::Isolated, Calls::Inline] {
            let hsm = Pkcs11::builder()
                .module(&remote.token.module)
                .token_label(&remote.token.label)
                .pin_value(remote.token.pin.as_bytes())
                .calls(calls)
                .open()
                .unwrap();
            let key = generate(&hsm, P256);
            for _ in 0..2 {
                es256(&hsm, &key).unwrap();
                remote.kill();
                fails_fast(&hsm, &key);
                assert_eq!(hsm.health(), Health::Down);
                remote.restart();
                until("the server runs", || es256(&hsm, &key));
            }
            hsm.destroy(&key).unwrap();
        }
    });
}
