//! Keys that are made while the token fails: did the create happen?

use strongroom::jwk::SecretJwk;
use strongroom::provider::NewKey;
use strongroom::{Error, KeyHandle, KeyProvider};

use crate::own_process;
use crate::rig::{AES, LIMIT, P256, Rig, es256, is_unavailable, new_key};

type Make<'a> = &'a dyn Fn(&NewKey) -> Result<KeyHandle, Error>;

const CODES: &[&str] = &[
    "CKR_GENERAL_ERROR",
    "CKR_DEVICE_ERROR",
    "CKR_SESSION_HANDLE_INVALID",
    "CKR_FUNCTION_FAILED",
];

#[test]
fn a_create_that_failed_after_it_was_done_leaves_one_key() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        let ec = SecretJwk::from_ec_scalar(strongroom::Curve::P256, &[7; 32]).unwrap();
        let oct = SecretJwk::from_oct(&[7; 32]).unwrap();
        let ways: [(&str, &str, _, Make<'_>); 4] = [
            ("C_GenerateKeyPair", "1", P256, &|new| hsm.generate(new)),
            ("C_GenerateKey", "1", AES, &|new| hsm.generate(new)),
            ("C_CreateObject", "2", P256, &|new| hsm.import(&ec, new)),
            ("C_CreateObject", "1", AES, &|new| hsm.import(&oct, new)),
        ];
        for (function, at, spec, make) in ways {
            for code in CODES {
                for when in ["", "after:"] {
                    for at in ["1", at] {
                        let plan = format!("{function}@{at}={when}{code}");
                        rig.plan(&plan);
                        let new = new_key(spec);
                        let key = make(&new).unwrap_or_else(|error| panic!("{plan}: {error:?}"));
                        rig.plan("");
                        // Two of one id would be an error here, and half a one below.
                        assert_eq!(hsm.find(&new.id()).unwrap().as_ref(), Some(&key), "{plan}");
                        assert_eq!(hsm.keys().unwrap().len(), 1, "{plan}");
                        if spec == P256 {
                            es256(&hsm, &key).unwrap();
                        }
                        hsm.destroy(&key).unwrap();
                        assert!(hsm.find(&new.id()).unwrap().is_none(), "{plan}");
                        rig.sound(&plan);
                    }
                }
            }
        }
    });
}

#[test]
fn a_create_that_fails_each_time_after_it_was_done_leaves_none() {
    own_process::run(LIMIT, || {
        let Some(rig) = Rig::new() else { return };
        let hsm = rig.open();
        rig.plan("C_GenerateKeyPair=after:CKR_GENERAL_ERROR");
        let error = hsm.generate(&new_key(P256)).expect_err("it says so");
        assert!(is_unavailable(&error), "{error:?}");
        rig.plan("");
        assert_eq!(hsm.keys().unwrap().len(), 0);
    });
}
