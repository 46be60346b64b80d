//! Project Wycheproof's vectors and those of draft-irtf-cfrg-rsa-guidance through a raw
//! operation in software, and the `rsa` crate as the other implementation.

use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use proptest::prelude::*;
use rsa::rand_core::UnwrapErr;
use rsa::traits::{PaddingScheme, PrivateKeyParts, PublicKeyParts, SignatureScheme};
use rsa::{Oaep, Pkcs1v15Encrypt, Pss, RsaPrivateKey};
use wycheproof::{HashFunction, Mgf, TestResult};
use wycheproof::{rsa_oaep, rsa_pkcs1_decrypt, rsa_pkcs1_verify, rsa_pss_verify};

use super::challenge::{challenge, rejection_key};
use super::rejection::RejectionKey;
use super::*;
use crate::alg::Digest as CheckedDigest;
use crate::jwk::RsaPublic;

// ---------------------------------------------------------------------------
// The raw operation

/// `input^exponent mod n`, as long as `n`; `None` for what a token refuses.
fn raw(n: &[u8], exponent: &[u8], input: &[u8]) -> Option<Vec<u8>> {
    let n = &n[n.iter().position(|byte| *byte != 0)?..];
    let bits = u32::try_from(8 * n.len()).unwrap();
    let wide = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).ok();
    let (modulus, number) = (wide(n)?, wide(input)?);
    if input.len() != n.len() || number >= modulus {
        return None;
    }
    let modulus = Odd::new(modulus).into_option()?;
    let params = BoxedMontyParams::new_vartime(modulus);
    let power =
        BoxedMontyForm::new(number, &params).pow(&BoxedUint::from_be_slice_vartime(exponent));
    let bytes = power.retrieve().to_be_bytes().to_vec();
    Some(bytes[bytes.len() - n.len()..].to_vec())
}

/// A key of the draft's appendix B.
struct Key {
    n: Vec<u8>,
    e: Vec<u8>,
    d: Vec<u8>,
    public: RsaPublic,
    theirs: RsaPrivateKey,
}

impl Key {
    fn of_the_draft(name: &str) -> Self {
        use base64ct::{Base64UrlUnpadded, Encoding};
        let jwk = &draft()["keys"][name]["jwk"];
        let member = |name: &str| Base64UrlUnpadded::decode_vec(jwk[name].as_str().unwrap());
        let [n, e, d, p, q] = ["n", "e", "d", "p", "q"].map(|name| member(name).unwrap());
        let uint = |bytes: &[u8]| BoxedUint::from_be_slice_vartime(bytes);
        let primes = vec![uint(&p), uint(&q)];
        let theirs = RsaPrivateKey::from_components(uint(&n), uint(&e), uint(&d), primes);
        Key {
            public: RsaPublic::from_components(&n, &e).unwrap(),
            theirs: theirs.unwrap(),
            n,
            e,
            d,
        }
    }

    fn private(&self, input: &[u8]) -> Vec<u8> {
        raw(&self.n, &self.d, input).unwrap()
    }

    fn public(&self, input: &[u8]) -> Vec<u8> {
        raw(&self.n, &self.e, input).unwrap()
    }

    /// The rejection key as the draft makes it, from `d`.
    fn rejection(&self) -> RejectionKey {
        let mut d = vec![0; self.n.len() - self.d.len()];
        d.extend_from_slice(&self.d);
        RejectionKey::from_hash(&Sha256::digest(&d))
    }
}

static KEY: LazyLock<Key> = LazyLock::new(|| Key::of_the_draft("2048"));

fn draft() -> serde_json::Value {
    let path = "tests/vectors/cfrg_rsa_guidance.json";
    let text = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    serde_json::from_slice(&text).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let byte = |pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    text.as_bytes().chunks(2).map(byte).collect()
}

/// The failure's one face, to the letter.
fn assert_failed(result: Result<SecretBytes, Error>, what: &str) {
    let error = result.err().unwrap_or_else(|| panic!("{what}: decoded"));
    assert_eq!(*error.kind(), ErrorKind::DecryptFailed, "{what}");
    assert_eq!(format!("{error:?}"), "Error(DecryptFailed)", "{what}");
}

fn hash(hash: HashFunction) -> Option<Hash> {
    match hash {
        HashFunction::Sha1 => Some(Hash::Sha1),
        HashFunction::Sha2_256 => Some(Hash::Sha256),
        HashFunction::Sha2_384 => Some(Hash::Sha384),
        HashFunction::Sha2_512 => Some(Hash::Sha512),
        _ => None,
    }
}

const HASHES: [Hash; 4] = [Hash::Sha1, Hash::Sha256, Hash::Sha384, Hash::Sha512];

// ---------------------------------------------------------------------------
// OAEP

/// Counted: opened, refused, refused for their label, and not decrypted by the token.
#[test]
fn oaep_wycheproof() {
    let sets: [(&str, [usize; 4]); 9] = [
        ("rsa_oaep_2048_sha1_mgf1sha1", [10, 13, 7, 6]),
        ("rsa_oaep_2048_sha256_mgf1sha256", [10, 13, 8, 6]),
        ("rsa_oaep_2048_sha384_mgf1sha384", [10, 13, 6, 5]),
        ("rsa_oaep_2048_sha512_mgf1sha512", [10, 13, 4, 6]),
        ("rsa_oaep_3072_sha256_mgf1sha256", [10, 13, 8, 6]),
        ("rsa_oaep_3072_sha512_mgf1sha512", [10, 13, 5, 5]),
        ("rsa_oaep_4096_sha256_mgf1sha256", [10, 13, 8, 6]),
        ("rsa_oaep_4096_sha512_mgf1sha512", [10, 13, 7, 6]),
        ("rsa_oaep_misc", [54, 0, 20, 0]),
    ];
    let mut counted = Vec::new();
    for (name, _) in sets {
        let mut counts = [0; 4];
        let set = rsa_oaep::TestSet::load(name.parse().unwrap()).unwrap();
        for group in set.test_groups {
            // The largest keys of the mixed file take a second each.
            let ours = hash(group.hash).filter(|_| {
                group.mgf == Mgf::Mgf1 && group.mgf_hash == group.hash && group.key_size <= 4096
            });
            let Some(hash) = ours else { continue };
            for test in &group.tests {
                let name = format!("{name} tc{}", test.tc_id);
                let Some(em) = raw(&group.key.n, &group.key.d, &test.ct) else {
                    assert_eq!(test.result, TestResult::Invalid, "{name}");
                    counts[3] += 1;
                    continue;
                };
                let decoded = oaep::decode(&em, hash);
                if test.label.is_empty() && test.result == TestResult::Valid {
                    assert_eq!(decoded.expect(&name).expose(), test.pt.as_slice(), "{name}");
                    counts[0] += 1;
                } else {
                    assert_failed(decoded, &name);
                    counts[if test.label.is_empty() { 1 } else { 2 }] += 1;
                }
            }
        }
        counted.push((name, counts));
    }
    assert_eq!(counted, sets);
}

/// Encoded as section 7.1.1 step 2 says, except for what is wrong with it.
struct Encoded<'a> {
    y: u8,
    label: &'a [u8],
    filling: u8,
    separator: u8,
    message: &'a [u8],
}

const GOOD: Encoded<'_> = Encoded {
    y: 0,
    label: b"",
    filling: 0,
    separator: 1,
    message: b"attack at dawn",
};

impl Encoded<'_> {
    fn mask(&self, hash: Hash, k: usize) -> Vec<u8> {
        let mut db = hash.hash(self.label).as_bytes().to_vec();
        let filling = k - 2 * hash.len() - 2 - self.message.len();
        db.resize(db.len() + filling, self.filling);
        db.push(self.separator);
        db.extend_from_slice(self.message);
        masked(self.y, hash, &db)
    }
}

fn masked(y: u8, hash: Hash, db: &[u8]) -> Vec<u8> {
    let mut seed = hash.hash(b"a seed").as_bytes().to_vec();
    let mut db = db.to_vec();
    mgf1_xor(hash, &seed, &mut db);
    mgf1_xor(hash, &db, &mut seed);
    [vec![y], seed, db].concat()
}

#[test]
fn every_malformed_oaep_has_one_face() {
    for hash in HASHES {
        let good = GOOD.mask(hash, 256);
        let opened = oaep::decode(&good, hash).unwrap();
        assert_eq!(opened.expose(), GOOD.message);
        let cases = [
            ("the first byte", Encoded { y: 1, ..GOOD }),
            ("the first byte's top bit", Encoded { y: 0x80, ..GOOD }),
            (
                "a label",
                Encoded {
                    label: b"a label",
                    ..GOOD
                },
            ),
            (
                "both",
                Encoded {
                    y: 1,
                    label: b"a label",
                    ..GOOD
                },
            ),
            (
                "the separator",
                Encoded {
                    separator: 2,
                    ..GOOD
                },
            ),
            (
                "the separator's top bit",
                Encoded {
                    separator: 0x81,
                    ..GOOD
                },
            ),
            (
                "no separator",
                Encoded {
                    separator: 0,
                    message: &[0; 14],
                    ..GOOD
                },
            ),
            ("the filling", Encoded { filling: 3, ..GOOD }),
        ];
        for (what, encoded) in cases {
            assert_failed(oaep::decode(&encoded.mask(hash, 256), hash), what);
        }
        for at in 0..hash.len() {
            let mut db = vec![0; 255 - hash.len()];
            db[..hash.len()].copy_from_slice(hash.hash(b"").as_bytes());
            db[hash.len()] = 1;
            assert!(oaep::decode(&masked(0, hash, &db), hash).is_ok());
            db[at] ^= 0x10;
            let what = format!("the label's hash at {at}");
            assert_failed(oaep::decode(&masked(0, hash, &db), hash), &what);
        }
        for at in 0..good.len() {
            let mut flipped = good.clone();
            flipped[at] ^= 1;
            assert_failed(oaep::decode(&flipped, hash), &format!("byte {at}"));
        }
        for len in 0..good.len() {
            assert_failed(oaep::decode(&good[..len], hash), &format!("{len} bytes"));
            assert_failed(oaep::decode(&vec![0; len], hash), &format!("{len} zeros"));
        }
        for others in HASHES.iter().filter(|other| **other != hash) {
            assert_failed(oaep::decode(&good, *others), "another hash");
        }
    }
}

#[test]
fn oaep_of_every_length() {
    for (hash, k) in [(Hash::Sha1, 128), (Hash::Sha256, 128), (Hash::Sha512, 256)] {
        let content: Vec<u8> = (0..=255).collect();
        for len in 0..=k - 2 * hash.len() - 2 {
            let message = &content[..len];
            let em = Encoded { message, ..GOOD }.mask(hash, k);
            assert_eq!(oaep::decode(&em, hash).unwrap().expose(), message);
        }
    }
}

fn oaep_of_theirs(hash: Hash, ciphertext: &[u8]) -> Option<Vec<u8>> {
    match hash {
        Hash::Sha1 => KEY.theirs.decrypt(Oaep::<Sha1>::new(), ciphertext),
        Hash::Sha256 => KEY.theirs.decrypt(Oaep::<Sha256>::new(), ciphertext),
        Hash::Sha384 => KEY.theirs.decrypt(Oaep::<Sha384>::new(), ciphertext),
        Hash::Sha512 => KEY.theirs.decrypt(Oaep::<Sha512>::new(), ciphertext),
    }
    .ok()
}

// ---------------------------------------------------------------------------
// PKCS #1 v1.5, decrypting

/// Counted: made up, opened.
#[test]
fn the_drafts_vectors() {
    let file = draft();
    let mut counts = [0, 0];
    for name in ["2048", "3072", "4096"] {
        let key = Key::of_the_draft(name);
        let rejection = key.rejection();
        let cases = file["cases"].as_array().unwrap().iter();
        for case in cases.filter(|case| case["key"] == name) {
            let ciphertext = hex(case["ciphertext_hex"].as_str().unwrap());
            let em = key.private(&ciphertext);
            let decoded = pkcs1::decrypt_decode(&em, &ciphertext, &rejection).unwrap();
            let expected = hex(case["plaintext_hex"].as_str().unwrap());
            assert_eq!(decoded.expose(), expected, "{}", case["name"]);
            counts[usize::from(case["valid"].as_bool().unwrap())] += 1;
        }
    }
    assert_eq!(counts, [27, 9]);
}

/// Counted: opened, made up, and not decrypted by the token.
#[test]
fn pkcs1_decrypt_wycheproof() {
    let sets: [(&str, [usize; 3]); 3] = [
        ("rsa_pkcs1_2048", [42, 19, 6]),
        ("rsa_pkcs1_3072", [41, 20, 6]),
        ("rsa_pkcs1_4096", [41, 20, 6]),
    ];
    let mut counted = Vec::new();
    for (name, _) in sets {
        let mut counts = [0; 3];
        let set = rsa_pkcs1_decrypt::TestSet::load(name.parse().unwrap()).unwrap();
        for group in set.test_groups {
            let public = RsaPublic::from_components(&group.key.n, &group.key.e).unwrap();
            let image = raw(&group.key.n, &group.key.d, &challenge(&public)).unwrap();
            let rejection = rejection_key(&public, &image).unwrap();
            for test in &group.tests {
                let name = format!("{name} tc{}", test.tc_id);
                let Some(em) = raw(&group.key.n, &group.key.d, &test.ct) else {
                    assert_eq!(test.result, TestResult::Invalid, "{name}");
                    counts[2] += 1;
                    continue;
                };
                let decode = || pkcs1::decrypt_decode(&em, &test.ct, &rejection).unwrap();
                if test.result == TestResult::Valid {
                    assert_eq!(decode().expose(), test.pt.as_slice(), "{name}");
                    counts[0] += 1;
                } else {
                    assert_ne!(decode().expose(), test.pt.as_slice(), "{name}");
                    assert!(decode().len() <= em.len() - 11, "{name}");
                    assert!(decode() == decode(), "{name}");
                    counts[1] += 1;
                }
            }
        }
        counted.push((name, counts));
    }
    assert_eq!(counted, sets);
}

/// Each place of the separator, each wrong beginning: what is well-formed is read, and
/// everything else gives the one made-up message of its ciphertext.
#[test]
fn every_malformed_pkcs1_gives_what_is_made_up() {
    const K: usize = 64;
    let rejection = RejectionKey::from_hash(&[7; 32]);
    let ciphertext = [9; K];
    let decode = |em: &[u8]| pkcs1::decrypt_decode(em, &ciphertext, &rejection).unwrap();
    let made_up = decode(&[0; K]);
    let (block, len) = rejection.message(&ciphertext, 53).unwrap();
    assert_eq!(made_up.expose(), &block.expose()[K - usize::from(len)..]);
    for start in [[0, 2], [1, 2], [0, 1], [0, 0], [0x80, 2], [0, 0x82]] {
        for separator in 2..=K {
            for later_zero in [false, true] {
                let mut em = [0x42; K];
                em[..2].copy_from_slice(&start);
                if separator < K {
                    em[separator] = 0;
                    em[K - 1] = if later_zero { 0 } else { em[K - 1] };
                } else if later_zero {
                    continue;
                }
                let good = start == [0, 2] && (10..K).contains(&separator);
                let expected = match good {
                    true => &em[separator + 1..],
                    false => made_up.expose(),
                };
                assert_eq!(decode(&em).expose(), expected, "{start:?} {separator}");
            }
        }
    }
    for (em, ciphertext) in [(0, 0), (10, 10), (K, K - 1), (K - 1, K), (70_000, 70_000)] {
        let decoded = pkcs1::decrypt_decode(&vec![0; em], &vec![0; ciphertext], &rejection);
        assert_failed(decoded, "lengths");
    }
}

#[test]
fn what_is_made_up_depends_on_key_and_ciphertext() {
    let message = |key: u8, ciphertext: u8| {
        let rejection = RejectionKey::from_hash(&[key; 32]);
        pkcs1::decrypt_decode(&[0; 256], &[ciphertext; 256], &rejection).unwrap()
    };
    assert!(message(1, 1) == message(1, 1));
    assert!(message(1, 1) != message(2, 1));
    assert!(message(1, 1) != message(1, 2));
    // Lengths differ as those of messages do: up to the longest, and spread.
    let rejection = RejectionKey::from_hash(&[3; 32]);
    let lens = (0..=255).map(|byte| {
        let (_, len) = rejection.message(&[byte; 256], 245).unwrap();
        usize::from(len)
    });
    let lens: Vec<usize> = lens.collect();
    assert!(lens.iter().all(|len| *len <= 245));
    assert!(lens.iter().any(|len| *len > 200) && lens.iter().any(|len| *len < 40));
}

/// Everything that goes into a made-up message, as it was computed apart from
/// this code (in Python, with its own integers): whoever changes it makes instances of two versions tell real
/// messages from others.
#[test]
fn the_rejection_key_of_a_known_key() {
    let challenge = challenge(&KEY.public);
    assert_eq!(
        Sha256::digest(&challenge).as_slice(),
        hex("ff869a35487605bd44cd601549dd9d29201fe037eb29eaddf2ee8ff304696074")
    );
    let image = KEY.private(&challenge);
    let rejection = rejection_key(&KEY.public, &image).unwrap();
    let made_up = pkcs1::decrypt_decode(&[0; 256], &[5; 256], &rejection).unwrap();
    assert_eq!(
        Sha256::digest(made_up.expose()).as_slice(),
        hex("55e1b805963138e7d5812e44fae50a4e516057f4e047d9e86087a6cb88f053f0")
    );
    assert_eq!(
        format!("{rejection:?}"),
        "RejectionKey(SecretBytes(32 bytes))"
    );
}

#[test]
fn a_challenge_is_no_encoding_of_anything_signed() {
    for name in ["2048", "3072", "4096"] {
        let key = Key::of_the_draft(name);
        let challenge = challenge(&key.public);
        assert_eq!(challenge.len(), key.n.len());
        assert_eq!(challenge[0], 0, "below the modulus");
        assert!(
            challenge[1] >= 0x80,
            "not PKCS #1 v1.5, for signing or encrypting"
        );
        assert_ne!(challenge.last(), Some(&0xBC), "not PSS");
    }
}

#[test]
fn a_wrong_answer_makes_no_rejection_key() {
    let good = KEY.private(&challenge(&KEY.public));
    let make = |answer: &[u8]| rejection_key(&KEY.public, answer);
    assert!(make(&good).is_ok());
    let mut wrong = vec![
        Vec::new(),
        vec![0; 256],
        vec![0xFF; 256],
        KEY.n.clone(),
        challenge(&KEY.public),
        [&[0], good.as_slice()].concat(),
        good[1..].to_vec(),
    ];
    for at in [0, 1, 100, 255] {
        let mut flipped = good.clone();
        flipped[at] ^= 1;
        wrong.push(flipped);
    }
    // The same number modulo n in another form.
    let bits = 8 * 257;
    let number = |bytes: &[u8]| BoxedUint::from_be_slice(bytes, bits).unwrap();
    let more = number(&good).wrapping_add(number(&KEY.n)).to_be_bytes();
    wrong.push(more[more.len() - 256..].to_vec());
    wrong.push(more[more.len() - 257..].to_vec());
    for answer in wrong {
        let error = make(&answer).expect_err("refused");
        assert_eq!(*error.kind(), ErrorKind::FaultDetected);
    }
}

// ---------------------------------------------------------------------------
// Signing

/// The block in a signature is the one that we encode, if and only if it is valid.
/// Counted: valid, invalid, and not decrypted by the public operation.
#[test]
fn pkcs1_sign_wycheproof() {
    let sets: [(&str, [usize; 3]); 7] = [
        ("rsa_signature_2048_sha256", [9, 243, 7]),
        ("rsa_signature_2048_sha384", [7, 245, 6]),
        ("rsa_signature_2048_sha512", [8, 246, 5]),
        ("rsa_signature_3072_sha256", [8, 246, 5]),
        ("rsa_signature_3072_sha384", [7, 246, 6]),
        ("rsa_signature_3072_sha512", [8, 247, 5]),
        ("rsa_signature_4096_sha512", [7, 246, 6]),
    ];
    let mut counted = Vec::new();
    for (name, _) in sets {
        let mut counts = [0; 3];
        let set = rsa_pkcs1_verify::TestSet::load(name.parse().unwrap()).unwrap();
        for group in set.test_groups {
            let digest_of = |message: &[u8]| hash(group.hash).unwrap().hash(message);
            for test in &group.tests {
                let name = format!("{name} tc{}", test.tc_id);
                // A DigestInfo without its NULL is not what anyone is to make (note 1).
                let lenient = [rsa_pkcs1_verify::TestFlag::MissingNull];
                let lenient = test.flags.iter().any(|flag| lenient.contains(flag));
                let valid = test.result == TestResult::Valid && !lenient;
                let Some(em) = raw(&group.key.n, &group.key.e, &test.sig) else {
                    assert!(!valid, "{name}");
                    counts[2] += 1;
                    continue;
                };
                let digest = digest_of(&test.msg);
                let ours = pkcs1::sign_encode(digest.as_digest(), em.len()).unwrap();
                assert_eq!(ours == em, valid, "{name}");
                assert!(ours.ends_with(&pkcs1::digest_info(digest.as_digest())));
                counts[usize::from(!valid)] += 1;
            }
        }
        counted.push((name, counts));
    }
    assert_eq!(counted, sets);
}

/// RFC 8017 section 9.2 note 1.
#[test]
fn digest_infos_are_those_of_the_rfc() {
    let starts = [
        (Hash::Sha1, "3021300906052b0e03021a05000414"),
        (Hash::Sha256, "3031300d060960864801650304020105000420"),
        (Hash::Sha384, "3041300d060960864801650304020205000430"),
        (Hash::Sha512, "3051300d060960864801650304020305000440"),
    ];
    for (hash, start) in starts {
        let digest = hash.hash(b"abc");
        let expected = [hex(start).as_slice(), digest.as_bytes()].concat();
        assert_eq!(pkcs1::digest_info(digest.as_digest()), expected);
        // The least room: eight bytes of filling.
        let least = expected.len() + 11;
        let block = pkcs1::sign_encode(digest.as_digest(), least).unwrap();
        assert_eq!(
            block[..11],
            [0, 1, 255, 255, 255, 255, 255, 255, 255, 255, 0]
        );
        assert_eq!(block[11..], expected);
        for k in 0..least {
            let error = pkcs1::sign_encode(digest.as_digest(), k).unwrap_err();
            assert_eq!(*error.kind(), *no_room().kind());
        }
    }
}

/// The block in a signature, with the salt that is in it, is the one that we encode, if
/// and only if it is valid. Counted: valid, invalid, and not decrypted by the public
/// operation.
#[test]
fn pss_wycheproof() {
    let sets: [(&str, [usize; 3]); 6] = [
        ("rsa_pss_2048_sha256_mgf1_32", [63, 39, 6]),
        ("rsa_pss_2048_sha384_mgf1_48", [95, 40, 6]),
        ("rsa_pss_3072_sha256_mgf1_32", [63, 39, 6]),
        ("rsa_pss_4096_sha256_mgf1_32", [63, 39, 6]),
        ("rsa_pss_4096_sha384_mgf1_48", [95, 40, 6]),
        ("rsa_pss_4096_sha512_mgf1_64", [132, 41, 6]),
    ];
    let mut counted = Vec::new();
    for (name, _) in sets {
        let mut counts = [0; 3];
        let set = rsa_pss_verify::TestSet::load(name.parse().unwrap()).unwrap();
        for group in set.test_groups {
            let hash = hash(group.hash).unwrap();
            assert_eq!((group.mgf, group.salt_size), (Mgf::Mgf1, hash.len()));
            let bits = u32::try_from(group.key_size).unwrap();
            for test in &group.tests {
                let name = format!("{name} tc{}", test.tc_id);
                let valid = test.result == TestResult::Valid;
                let Some(em) = raw(&group.key.n, &group.key.e, &test.sig) else {
                    assert!(!valid, "{name}");
                    counts[2] += 1;
                    continue;
                };
                let (rest, _) = em.split_at(em.len() - 1);
                let (db, h) = rest.split_at(rest.len() - hash.len());
                let mut db = db.to_vec();
                mgf1_xor(hash, h, &mut db);
                let salt = &db[db.len() - hash.len()..];
                let ours = pss::encode(hash.hash(&test.msg).as_digest(), bits, salt).unwrap();
                assert_eq!(ours == em, valid, "{name}");
                counts[usize::from(!valid)] += 1;
            }
        }
        counted.push((name, counts));
    }
    assert_eq!(counted, sets);
}

/// A modulus of 8 n + 1 bits has a byte that the encoded message has not.
#[test]
fn pss_of_moduli_of_all_lengths() {
    let mut rng = UnwrapErr(getrandom::SysRng);
    for bits in [1024, 1025, 1026, 1031] {
        let key = RsaPrivateKey::new(&mut rng, bits).unwrap();
        let digest = Hash::Sha256.hash(b"message");
        let modulus_bits = u32::try_from(bits).unwrap();
        let em = pss::encode(digest.as_digest(), modulus_bits, &[7; 32]).unwrap();
        assert_eq!(em.len(), key.size());
        let (n, d) = (key.n().to_be_bytes(), key.d().to_be_bytes());
        let signature = raw(&n, &d, &em).unwrap();
        let public = key.to_public_key();
        let verified = Pss::<Sha256>::new().verify(&public, digest.as_bytes(), &signature);
        assert!(verified.is_ok(), "{bits} bits");
    }
}

#[test]
fn pss_refuses_other_salts_and_small_moduli() {
    for hash in HASHES {
        let digest = hash.hash(b"message");
        let encode = |bits, salt: &[u8]| pss::encode(digest.as_digest(), bits, salt);
        for len in [0, hash.len() - 1, hash.len() + 1] {
            let rule = Rule::Length {
                expected: hash.len(),
                actual: len,
            };
            let error = encode(4096, &vec![0; len]).unwrap_err();
            assert_eq!(*error.kind(), *Error::invalid("salt", rule).kind());
        }
        let least = 8 * (2 * u32::try_from(hash.len()).unwrap() + 2) - 6;
        let salt = vec![0; hash.len()];
        assert!(encode(least, &salt).is_ok());
        for bits in [0, 1, 8, 9, least - 1] {
            assert_eq!(*encode(bits, &salt).unwrap_err().kind(), *no_room().kind());
        }
    }
}

// ---------------------------------------------------------------------------
// The parts, and everything at random

#[test]
fn first_and_take_last_are_what_they_say() {
    let bytes: Vec<u8> = (0..100)
        .map(|at| if at % 7 == 3 { 0 } else { at })
        .collect();
    for start in 0..bytes.len() {
        let bytes = &bytes[start..];
        let found = first(bytes, |byte| byte.ct_eq(&0));
        let expected = bytes.iter().position(|byte| *byte == 0);
        assert_eq!(bool::from(found.any), expected.is_some());
        let behind = expected.map_or(0, |at| bytes.len() - at - 1);
        assert_eq!(usize::try_from(found.behind).unwrap(), behind);
        let found = first(bytes, |byte| Choice::from(u8::from(byte > 90)));
        let expected = bytes.iter().find(|byte| **byte > 90);
        assert_eq!(found.byte, expected.copied().unwrap_or_default());
    }
    for total in 0..70 {
        let bytes = &bytes[..total];
        for len in 0..=total {
            let taken = take_last(&mut bytes.to_vec(), u32::try_from(len).unwrap());
            assert_eq!(taken.expose(), &bytes[total - len..]);
        }
    }
}

/// Blocks below the 2048-bit modulus that are good, nearly good, or anything.
fn block() -> impl Strategy<Value = Vec<u8>> {
    let anything = proptest::collection::vec(any::<u8>(), 256);
    (anything, 0u8..8, 0usize..256, any::<u8>()).prop_map(|(mut em, kind, at, byte)| {
        em[0] &= 0x7F;
        if kind > 0 {
            em[..2].copy_from_slice(&[0, 2]);
        }
        if kind > 1 {
            em[2..10].iter_mut().for_each(|byte| *byte |= 1);
        }
        if kind > 2 {
            em[at] = 0;
        }
        if kind > 6 {
            em[at.min(10)] = byte & 0x7F;
        }
        em
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn oaep_opens_what_others_seal(
        message in proptest::collection::vec(any::<u8>(), 0..=126),
        at in 0..HASHES.len(),
        cut in 0usize..127,
    ) {
        let hash = HASHES[at];
        let message = &message[..message.len().min(cut)];
        let mut rng = UnwrapErr(getrandom::SysRng);
        let public = KEY.theirs.to_public_key();
        let sealed = match hash {
            Hash::Sha1 => Oaep::<Sha1>::new().encrypt(&mut rng, &public, message),
            Hash::Sha256 => Oaep::<Sha256>::new().encrypt(&mut rng, &public, message),
            Hash::Sha384 => Oaep::<Sha384>::new().encrypt(&mut rng, &public, message),
            Hash::Sha512 => Oaep::<Sha512>::new().encrypt(&mut rng, &public, message),
        };
        let em = KEY.private(&sealed.unwrap());
        let opened = oaep::decode(&em, hash).unwrap();
        prop_assert_eq!(opened.expose(), message);
    }

    #[test]
    fn oaep_judges_as_others_do(
        mut tail in proptest::collection::vec(0u8..3, 223 - 32),
        zeros in 0usize..224,
        y in prop_oneof![9 => Just(0u8), 1 => 1u8..0x80],
    ) {
        let zeros = zeros.min(tail.len());
        tail[..zeros].fill(0);
        let label = Hash::Sha256.hash(b"");
        let db = [label.as_bytes(), &tail].concat();
        let em = masked(y, Hash::Sha256, &db);
        let ours = oaep::decode(&em, Hash::Sha256).ok();
        let theirs = oaep_of_theirs(Hash::Sha256, &KEY.public(&em));
        prop_assert_eq!(ours.as_ref().map(SecretBytes::expose), theirs.as_deref());
    }

    #[test]
    fn pkcs1_decodes_as_others_do(em in block()) {
        let ciphertext = KEY.public(&em);
        let ours = pkcs1::decrypt_decode(&em, &ciphertext, &KEY.rejection()).unwrap();
        let theirs = KEY.theirs.decrypt(Pkcs1v15Encrypt, &ciphertext).unwrap();
        prop_assert_eq!(ours.expose(), theirs);
    }

    #[test]
    fn signatures_verify(
        digest in proptest::collection::vec(any::<u8>(), 64),
        salt in proptest::collection::vec(any::<u8>(), 64),
        at in 1..HASHES.len(),
    ) {
        let hash = HASHES[at];
        let (digest, salt) = (&digest[..hash.len()], &salt[..hash.len()]);
        let checked = CheckedDigest::new(hash, digest).unwrap();
        let pss = KEY.private(&pss::encode(checked, 2048, salt).unwrap());
        let public = KEY.theirs.to_public_key();
        let verified = match hash {
            Hash::Sha1 => unreachable!("not among them"),
            Hash::Sha256 => Pss::<Sha256>::new().verify(&public, digest, &pss),
            Hash::Sha384 => Pss::<Sha384>::new().verify(&public, digest, &pss),
            Hash::Sha512 => Pss::<Sha512>::new().verify(&public, digest, &pss),
        };
        prop_assert!(verified.is_ok());
        let pkcs1 = KEY.private(&pkcs1::sign_encode(checked, 256).unwrap());
        let scheme = match hash {
            Hash::Sha1 => unreachable!("not among them"),
            Hash::Sha256 => rsa::Pkcs1v15Sign::new::<Sha256>(),
            Hash::Sha384 => rsa::Pkcs1v15Sign::new::<Sha384>(),
            Hash::Sha512 => rsa::Pkcs1v15Sign::new::<Sha512>(),
        };
        prop_assert!(scheme.verify(&public, digest, &pkcs1).is_ok());
    }
}
