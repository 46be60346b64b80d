//! Many who write at a time, and writing that does not come to an end.

use std::time::{Duration, Instant};

use strongroom::KeyProvider;
use strongroom::pkcs11::Pkcs11;

use crate::own_process;
use crate::rig::{AES, LIMIT, P256, Rig, es256, generate, is_unavailable, new_key};
use crate::token::Token;

/// SoftHSM fails one in a hundred and NSS hangs, if they are let.
fn four_threads_make_and_destroy(hsm: &Pkcs11) {
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..15 {
                    let key = generate(hsm, P256);
                    es256(hsm, &key).unwrap();
                    hsm.destroy(&key).unwrap();
                }
            });
        }
    });
    assert_eq!(hsm.keys().unwrap().len(), 0);
}

#[test]
fn threads_that_make_keys_take_turns() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        rig.plan("");
        four_threads_make_and_destroy(&hsm);
        let stats = rig.sound("four writers");
        assert_eq!(stats.calls("C_GenerateKeyPair"), 60, "{stats}");
    });
}

#[test]
fn threads_that_make_keys_take_turns_in_nss() {
    own_process::run(LIMIT, || {
        let Some(token) = Token::nss() else { return };
        let builder = Pkcs11::from_uri(&token.uri).unwrap();
        let hsm = builder.init_string(token.init.as_deref().unwrap());
        four_threads_make_and_destroy(&hsm.open().unwrap());
    });
}

/// Writing is where modules hang; it never keeps its caller, whatever was chosen.
#[test]
fn a_write_that_hangs_keeps_nobody() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let builder = rig.builder().call_deadline(Duration::from_secs(3));
        let hsm = builder.open().unwrap();
        let key = generate(&hsm, P256);
        rig.plan("C_GenerateKeyPair@1=hang");
        let error = hsm.generate(&new_key(P256)).expect_err("it hangs");
        assert!(is_unavailable(&error), "{error:?}");
        // Reading goes on; the next writer does not wait for the first as long again.
        es256(&hsm, &key).unwrap();
        let start = Instant::now();
        let error = hsm.generate(&new_key(AES)).expect_err("its turn");
        assert!(is_unavailable(&error), "{error:?}");
        assert!(start.elapsed() < Duration::from_secs(2), "it waited");
        rig.shim.release();
        crate::rig::until("its turn", || hsm.generate(&new_key(AES)));
    });
}
