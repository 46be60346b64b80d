//! The built module in front of SoftHSM: each fault and each emulation, once.
//! Skipped where SoftHSM is not installed, unless STRONGROOM_REQUIRE_TOKENS=1.

mod token;

use std::ptr::null_mut;
use std::sync::RwLock;
use std::thread;
use std::time::{Duration, Instant};

use cryptoki_sys::*;
use token::{PIN, Token, attribute, ck, mechanism};

#[test]
fn calls_are_counted_and_sessions_are_followed() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let (_, key) = token.rsa(h);
    let second = token.open().unwrap();
    token.reset();
    for _ in 0..3 {
        assert_eq!(token.sign(h, key).unwrap().len(), 256);
    }
    assert_eq!(
        (token.stat("calls.C_SignInit"), token.stat("calls.C_Sign")),
        (3, 3)
    );
    assert_eq!(token.stat("calls.C_Verify"), 0);
    assert_eq!(ck!(token.C_CloseSession(second)), CKR_OK);
    assert_eq!(
        (token.stat("open_sessions"), token.stat("max_open_sessions")),
        (1, 2)
    );
    assert_eq!(token.stat("closed_use"), 0);
    assert_eq!(token.session_info(second), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(
        ck!(token.C_CloseSession(second)),
        CKR_SESSION_HANDLE_INVALID
    );
    assert_eq!(token.stat("closed_use"), 2);
    assert_eq!(ck!(token.C_CloseAllSessions(token.slot)), CKR_OK);
    assert_eq!(token.stat("open_sessions"), 0);
    assert_eq!(token.stat("faults"), 0);
}

#[test]
fn logins_are_counted_by_their_outcome() {
    let Some(token) = Token::new() else { return };
    let h = token.open().unwrap();
    assert_eq!(token.login_as(h, CKU_USER, "4321"), CKR_PIN_INCORRECT);
    assert_eq!(token.login_as(h, CKU_USER, PIN), CKR_OK);
    assert_eq!(token.login_as(h, CKU_USER, PIN), CKR_USER_ALREADY_LOGGED_IN);
    assert_eq!(token.stat("logins"), 3);
    assert_eq!(token.stat("logins_failed"), 2);
    assert_eq!(token.stat("pin_errors"), 1);
}

#[test]
fn a_call_fails_before_or_after_it_is_forwarded() {
    let Some(token) = Token::new() else { return };
    let h = token.open().unwrap();
    let objects = || {
        assert_eq!(ck!(token.C_FindObjectsInit(h, null_mut(), 0)), CKR_OK);
        let (mut found, mut n) = ([0; 16], 0);
        assert_eq!(
            ck!(token.C_FindObjects(h, found.as_mut_ptr(), 16, &raw mut n)),
            CKR_OK
        );
        assert_eq!(ck!(token.C_FindObjectsFinal(h)), CKR_OK);
        n
    };
    assert_eq!(token.login_as(h, CKU_USER, PIN), CKR_OK);
    token.plan("C_CreateObject@1=0x31; C_CreateObject@3=after:CKR_DEVICE_ERROR");
    assert_eq!(token.secret(h, b"x", false), Err(CKR_DEVICE_MEMORY));
    assert_eq!(objects(), 0);
    assert!(token.secret(h, b"x", false).is_ok());
    assert_eq!(objects(), 1);
    assert_eq!(token.secret(h, b"x", false), Err(CKR_DEVICE_ERROR));
    assert_eq!(objects(), 2);
    assert_eq!(token.stat("faults"), 2);

    token.plan("C_OpenSession@1=after:CKR_DEVICE_ERROR");
    assert_eq!(token.open(), Err(CKR_DEVICE_ERROR));
    assert_eq!(
        (token.stat("open_sessions"), token.stat("orphaned_sessions")),
        (1, 1)
    );
}

#[test]
fn a_session_is_closed_under_its_caller() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let (_, key) = token.rsa(h);
    let other = token.open().unwrap();
    token.plan("C_Sign@1=close");
    assert_eq!(token.sign(h, key), Err(CKR_SESSION_HANDLE_INVALID));
    assert_eq!(ck!(token.C_CloseSession(h)), CKR_SESSION_HANDLE_INVALID);
    // The fault is none of the caller's, who cannot know.
    assert_eq!(
        (token.stat("open_sessions"), token.stat("closed_use")),
        (1, 0)
    );
    token.plan("C_GetSessionInfo@2=closeall");
    assert_eq!(token.session_info(other), CKR_OK);
    assert_eq!(token.session_info(other), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(
        (token.stat("open_sessions"), token.stat("closed_use")),
        (0, 0)
    );
}

#[test]
fn the_user_is_logged_out_under_the_caller() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let state = || {
        let mut info = CK_SESSION_INFO::default();
        assert_eq!(ck!(token.C_GetSessionInfo(h, &raw mut info)), CKR_OK);
        info.state
    };
    assert_eq!(state(), CKS_RW_USER_FUNCTIONS);
    token.plan("C_GetSessionInfo@2=logout");
    assert_eq!(state(), CKS_RW_USER_FUNCTIONS);
    assert_eq!(state(), CKS_RW_PUBLIC_SESSION);
}

#[test]
fn the_module_is_finalised_under_the_caller() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    token.plan("C_GetSessionInfo@1=finalize");
    assert_eq!(token.session_info(h), CKR_CRYPTOKI_NOT_INITIALIZED);
    assert_eq!(
        (token.stat("finalizes"), token.stat("open_sessions")),
        (0, 0)
    );
    assert_eq!(token.initialize(), CKR_OK);
    assert_eq!(token.stat("initializes"), 1);
    let h = token.user();
    assert_eq!(token.session_info(h), CKR_OK);
    assert_eq!(token.stat("closed_use"), 0);
}

#[test]
fn a_module_that_is_down_comes_back_with_finalize() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    token.plan("C_GetSessionInfo@2=down:CKR_DEVICE_ERROR");
    assert_eq!(token.session_info(h), CKR_OK);
    for _ in 0..2 {
        assert_eq!(token.session_info(h), CKR_DEVICE_ERROR);
        assert_eq!(token.open(), Err(CKR_DEVICE_ERROR));
        assert_eq!(token.initialize(), CKR_DEVICE_ERROR);
    }
    assert_eq!(ck!(token.C_Finalize(null_mut())), CKR_OK);
    assert_eq!(token.initialize(), CKR_OK);
    let h = token.user();
    assert_eq!(token.session_info(h), CKR_OK);
    assert_eq!(
        (token.stat("finalizes"), token.stat("open_sessions")),
        (1, 1)
    );
}

#[test]
fn a_module_that_is_down_for_good_waits_for_the_next_plan() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    token.plan("*@1=down!:CKR_DEVICE_ERROR");
    assert_eq!(token.session_info(h), CKR_DEVICE_ERROR);
    // An interruption that ends leaves everything as it was.
    token.plan("");
    assert_eq!(token.session_info(h), CKR_OK);
    token.plan("*@1=down!:CKR_DEVICE_ERROR");
    assert_eq!(token.session_info(h), CKR_DEVICE_ERROR);
    assert_eq!(ck!(token.C_Finalize(null_mut())), CKR_OK);
    assert_eq!(token.initialize(), CKR_DEVICE_ERROR);
    token.plan("");
    assert_eq!(token.initialize(), CKR_OK);
    token.user();
}

#[test]
fn a_removed_token_is_gone_until_the_next_plan() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let slots = || {
        let mut n = 0;
        assert_eq!(
            ck!(token.C_GetSlotList(CK_TRUE, null_mut(), &raw mut n)),
            CKR_OK
        );
        n
    };
    assert_eq!(slots(), 2);
    token.plan("C_GetSessionInfo@1=removed");
    assert_eq!(token.session_info(h), CKR_DEVICE_REMOVED);
    assert_eq!(token.session_info(h), CKR_SESSION_HANDLE_INVALID);
    assert_eq!(token.token_info().err(), Some(CKR_TOKEN_NOT_PRESENT));
    assert_eq!(token.open(), Err(CKR_TOKEN_NOT_PRESENT));
    assert_eq!(slots(), 0);
    let mut info = CK_SLOT_INFO::default();
    assert_eq!(ck!(token.C_GetSlotInfo(token.slot, &raw mut info)), CKR_OK);
    assert_eq!(info.flags & CKF_TOKEN_PRESENT, 0);
    token.plan("");
    assert_eq!(slots(), 2);
    token.user();
}

#[test]
fn a_call_hangs_until_it_is_released() {
    let Some(token) = Token::new() else { return };
    let (token, h) = (&token, token.user());
    let wait = |hanging| {
        let start = Instant::now();
        while token.stat("hanging") != hanging {
            assert!(start.elapsed() < Duration::from_secs(10));
            thread::sleep(Duration::from_millis(1));
        }
    };
    token.plan("C_GetSessionInfo=hang");
    let let_go: [(&dyn Fn(), CK_RV); 3] = [
        (&|| token.release(), CKR_OK),
        (&|| token.plan(""), CKR_OK),
        // It does not go on in the module's next life, on a stranger's session.
        (
            &|| {
                assert_eq!(ck!(token.C_Finalize(null_mut())), CKR_OK);
                assert_eq!(token.initialize(), CKR_OK);
                assert_eq!(token.user(), h);
                token.plan("");
            },
            CKR_FUNCTION_CANCELED,
        ),
    ];
    for (at, (let_go, wanted)) in let_go.into_iter().enumerate() {
        thread::scope(|scope| {
            if at == 2 {
                token.plan("C_GetSessionInfo=hang");
            }
            let call = scope.spawn(|| token.session_info(h));
            wait(1);
            thread::sleep(Duration::from_millis(20));
            assert!(!call.is_finished());
            let_go();
            assert_eq!(call.join().unwrap(), wanted, "{at}");
            wait(0);
        });
    }
}

#[test]
fn overlapping_use_of_a_session_is_counted() {
    let Some(token) = Token::new() else { return };
    let (token, h) = (&token, token.open().unwrap());
    let other = token.open().unwrap();
    token.plan("C_GetSessionInfo=sleep:100");
    let both = |a, b| {
        thread::scope(|scope| {
            let calls = [a, b].map(|h| scope.spawn(move || token.session_info(h)));
            assert_eq!(calls.map(|call| call.join().unwrap()), [CKR_OK; 2]);
        });
    };
    both(h, other);
    assert_eq!(token.stat("overlaps"), 0);
    both(h, h);
    assert_eq!(token.stat("overlaps"), 1);
}

#[test]
fn finalising_while_calls_are_in_the_module_is_counted_and_waits() {
    let Some(token) = Token::new() else { return };
    let (token, h) = (&token, token.user());
    let mut big = mechanism(CKM_RSA_PKCS_KEY_PAIR_GEN);
    let big = &raw mut big as usize;
    thread::scope(|scope| {
        let generates = scope.spawn(move || {
            let (mut bits, mut e) = (4096 as CK_ULONG, [1_u8, 0, 1]);
            let mut public = [
                attribute(CKA_MODULUS_BITS, &raw mut bits),
                attribute(CKA_PUBLIC_EXPONENT, &raw mut e),
            ];
            let (mut a, mut b) = (0, 0);
            let (m, new_a, new_b) = (big as *mut CK_MECHANISM, &raw mut a, &raw mut b);
            let public = public.as_mut_ptr();
            ck!(token.C_GenerateKeyPair(h, m, public, 2, null_mut(), 0, new_a, new_b))
        });
        thread::sleep(Duration::from_millis(20));
        assert_eq!(ck!(token.C_Finalize(null_mut())), CKR_OK);
        assert!(generates.join().is_ok());
    });
    assert_eq!(token.stat("finalize_overlaps"), 1);
}

#[test]
fn sleep_and_delay_take_their_time() {
    let Some(token) = Token::new() else { return };
    let h = token.open().unwrap();
    let time = |plan: &str| {
        token.plan(plan);
        let start = Instant::now();
        token.session_info(h);
        start.elapsed()
    };
    assert!(time("*=delay:20000") >= Duration::from_millis(20));
    assert!(time("C_GetSessionInfo=sleep:20; C_GetSessionInfo=5") >= Duration::from_millis(20));
    // What is not forwarded, is not on its way to the module.
    assert!(time("*=delay:5000000; C_GetSessionInfo=5") < Duration::from_secs(2));
}

#[test]
fn a_bit_of_a_signature_is_flipped() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let (_, key) = token.rsa(h);
    let right = token.sign(h, key).unwrap();
    token.plan("C_Sign@2=bitflip");
    assert_eq!(token.sign(h, key).unwrap(), right);
    let wrong = token.sign(h, key).unwrap();
    let flipped = right.iter().zip(&wrong).map(|(a, b)| (a ^ b).count_ones());
    assert_eq!(flipped.sum::<u32>(), 1);
    assert_eq!(token.sign(h, key).unwrap(), right);
}

#[test]
fn a_bad_plan_or_setting_is_refused_and_the_old_one_stays() {
    let Some(token) = Token::new() else { return };
    let h = token.open().unwrap();
    token.plan("C_GetSessionInfo=0x30");
    assert!(!token.try_plan("C_GetSessionInfo"));
    assert_eq!(token.session_info(h), CKR_DEVICE_ERROR);
    assert!(!token.try_set("P11SHIM_NOTHING", "1"));
    assert!(!token.try_set("P11SHIM_MODULE", "/elsewhere"));
}

#[test]
fn hidden_mechanisms_are_not_there() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let (_, key) = token.rsa(h);
    let all = token.mechanisms();
    assert!(all.contains(&CKM_SHA256_RSA_PKCS));
    token.set(
        "HIDE",
        &format!("{CKM_SHA256_RSA_PKCS:#x},{CKM_RSA_PKCS_KEY_PAIR_GEN:#x}"),
    );
    let mut rest = all.clone();
    rest.retain(|kind| ![CKM_SHA256_RSA_PKCS, CKM_RSA_PKCS_KEY_PAIR_GEN].contains(kind));
    assert_eq!(token.mechanisms(), rest);
    let mut info = CK_MECHANISM_INFO::default();
    let rv = ck!(token.C_GetMechanismInfo(token.slot, CKM_SHA256_RSA_PKCS, &raw mut info));
    assert_eq!(rv, CKR_MECHANISM_INVALID);
    assert_eq!(token.sign_init(h, key), CKR_MECHANISM_INVALID);
    token.set("HIDE", "");
    assert!(token.sign(h, key).is_ok());
    let mut one = 1;
    let rv = ck!(token.C_GetMechanismList(token.slot, [0].as_mut_ptr(), &raw mut one));
    assert_eq!(rv, CKR_BUFFER_TOO_SMALL);
}

#[test]
fn rsa_aes_key_wrap_goes_there_and_back() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let (public, private) = token.rsa(h);
    let secret = token.secret(h, &[7; 40], false).unwrap();
    let mut oaep = CK_RSA_PKCS_OAEP_PARAMS {
        hashAlg: CKM_SHA_1,
        mgf: CKG_MGF1_SHA1,
        source: CKZ_DATA_SPECIFIED,
        pSourceData: null_mut(),
        ulSourceDataLen: 0,
    };
    let mut params = CK_RSA_AES_KEY_WRAP_PARAMS {
        ulAESKeyBits: 256,
        pOAEPParams: &raw mut oaep,
    };
    let mut m = CK_MECHANISM {
        mechanism: CKM_RSA_AES_KEY_WRAP,
        pParameter: (&raw mut params).cast(),
        ulParameterLen: size_of::<CK_RSA_AES_KEY_WRAP_PARAMS>() as CK_ULONG,
    };
    let (m, bits) = (&raw mut m, &raw mut params.ulAESKeyBits);
    let mut info = CK_MECHANISM_INFO::default();
    let wrap = |room: usize| {
        let (mut out, mut len) = (vec![0; room], room as CK_ULONG);
        let p = if room == 0 {
            null_mut()
        } else {
            out.as_mut_ptr()
        };
        let rv = ck!(token.C_WrapKey(h, m, public, secret, p, &raw mut len));
        (rv, out, len)
    };
    let unwrap = |mut wrapped: Vec<u8>| {
        let (mut class, mut kind) = (CKO_SECRET_KEY, CKK_GENERIC_SECRET);
        let (mut yes, mut no) = (CK_TRUE, CK_FALSE);
        let mut template = [
            attribute(CKA_CLASS, &raw mut class),
            attribute(CKA_KEY_TYPE, &raw mut kind),
            attribute(CKA_EXTRACTABLE, &raw mut yes),
            attribute(CKA_SENSITIVE, &raw mut no),
        ];
        let (mut new, template) = (0, template.as_mut_ptr());
        let (data, len) = (wrapped.as_mut_ptr(), wrapped.len() as CK_ULONG);
        let rv = ck!(token.C_UnwrapKey(h, m, private, data, len, template, 4, &raw mut new));
        if rv == CKR_OK { Ok(new) } else { Err(rv) }
    };

    assert_eq!(wrap(1024).0, CKR_MECHANISM_INVALID);
    assert!(!token.mechanisms().contains(&CKM_RSA_AES_KEY_WRAP));
    token.set("RSA_AES", "1");
    assert!(token.mechanisms().contains(&CKM_RSA_AES_KEY_WRAP));
    let rv = ck!(token.C_GetMechanismInfo(token.slot, CKM_RSA_AES_KEY_WRAP, &raw mut info));
    assert_eq!((rv, info.flags), (CKR_OK, CKF_WRAP | CKF_UNWRAP));

    // 256 octets of RSA, 40 of the key and 8 of RFC 5649.
    assert_eq!((wrap(0).0, wrap(0).2), (CKR_OK, 304));
    assert_eq!(wrap(303).0, CKR_BUFFER_TOO_SMALL);
    let (rv, wrapped, len) = wrap(304);
    assert_eq!((rv, len), (CKR_OK, 304));
    let key = unwrap(wrapped.clone()).unwrap();
    let mut value = [0_u8; 40];
    let mut value_of = attribute(CKA_VALUE, &raw mut value);
    assert_eq!(
        ck!(token.C_GetAttributeValue(h, key, &raw mut value_of, 1)),
        CKR_OK
    );
    assert_eq!(value, [7; 40]);

    for at in [10, 300] {
        let mut wrapped = wrapped.clone();
        wrapped[at] ^= 1;
        assert!(unwrap(wrapped).is_err(), "{at}");
    }
    assert_eq!(
        unwrap(wrapped[..256].to_vec()),
        Err(CKR_WRAPPED_KEY_LEN_RANGE)
    );
    unsafe { *bits = 128 };
    assert_eq!(unwrap(wrapped.clone()), Err(CKR_WRAPPED_KEY_INVALID));
    unsafe { *bits = 100 };
    assert_eq!(unwrap(wrapped), Err(CKR_MECHANISM_PARAM_INVALID));
}

#[test]
fn a_key_that_always_authenticates_wants_a_login_for_each_use() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    let (public, private) = token.rsa(h);
    token.set("ALWAYS_AUTH", "1");
    token.set("PIN", PIN);
    let asks = |key| {
        let mut value: CK_BBOOL = 9;
        let mut always = attribute(CKA_ALWAYS_AUTHENTICATE, &raw mut value);
        let rv = ck!(token.C_GetAttributeValue(h, key, &raw mut always, 1));
        (rv, value)
    };
    assert_eq!(asks(private), (CKR_OK, CK_TRUE));
    assert_eq!(asks(public).0, CKR_ATTRIBUTE_TYPE_INVALID);

    let login = |pin| token.login_as(h, CKU_CONTEXT_SPECIFIC, pin);
    assert_eq!(login(PIN), CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(token.sign(h, private), Err(CKR_USER_NOT_LOGGED_IN));
    assert_eq!(token.sign_data(h), Err(CKR_OPERATION_NOT_INITIALIZED));
    for _ in 0..2 {
        assert_eq!(token.sign_init(h, private), CKR_OK);
        assert_eq!(login("4321"), CKR_PIN_INCORRECT);
        assert_eq!(login(PIN), CKR_OK);
        let (mut data, mut len) = (*b"data", 0);
        let rv = ck!(token.C_Sign(h, data.as_mut_ptr(), 4, null_mut(), &raw mut len));
        assert_eq!((rv, len), (CKR_OK, 256));
        assert!(token.sign_data(h).is_ok());
    }
    assert_eq!(token.sign(h, private), Err(CKR_USER_NOT_LOGGED_IN));
    let mut m = mechanism(CKM_RSA_PKCS);
    assert_eq!(ck!(token.C_DecryptInit(h, &raw mut m, private)), CKR_OK);
    let (mut data, mut out, mut len) = ([1; 256], [0; 256], 256);
    let (data, out) = (data.as_mut_ptr(), out.as_mut_ptr());
    let rv = ck!(token.C_Decrypt(h, data, 256, out, &raw mut len));
    assert_eq!(rv, CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_token_that_takes_no_plain_keys_refuses_them() {
    let Some(token) = Token::new() else { return };
    let h = token.user();
    token.set("NO_IMPORT", "1");
    assert_eq!(token.secret(h, b"x", true), Err(CKR_TEMPLATE_INCONSISTENT));
    assert!(token.secret(h, b"x", false).is_ok());
    token.set("NO_IMPORT", "0");
    let key = token.secret(h, b"x", true).unwrap();
    assert_eq!(ck!(token.C_DestroyObject(h, key)), CKR_OK);
}

#[test]
fn the_flags_of_the_pin_are_shown() {
    let Some(token) = Token::new() else { return };
    let all = CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY | CKF_USER_PIN_LOCKED;
    // Which tries SoftHSM counts depends on the order of these tests.
    let seen = || token.token_info().unwrap().flags & all & !CKF_USER_PIN_COUNT_LOW;
    assert_eq!(seen(), 0);
    token.set("PIN_FLAGS", "final");
    assert_eq!(seen(), CKF_USER_PIN_FINAL_TRY);
    token.set("PIN_FLAGS", "low,locked");
    assert_eq!(seen(), CKF_USER_PIN_LOCKED);
    assert_ne!(
        token.token_info().unwrap().flags & CKF_USER_PIN_COUNT_LOW,
        0
    );
}

#[test]
fn threads_survive_faults_at_random() {
    let Some(token) = Token::new() else { return };
    let anchor = token.user();
    let (_, key) = token.rsa(anchor);
    let right = token.sign(anchor, key).unwrap();
    let gentle = "C_Sign?2=0x30; C_Sign?2=after:0x30; C_Sign?2=close; C_SignInit?2=close;
        C_Sign?2=sleep:2; C_OpenSession?1=after:0x31";
    let signed = hammer(&token, gentle, key, &right);
    assert!(signed > 100, "{signed}");
    // From the first of these on the key is lost.
    let rough = "C_SignInit?2=closeall; C_SignInit?2=logout; C_GetSessionInfo?1=finalize;
        C_SignInit?1=removed; C_GetSessionInfo?2=close";
    hammer(&token, rough, key, &right);
    assert!(token.stat("faults") > 20);
    assert_eq!((token.stat("overlaps"), token.stat("closed_use")), (0, 0));
}

/// Six threads sign for a second, each with a session a time; how often it worked.
fn hammer(token: &Token, plan: &str, key: CK_OBJECT_HANDLE, right: &[u8]) -> u64 {
    token.plan(&format!("seed:11; {plan}"));
    let open = token.stat("open_sessions");
    let (start, second) = (Instant::now(), Duration::from_secs(1));
    // Handles start from 1 with a new life of the module: nobody has one from before.
    let world = RwLock::new(());
    let work = || {
        let mut signed = 0;
        while start.elapsed() < second {
            let _in = world.read().unwrap();
            let Ok(h) = token.open() else { continue };
            if token.session_info(h) == CKR_OK
                && let Ok(signature) = token.sign(h, key)
            {
                assert_eq!(signature, right);
                signed += 1;
            }
            ck!(token.C_CloseSession(h));
        }
        signed
    };
    thread::scope(|scope| {
        let threads = [(); 6].map(|()| scope.spawn(work));
        while start.elapsed() < second {
            thread::sleep(Duration::from_millis(5));
            let _stopped = world.write().unwrap();
            token.initialize();
            if token.token_info().is_err() {
                token.plan(plan);
            }
        }
        let signed = threads
            .map(|thread| thread.join().unwrap())
            .into_iter()
            .sum();
        assert!(token.stat("open_sessions") <= open);
        signed
    })
}
