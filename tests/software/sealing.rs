//! Sealing keys, moving to a new one, and the header that keeps one.

use strongroom::provider::KeyProvider;
use strongroom::software::{PassphraseCosts, SealingHeader, SealingKey, Software};
use strongroom::{
    ErrorKind, KeyHandle, KeySpec, ProviderId, ProviderKeyId, Rule, SecretBytes, SignAlg, WrapAlg,
};

use super::common::*;

const CORRUPT: ErrorKind = ErrorKind::Corrupt { what: "sealed key" };
const BAD_HEADER: ErrorKind = ErrorKind::Corrupt {
    what: "sealing header",
};

fn sealed_under(byte: u8) -> Software {
    Software::new(SealingKey::from_bytes([byte; 32])).unwrap()
}

fn with_blob(key: &KeyHandle, blob: &[u8]) -> KeyHandle {
    KeyHandle::new(
        key.provider().clone(),
        key.id(),
        key.spec(),
        key.public().cloned(),
        blob.into(),
    )
    .unwrap()
}

#[test]
fn a_handle_outlives_its_backend() {
    for (spec, alg) in [
        (RSA, SignAlg::Ps256),
        (P256, SignAlg::Es256),
        (AES, SignAlg::Hs256),
        (KeySpec::Hmac { bits: 512 }, SignAlg::Hs512),
    ] {
        let key = sealed_under(7).generate(&new(1, spec)).unwrap();
        assert!(!sealed_under(7).capabilities().is_ephemeral());
        let signature = sign(&sealed_under(7), &key, alg);
        assert_eq!(
            signature.unwrap().len(),
            match spec {
                KeySpec::Rsa { .. } => 256,
                _ => alg.row().hash.len() * if spec == P256 { 2 } else { 1 },
            }
        );
        assert_eq!(kind(sign(&sealed_under(8), &key, alg)), CORRUPT);
    }
}

#[test]
fn no_byte_of_a_blob_can_be_changed() {
    let software = sealed_under(7);
    let key = software.generate(&new(1, P256)).unwrap();
    let other = software.generate(&new(2, P256)).unwrap();
    for at in 0..key.blob().len() {
        let forged = with_blob(&key, &flipped(key.blob(), at));
        assert_eq!(kind(sign(&software, &forged, SignAlg::Es256)), CORRUPT);
        let cut = with_blob(&key, &key.blob()[..at]);
        assert_eq!(kind(sign(&software, &cut, SignAlg::Es256)), CORRUPT);
    }
    for (one, two) in [(&key, &other), (&other, &key)] {
        let swapped = with_blob(one, two.blob());
        assert_eq!(kind(sign(&software, &swapped, SignAlg::Es256)), CORRUPT);
    }
}

#[test]
fn resealing_moves_a_key_and_leaves_all_else() {
    let old = sealed_under(1);
    let key = old.generate(&new(1, P256)).unwrap();
    let both = Software::builder()
        .sealing_key(SealingKey::from_bytes([2; 32]))
        .older_sealing_key(SealingKey::from_bytes([3; 32]))
        .older_sealing_key(SealingKey::from_bytes([1; 32]))
        .build()
        .unwrap();
    assert!(sign(&both, &key, SignAlg::Es256).is_ok());
    let moved = both.reseal(&key).unwrap();
    assert_eq!(moved.id(), key.id());
    assert_eq!(moved.spec(), key.spec());
    assert_eq!(moved.public(), key.public());
    assert_ne!(moved.blob(), key.blob());
    assert_eq!(both.reseal(&moved).unwrap(), moved, "nothing more to do");

    let fresh = sealed_under(2);
    assert!(sign(&fresh, &moved, SignAlg::Es256).is_ok());
    assert_eq!(kind(sign(&fresh, &key, SignAlg::Es256)), CORRUPT);
    assert_eq!(kind(fresh.reseal(&key)), CORRUPT);
    let damaged = with_blob(&moved, &flipped(moved.blob(), 100));
    assert_eq!(kind(fresh.reseal(&damaged)), CORRUPT);
}

#[test]
fn a_backend_needs_one_sealing_key() {
    let misconfigured = |result| matches!(kind(result), ErrorKind::Misconfigured { .. });
    assert!(misconfigured(Software::builder().build()));
    let both = Software::builder().ephemeral();
    let both = both.sealing_key(SealingKey::from_bytes([1; 32]));
    assert!(misconfigured(both.build()));
    let rule = Rule::Length {
        expected: 32,
        actual: 31,
    };
    let field = "sealing key";
    let short = SealingKey::from_secret(SecretBytes::zeroed(31));
    assert_eq!(kind(short), ErrorKind::Invalid { field, rule });
    let (one, two) = (SealingKey::random().unwrap(), SealingKey::random().unwrap());
    assert_ne!(one.id(), two.id());
}

fn cheap() -> PassphraseCosts {
    PassphraseCosts::new(PassphraseCosts::MIN_MEMORY_KIB, 1, 1).unwrap()
}

fn wrong_passphrase() -> ErrorKind {
    ErrorKind::Invalid {
        field: "passphrase",
        rule: Rule::Password,
    }
}

#[test]
fn a_passphrase_opens_its_header() {
    let (header, key) = SealingHeader::from_passphrase(b"correct horse", cheap()).unwrap();
    let stored = header.to_bytes();
    let header = SealingHeader::from_bytes(&stored).unwrap();
    assert_eq!(header.to_bytes(), stored);
    let again = header.open_with_passphrase(b"correct horse").unwrap();
    assert_eq!(again.id(), key.id());
    let made = Software::new(key).unwrap().generate(&new(1, P256)).unwrap();
    assert!(sign(&Software::new(again).unwrap(), &made, SignAlg::Es256).is_ok());

    let wrong = header.open_with_passphrase(b"battery staple");
    assert_eq!(kind(wrong), wrong_passphrase());
    let empty = ErrorKind::Invalid {
        field: "passphrase",
        rule: Rule::Empty,
    };
    assert_eq!(kind(header.open_with_passphrase(b"")), empty);
    let by_key = header.open_with_key(&*SOFTWARE, super::common::key(AES));
    assert!(matches!(
        kind(by_key),
        ErrorKind::Invalid { field: "key", .. }
    ));
}

#[test]
fn an_altered_header_does_not_open() {
    let (header, _) = SealingHeader::from_passphrase(b"correct horse", cheap()).unwrap();
    let stored = header.to_bytes();
    assert_eq!(stored.len(), 65);
    // One byte of the salt, one of each cost (as far as they stay in bounds), the check.
    for (at, bit) in [(5, 1), (24, 8), (28, 2), (32, 2), (33, 1), (64, 1)] {
        let mut altered = stored.clone();
        altered[at] ^= bit;
        let header = SealingHeader::from_bytes(&altered).unwrap();
        let result = header.open_with_passphrase(b"correct horse");
        assert_eq!(kind(result), wrong_passphrase(), "byte {at}");
    }
    for len in 0..stored.len() {
        assert_eq!(kind(SealingHeader::from_bytes(&stored[..len])), BAD_HEADER);
    }
    let longer = [stored.as_slice(), &[0]].concat();
    assert_eq!(kind(SealingHeader::from_bytes(&longer)), BAD_HEADER);
    for at in 0..5 {
        let altered = flipped(&stored, at);
        assert!(SealingHeader::from_bytes(&altered).is_err());
    }
}

/// Costs are used before anything can be checked, so they are bounded first.
#[test]
fn costs_out_of_bounds_are_never_run() {
    let (header, _) = SealingHeader::from_passphrase(b"correct horse", cheap()).unwrap();
    let stored = header.to_bytes();
    for (at, value) in [
        (21, 1024 * 1024 + 1),
        (21, u32::MAX),
        (21, 0),
        (25, 17),
        (25, 0),
        (29, 17),
        (29, 0),
    ] {
        let mut altered = stored.clone();
        altered[at..at + 4].copy_from_slice(&u32::to_be_bytes(value));
        assert_eq!(kind(SealingHeader::from_bytes(&altered)), BAD_HEADER);
    }
    assert!(PassphraseCosts::new(1024, 1, 1).is_err());
    assert!(PassphraseCosts::new(64 * 1024, 0, 1).is_err());
    assert!(PassphraseCosts::new(64 * 1024, 1, 17).is_err());
}

#[test]
fn another_backends_key_opens_its_header() {
    for (spec, alg) in [
        (AES, WrapAlg::A256Kw),
        (AES, WrapAlg::CkmAesKeyWrap),
        (AES, WrapAlg::CkmAesKeyWrapPad),
    ] {
        let by = key(spec);
        let (header, key) = SealingHeader::wrapped_by(&*SOFTWARE, by, alg).unwrap();
        let stored = header.to_bytes();
        let header = SealingHeader::from_bytes(&stored).unwrap();
        assert_eq!(header.wrapping_key(), Some((by.provider(), by.id())));
        let again = header.open_with_key(&*SOFTWARE, by).unwrap();
        assert_eq!(again.id(), key.id());

        let other = super::common::key(KeySpec::Aes { bits: 192 });
        let result = header.open_with_key(&*SOFTWARE, other);
        assert_eq!(kind(result), ErrorKind::NotFound);
        let unexpected = ErrorKind::Invalid {
            field: "passphrase",
            rule: Rule::Unexpected,
        };
        assert_eq!(kind(header.open_with_passphrase(b"x")), unexpected);

        let last = stored.len() - 1;
        let altered = SealingHeader::from_bytes(&flipped(&stored, last)).unwrap();
        assert_eq!(kind(altered.open_with_key(&*SOFTWARE, by)), BAD_HEADER);
        let wrapped = stored.len() - 40;
        let altered = SealingHeader::from_bytes(&flipped(&stored, wrapped)).unwrap();
        let result = altered.open_with_key(&*SOFTWARE, by);
        assert_eq!(kind(result), ErrorKind::DecryptFailed);
        for len in 0..stored.len() {
            assert!(SealingHeader::from_bytes(&stored[..len]).is_err());
        }
    }
}

/// Whoever has the public key can wrap a sealing key of his own choice and compute its check
/// value; with implicit rejection a damaged header would even give a random one.
#[test]
fn rsa_wraps_no_sealing_key() {
    for alg in [WrapAlg::RsaOaep256, WrapAlg::RsaOaep, WrapAlg::Rsa15] {
        let unsupported = ErrorKind::Invalid {
            field: "alg",
            rule: Rule::Unsupported,
        };
        let refused = SealingHeader::wrapped_by(&*SOFTWARE, key(RSA), alg);
        assert_eq!(kind(refused), unsupported);
    }
    // Nor is a header read that names such an algorithm.
    let (header, _) = SealingHeader::wrapped_by(&*SOFTWARE, key(AES), WrapAlg::A256Kw).unwrap();
    let stored = header.to_bytes();
    let at = stored
        .windows(6)
        .position(|name| name == b"A256KW")
        .unwrap();
    let mut forged = stored.clone();
    forged[at..at + 6].copy_from_slice(b"RSA1_5");
    assert_eq!(kind(SealingHeader::from_bytes(&forged)), BAD_HEADER);
}

#[test]
fn the_id_is_part_of_what_is_sealed() {
    let software = sealed_under(7);
    let key = software.generate(&new(1, AES)).unwrap();
    let renamed = KeyHandle::new(
        ProviderId::new(Software::DEFAULT_ID).unwrap(),
        ProviderKeyId::from_bytes([2; 16]),
        AES,
        None,
        key.blob().into(),
    )
    .unwrap();
    assert_eq!(kind(sign(&software, &renamed, SignAlg::Hs256)), CORRUPT);
}
