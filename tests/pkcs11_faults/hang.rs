//! Calls that do not return.

use std::time::{Duration, Instant};

use strongroom::KeyProvider;
use strongroom::SignAlg;
use strongroom::fit::SignRequest;
use strongroom::pkcs11::Calls;
use strongroom::provider::Health;

use crate::own_process;
use crate::rig::{LIMIT, P256, Rig, check, es256, generate, is_unavailable, until};

/// Long enough for a call that does not hang on a machine that is busy with other things.
const DEADLINE: Duration = Duration::from_secs(2);

fn wait_for_hanging(rig: &Rig, count: u64) {
    let start = Instant::now();
    while rig.shim.stats().hanging() != count {
        assert!(start.elapsed() < LIMIT / 2, "{}", rig.shim.stats());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn an_isolated_call_that_hangs_keeps_nobody() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let builder = rig.builder().sessions(2).call_deadline(DEADLINE);
        let hsm = builder.calls(Calls::Isolated).open().unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        rig.plan("C_Sign@1=hang");
        std::thread::scope(|scope| {
            let hung = scope.spawn(|| {
                let start = Instant::now();
                (es256(&hsm, &key), start.elapsed())
            });
            wait_for_hanging(&rig, 1);
            for _ in 0..20 {
                es256(&hsm, &key).unwrap();
            }
            let (result, took) = hung.join().unwrap();
            assert!(is_unavailable(&result.expect_err("it hangs")));
            assert!(took >= DEADLINE && took < 10 * DEADLINE, "{took:?}");
        });
        for _ in 0..20 {
            es256(&hsm, &key).unwrap();
        }
        assert_eq!(rig.sound("hanging").hanging(), 1);
        assert_eq!(hsm.health(), Health::Degraded);
        rig.shim.reset();
        rig.shim.release();
        wait_for_hanging(&rig, 0);
        until("it is closed", || {
            let closed = rig.shim.stats().calls("C_CloseSession") == 1;
            closed
                .then_some(())
                .ok_or(strongroom::ErrorKind::Unavailable { what: "it" }.into())
        });
        es256(&hsm, &key).unwrap();
        assert_eq!(hsm.health(), Health::Up);
        let stats = rig.sound("released");
        assert_eq!(stats.finalizes(), 0, "{stats}");
        assert!(stats.open_sessions() <= 3, "{stats}");
    });
}

/// The caller cannot be helped; others do not wait for his session longer than the deadline.
#[test]
fn an_inline_call_that_hangs_keeps_its_caller_alone() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let builder = rig.builder().sessions(1).call_deadline(DEADLINE);
        let builder = builder.session_wait(Duration::from_secs(60));
        let hsm = builder.calls(Calls::Inline).open().unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        rig.plan("C_Sign@1=hang");
        std::thread::scope(|scope| {
            let hung = scope.spawn(|| es256(&hsm, &key));
            wait_for_hanging(&rig, 1);
            let start = Instant::now();
            es256(&hsm, &key).unwrap();
            assert!(start.elapsed() < Duration::from_secs(30), "it waited");
            rig.shim.release();
            hung.join().unwrap().unwrap();
        });
        let stats = rig.sound("inline");
        assert!(stats.open_sessions() <= 2, "{stats}");
    });
}

#[test]
fn calls_that_hang_are_not_piled_up() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let builder = rig.builder().sessions(2).call_deadline(DEADLINE / 2);
        let hsm = builder.calls(Calls::Isolated).open().unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        rig.plan("C_Sign=hang");
        for _ in 0..12 {
            assert!(is_unavailable(&es256(&hsm, &key).expect_err("it hangs")));
        }
        let stats = rig.sound("piled up");
        assert!(stats.hanging() <= 4, "{stats}");
        rig.plan("");
        until("they returned", || es256(&hsm, &key));
        drop(hsm);
        let start = Instant::now();
        while rig.shim.stats().open_sessions() > 0 {
            assert!(start.elapsed() < LIMIT / 2, "{}", rig.shim.stats());
            std::thread::sleep(Duration::from_millis(5));
        }
    });
}

#[test]
fn dropping_waits_a_moment_for_a_module_that_hangs() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        for plan in [
            "C_CloseSession=hang",
            "C_Sign=hang; C_CloseSession=hang",
            "*=hang",
        ] {
            rig.plan("");
            let builder = rig.builder().call_deadline(DEADLINE / 2);
            let hsm = builder.calls(Calls::Isolated).open().unwrap();
            let key = generate(&hsm, P256);
            es256(&hsm, &key).unwrap();
            rig.plan(plan);
            let _ = es256(&hsm, &key);
            let start = Instant::now();
            drop(hsm);
            assert!(start.elapsed() < Duration::from_secs(10), "{plan}");
        }
    });
}

/// Isolated calls of a batch use every session there is.
#[test]
fn a_batch_is_spread_over_the_sessions() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig
            .builder()
            .sessions(8)
            .calls(Calls::Isolated)
            .open()
            .unwrap();
        let key = generate(&hsm, P256);
        es256(&hsm, &key).unwrap();
        rig.plan("*=delay:1000");
        let messages: Vec<[u8; 1]> = (0..64).map(|n| [n]).collect();
        let request = |message| SignRequest::for_message(&key, SignAlg::Es256, message).unwrap();
        let requests: Vec<_> = messages.iter().map(|message| request(message)).collect();
        let signatures = hsm.sign_batch(&requests);
        assert_eq!(signatures.len(), 64);
        for (message, signature) in messages.iter().zip(signatures) {
            check(
                &hsm,
                &key,
                SignAlg::Es256,
                message,
                signature.unwrap().as_bytes(),
            );
        }
        let stats = rig.sound("a batch");
        // The anchor is one.
        assert_eq!(stats.max_open(), 9, "{stats}");
        assert_eq!(stats.calls("C_Sign"), 64, "{stats}");
    });
}
