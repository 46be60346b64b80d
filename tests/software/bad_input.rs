//! Inputs that are wrong on purpose. RSA blocks are made by hand: the raw public
//! operation on an encoded message of our own.

use crypto_bigint::modular::{BoxedMontyForm, BoxedMontyParams};
use crypto_bigint::{BoxedUint, Odd};
use rsa::traits::{PaddingScheme, SignatureScheme};
use sha1::Sha1;
use sha2::Sha256;
use strongroom::fit::{MAX_DATA_LEN, SignRequest};
use strongroom::jwk::{Jwk, PublicKey, RsaPublic};
use strongroom::provider::NewKey;
use strongroom::software::Software;
use strongroom::{
    Curve, DecryptParams, Digest, EncryptAlg, EncryptParams, ErrorKind, Hash, KeyHandle,
    KeyProvider, KeySpec, ProviderId, ProviderKeyId, Rule, SignAlg, WrapAlg,
};

use super::common::*;

const FAILED: ErrorKind = ErrorKind::DecryptFailed;
const BAD: ErrorKind = ErrorKind::BadSignature;

fn invalid(field: &'static str, rule: Rule) -> ErrorKind {
    ErrorKind::Invalid { field, rule }
}

fn length(expected: usize, actual: usize) -> Rule {
    Rule::Length { expected, actual }
}

fn modulus() -> Vec<u8> {
    match key(RSA).public().map(Jwk::key) {
        Some(PublicKey::Rsa(public)) => public.n(),
        _ => panic!("an RSA key"),
    }
}

fn uint(bytes: &[u8]) -> BoxedUint {
    BoxedUint::from_be_slice_truncated(bytes, 2048)
}

/// `block^65537 mod n`.
fn raw(block: &[u8]) -> Vec<u8> {
    let n = Odd::new(uint(&modulus())).into_option().unwrap();
    let form = BoxedMontyForm::new(uint(block), &BoxedMontyParams::new(n));
    let out = form.pow(&BoxedUint::from(65537u64)).retrieve();
    out.to_be_bytes().to_vec()
}

/// The public key as the `rsa` crate has it, to make what ours would not.
fn foreign() -> rsa::RsaPublicKey {
    rsa::RsaPublicKey::new(uint(&modulus()), BoxedUint::from(65537u64)).unwrap()
}

fn shifted(bytes: &[u8], by: i8) -> Vec<u8> {
    let (value, by_one) = (uint(bytes), BoxedUint::one_with_precision(2048));
    let moved = match by {
        1 => value.wrapping_add(&by_one),
        _ => value.wrapping_sub(&by_one),
    };
    moved.to_be_bytes().to_vec()
}

#[test]
fn ecdsa_numbers_out_of_range_are_bad_signatures() {
    // n of P-256.
    let order = [
        0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xBC,
        0xE6, 0xFA, 0xAD, 0xA7, 0x17, 0x9E, 0x84, 0xF3, 0xB9, 0xCA, 0xC2, 0xFC, 0x63, 0x25, 0x51,
    ];
    let mut one = [0; 32];
    one[31] = 1;
    let good = sign(&SOFTWARE, key(P256), SignAlg::Es256).unwrap();
    let (r, s) = good.split_at(32);
    let zero = [0; 32];
    for (r, s) in [
        (&zero[..], s),
        (r, &zero),
        (&zero, &zero),
        (&order, s),
        (r, &order),
        (&one, &one),
        (s, r),
        (&order, &order),
    ] {
        let signature = [r, s].concat();
        assert_eq!(kind(verify(key(P256), SignAlg::Es256, &signature)), BAD);
    }
    let der = p256::ecdsa::Signature::from_slice(&good).unwrap().to_der();
    assert_eq!(kind(verify(key(P256), SignAlg::Es256, der.as_bytes())), BAD);
}

/// `n - s` is as good as `s`, and what we emit on secp256k1 is the lower.
#[test]
fn a_high_s_is_valid_and_es256k_makes_a_low_one() {
    let spec = KeySpec::Ec(Curve::P256K);
    let signed = |_| sign(&SOFTWARE, key(spec), SignAlg::Es256K).unwrap();
    let parse = |low: Vec<u8>| k256::ecdsa::Signature::from_slice(&low).unwrap();
    // By chance alone 32 would all be low once in four thousand million runs.
    assert!(
        (0..32)
            .map(signed)
            .map(parse)
            .all(|low| low.normalize_s() == low)
    );
    let parsed = parse(signed(0));
    let (r, s) = parsed.split_scalars();
    let high = k256::ecdsa::Signature::from_scalars(r, -s).unwrap();
    verify(key(spec), SignAlg::Es256K, &high.to_bytes()).unwrap();

    let low = sign(&SOFTWARE, key(P256), SignAlg::Es256).unwrap();
    let (r, s) = p256::ecdsa::Signature::from_slice(&low)
        .unwrap()
        .split_scalars();
    let other = p256::ecdsa::Signature::from_scalars(r, -s).unwrap();
    verify(key(P256), SignAlg::Es256, &other.to_bytes()).unwrap();
}

#[test]
fn digests_of_other_lengths_are_refused() {
    for len in [0, 20, 31, 33, 64, 1 << 20] {
        let digest = vec![7; len];
        let error = kind(Digest::new(Hash::Sha256, &digest));
        assert_eq!(error, invalid("digest", length(32, len)));
    }
    let other = Hash::Sha384.hash(b"message");
    let request = SignRequest::for_digest(key(P256), SignAlg::Es256, other.as_digest());
    assert_eq!(kind(request), invalid("digest", Rule::NotWithAlgorithm));
}

#[test]
fn rsa_signatures_beyond_the_modulus_are_bad() {
    let n = modulus();
    for alg in [SignAlg::Rs256, SignAlg::Ps256] {
        for wrong in [&n, &shifted(&n, 1), &shifted(&n, -1), &vec![0; 256]] {
            assert_eq!(kind(verify(key(RSA), alg, wrong)), BAD);
        }
        let signature = sign(&SOFTWARE, key(RSA), alg).unwrap();
        let wide = [&[0], signature.as_slice()].concat();
        assert_eq!(kind(verify(key(RSA), alg, &wide)), BAD);
    }
}

/// RS under PS and the reverse, and other digests of the same scheme.
#[test]
fn a_signature_of_one_scheme_is_bad_under_another() {
    use SignAlg::{Ps256, Ps384, Rs256, Rs384};
    for (made, read) in [
        (Rs256, Ps256),
        (Ps256, Rs256),
        (Rs256, Rs384),
        (Ps384, Ps256),
    ] {
        let signature = sign(&SOFTWARE, key(RSA), made).unwrap();
        assert_eq!(kind(verify(key(RSA), read, &signature)), BAD);
    }
}

/// A private key of our own making, to sign what the backend would not, and a handle with
/// its public half.
fn elsewhere() -> (rsa::RsaPrivateKey, KeyHandle) {
    use rsa::traits::PublicKeyParts;
    let private = rsa::RsaPrivateKey::new(&mut seeded(), 2048).unwrap();
    let (n, e) = (private.n().to_be_bytes(), private.e().to_be_bytes());
    let public = RsaPublic::from_components(&n, &e).unwrap();
    let handle = KeyHandle::new(
        ProviderId::new("elsewhere").unwrap(),
        ProviderKeyId::from_bytes([1; 16]),
        RSA,
        Some(Jwk::new(PublicKey::Rsa(public))),
        Vec::new(),
    );
    (private, handle.unwrap())
}

fn seeded() -> chacha20::ChaCha20Rng {
    rand_core::SeedableRng::from_seed([7; 32])
}

/// What PKCS #1 v1.5 wants around the digest, to the byte; and a salt of PSS that is as long as
/// the digest, no more and no less.
#[test]
fn rsa_signatures_of_another_form_are_bad() {
    let (private, handle) = elsewhere();
    let rng = &mut seeded();
    let digest = Hash::Sha256.hash(b"message");
    let digest = digest.as_bytes();
    // SEQUENCE { SEQUENCE { OID sha256, NULL }, OCTET STRING }
    let info: &[u8] = &[
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x05, 0x00, 0x04, 0x20,
    ];
    let no_null: &[u8] = &[
        0x30, 0x2f, 0x30, 0x0b, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01,
        0x04, 0x20,
    ];
    let long_length: &[u8] = &[
        0x30, 0x81, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02,
        0x01, 0x05, 0x00, 0x04, 0x20,
    ];
    let mut other_hash = info.to_vec();
    other_hash[14] = 3;
    let mut sign_raw = |parts: &[&[u8]]| {
        let block = parts.concat();
        let scheme = rsa::Pkcs1v15Sign::new_unprefixed();
        scheme.sign(Some(&mut *rng), &private, &block).unwrap()
    };
    let good = sign_raw(&[info, digest]);
    verify(&handle, SignAlg::Rs256, &good).unwrap();
    for wrong in [
        sign_raw(&[digest]),
        sign_raw(&[no_null, digest]),
        sign_raw(&[long_length, digest]),
        sign_raw(&[&other_hash, digest]),
        sign_raw(&[info, digest, &[0]]),
        sign_raw(&[info, digest, &[0; 150]]),
        sign_raw(&[info]),
    ] {
        assert_eq!(kind(verify(&handle, SignAlg::Rs256, &wrong)), BAD);
    }
    for salt in [0, 20, 31, 32, 33, 64] {
        let pss = rsa::Pss::<Sha256>::new_with_salt(salt);
        let signature = pss.sign(Some(&mut seeded()), &private, digest).unwrap();
        let good = verify(&handle, SignAlg::Ps256, &signature);
        assert_eq!(good.is_ok(), salt == 32, "salt of {salt}");
    }
}

#[test]
fn rsa_ciphertexts_out_of_range_do_not_decrypt() {
    let n = modulus();
    let mut one = vec![0; 256];
    one[255] = 1;
    let none = DecryptParams::none();
    for alg in [
        EncryptAlg::RsaOaep,
        EncryptAlg::RsaOaep256,
        EncryptAlg::Rsa15,
    ] {
        for wrong in [
            &[][..],
            &[0; 255],
            &[1; 257],
            &n,
            &shifted(&n, 1),
            &[255; 256],
        ] {
            assert_eq!(kind(decrypt(key(RSA), alg, wrong, none)), FAILED, "{alg}");
        }
        for wrong in [vec![0; 256], one.clone(), shifted(&n, -1)] {
            let result = decrypt(key(RSA), alg, &wrong, none);
            // With RSA1_5 these are rejected without a word.
            assert!(alg == EncryptAlg::Rsa15 || kind(result) == FAILED);
        }
    }
}

#[test]
fn bad_pkcs1_paddings_are_rejected_without_a_word() {
    let mut good = vec![0xAA; 256];
    (good[0], good[1], good[224]) = (0, 2, 0);
    let none = DecryptParams::none();
    let open = |block: &[u8]| decrypt(key(RSA), EncryptAlg::Rsa15, &raw(block), none).unwrap();
    assert_eq!(open(&good).expose(), [0xAA; 31]);
    let with = |at: usize, byte: u8| {
        let mut block = good.clone();
        block[at] = byte;
        block
    };
    let wrong = [
        with(0, 1),
        with(1, 1),
        with(1, 0),
        with(2, 0),
        with(9, 0),
        with(224, 0xAA),
        vec![0; 256],
    ];
    for block in wrong {
        let first = open(&block);
        assert!(first.expose() != [0xAA; 31]);
        assert!(first == open(&block), "the same answer each time");
    }
}

#[test]
fn oaep_faults_look_the_same() {
    let none = DecryptParams::none();
    let alg = EncryptAlg::RsaOaep256;
    let mut blocks = vec![vec![0; 256], vec![1; 256], vec![0x55; 256]];
    // Manger's question: is the first byte zero?
    blocks.push([&[0], [0xA7; 255].as_slice()].concat());
    blocks.push([&[1], [0xA7; 255].as_slice()].concat());
    for block in blocks {
        assert_eq!(kind(decrypt(key(RSA), alg, &raw(&block), none)), FAILED);
    }
    let rng = &mut seeded();
    let plain = rsa::Oaep::<Sha256>::new().encrypt(rng, &foreign(), b"text");
    assert_eq!(
        decrypt(key(RSA), alg, &plain.unwrap(), none)
            .unwrap()
            .expose(),
        b"text"
    );
    let label = rsa::Oaep::<Sha256>::new_with_label(*b"label").encrypt(rng, &foreign(), b"text");
    let mgf = rsa::Oaep::<Sha256, Sha1>::new_with_mgf_hash().encrypt(rng, &foreign(), b"text");
    for other in [label.unwrap(), mgf.unwrap()] {
        assert_eq!(kind(decrypt(key(RSA), alg, &other, none)), FAILED);
    }
}

#[test]
fn plaintexts_too_long_for_rsa_are_refused() {
    let none = EncryptParams::none();
    for (alg, max) in [
        (EncryptAlg::RsaOaep, 214),
        (EncryptAlg::RsaOaep256, 190),
        (EncryptAlg::Rsa15, 245),
    ] {
        let text = vec![7; max + 1];
        let sealed = encrypt(&SOFTWARE, key(RSA), alg, &text[..max], none).unwrap();
        let opened = decrypt(key(RSA), alg, sealed.as_bytes(), DecryptParams::none());
        assert_eq!(opened.unwrap().expose(), &text[..max]);
        let error = kind(encrypt(&SOFTWARE, key(RSA), alg, &text, none));
        assert_eq!(error, invalid("plaintext", Rule::TooLong(max)));
        let empty = encrypt(&SOFTWARE, key(RSA), alg, b"", none).unwrap();
        let opened = decrypt(key(RSA), alg, empty.as_bytes(), DecryptParams::none());
        assert!(opened.unwrap().is_empty());
    }
}

#[test]
fn gcm_refuses_other_lengths_and_opens_nothing_altered() {
    let alg = EncryptAlg::A256Gcm;
    let params = EncryptParams::none().with_aad(b"aad");
    let sealed = encrypt(&SOFTWARE, key(AES), alg, b"text", params).unwrap();
    let (bytes, iv, tag) = (
        sealed.as_bytes(),
        sealed.iv().unwrap(),
        sealed.tag().unwrap(),
    );
    let open = |bytes: &[u8], iv: &[u8], tag: &[u8], aad: &[u8]| {
        let params = DecryptParams::none().with_iv(iv).with_tag(tag);
        decrypt(key(AES), alg, bytes, params.with_aad(aad))
    };
    assert_eq!(open(bytes, iv, tag, b"aad").unwrap().expose(), b"text");
    for len in (0..=15).chain([17, 32]) {
        let tag = vec![0; len];
        let error = kind(open(bytes, iv, &tag, b"aad"));
        assert_eq!(error, invalid("tag", length(16, len)));
    }
    for len in [0, 8, 11, 13, 16] {
        let iv = vec![0; len];
        let error = kind(open(bytes, &iv, tag, b"aad"));
        assert_eq!(error, invalid("iv", length(12, len)));
    }
    assert_eq!(kind(open(&flipped(bytes, 0), iv, tag, b"aad")), FAILED);
    assert_eq!(kind(open(bytes, &flipped(iv, 0), tag, b"aad")), FAILED);
    assert_eq!(kind(open(bytes, iv, &flipped(tag, 15), b"aad")), FAILED);
    assert_eq!(kind(open(bytes, iv, tag, b"aae")), FAILED);
    assert_eq!(kind(open(bytes, iv, tag, b"")), FAILED);
    assert_eq!(kind(open(b"aad", iv, tag, bytes)), FAILED);
    // The caller cannot repeat an IV, because it cannot give one.
    let given = encrypt(&SOFTWARE, key(AES), alg, b"text", params.with_iv(iv));
    assert_eq!(kind(given), invalid("iv", Rule::NotWithAlgorithm));
    // Zeros from the allocator that are never touched.
    let long = vec![0; MAX_DATA_LEN + 1];
    let error = kind(encrypt(&SOFTWARE, key(AES), alg, &long, params));
    assert_eq!(error, invalid("plaintext", Rule::TooLong(MAX_DATA_LEN)));
}

#[test]
fn cbc_refuses_other_lengths_and_bad_padding() {
    let (raw, padded) = (EncryptAlg::A256Cbc, EncryptAlg::A256CbcPad);
    let with_iv = DecryptParams::none().with_iv(&[7; 16]);
    for alg in [raw, padded] {
        let open = |bytes: &[u8]| kind(decrypt(key(AES), alg, bytes, with_iv));
        assert_eq!(open(&[]), invalid("ciphertext", Rule::Empty));
        assert_eq!(open(&[0; 15]), invalid("ciphertext", Rule::MultipleOf(16)));
        for len in [0, 12, 15, 17] {
            let iv = vec![7; len];
            let params = DecryptParams::none().with_iv(&iv);
            let error = kind(decrypt(key(AES), alg, &[0; 16], params));
            assert_eq!(error, invalid("iv", length(16, len)));
        }
    }
    let mut block = [9; 16];
    for tail in [&[0][..], &[17], &[255], &[1, 2], &[3, 2, 3, 3]] {
        block[16 - tail.len()..].copy_from_slice(tail);
        let params = EncryptParams::none().with_iv(&[7; 16]);
        let sealed = encrypt(&SOFTWARE, key(AES), raw, &block, params).unwrap();
        let result = decrypt(key(AES), padded, sealed.as_bytes(), with_iv);
        // A tail of 3 2 3 3 is no padding of three; 1 2 is none of two.
        assert_eq!(kind(result), FAILED, "{tail:?}");
        block = [9; 16];
    }
}

#[test]
fn key_wrap_refuses_other_lengths_and_unwraps_nothing_altered() {
    let (kw, kwp) = (WrapAlg::A256Kw, WrapAlg::CkmAesKeyWrapPad);
    let wrapped = wrap(key(AES), kw, &[7; 16]).unwrap();
    let padded = wrap(key(AES), kwp, &[7; 16]).unwrap();
    for (alg, wrong) in [(kw, &padded), (kwp, &wrapped)] {
        assert_eq!(kind(unwrap(key(AES), alg, wrong)), FAILED);
        for len in [0, 1, 7, 8, 9, 15, 17, 23, 25] {
            assert_eq!(kind(unwrap(key(AES), alg, &vec![0; len])), FAILED);
        }
        for len in [16, 24, 32] {
            assert_eq!(kind(unwrap(key(AES), alg, &vec![0xA6; len])), FAILED);
        }
    }
    for at in 0..wrapped.len() {
        assert_eq!(kind(unwrap(key(AES), kw, &flipped(&wrapped, at))), FAILED);
        assert_eq!(kind(unwrap(key(AES), kwp, &flipped(&padded, at))), FAILED);
    }
    for len in [0, 1, 8, 15] {
        let error = kind(wrap(key(AES), kw, &vec![7; len]));
        assert_eq!(error, invalid("value", Rule::TooShort(16)));
    }
    let error = kind(wrap(key(AES), kw, &[7; 17]));
    assert_eq!(error, invalid("value", Rule::MultipleOf(8)));
    let error = kind(wrap(key(AES), kwp, &[]));
    assert_eq!(error, invalid("value", Rule::TooShort(1)));
}

#[test]
fn keys_of_other_sizes_are_refused() {
    let id = ProviderKeyId::from_bytes([1; 16]);
    for bits in [0, 1023, 2047, 3000, 16384, u32::MAX] {
        for spec in [KeySpec::Rsa { bits }, KeySpec::Aes { bits }] {
            let error = kind(NewKey::new(id, spec));
            assert_eq!(error, invalid("key_size", Rule::Size));
        }
    }
}

#[test]
fn handles_of_another_backend_or_sealing_key_are_refused() {
    let named = |name| {
        let id = ProviderId::new(name).unwrap();
        Software::builder().id(id).ephemeral().build().unwrap()
    };
    let (here, there) = (named("here"), named("there"));
    let key = here.generate(&new(1, P256)).unwrap();
    assert_eq!(
        kind(sign(&there, &key, SignAlg::Es256)),
        ErrorKind::NotFound
    );
    assert_eq!(kind(there.destroy(&key)), ErrorKind::NotFound);
    assert_eq!(kind(there.reseal(&key)), ErrorKind::NotFound);
    // The same name, another sealing key.
    let twin = named("here");
    let corrupt = ErrorKind::Corrupt { what: "sealed key" };
    assert_eq!(kind(sign(&twin, &key, SignAlg::Es256)), corrupt);
    assert_eq!(kind(twin.reseal(&key)), corrupt);
}
