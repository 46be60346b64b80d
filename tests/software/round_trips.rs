//! Every row of the capability table, there and back, and then with something wrong.

use strongroom::alg::{Alg, EncryptScheme, SignScheme, WrapScheme};
use strongroom::fit::{DecryptInPlaceRequest, EncryptInPlaceRequest, SignRequest, VerifyRequest};
use strongroom::jwk::SecretJwk;
use strongroom::provider::Place;
use strongroom::software::Software;
use strongroom::{
    Curve, DecryptParams, Digest, EncryptAlg, EncryptParams, ErrorKind, KeyProvider, KeySpec, Op,
    Rule, SignAlg, WrapAlg,
};

use super::common::*;

#[test]
fn the_table_offers_what_fits_and_nothing_else() {
    let offers = SOFTWARE.capabilities();
    for alg in Alg::all() {
        for spec in KeySpec::ALL {
            for op in Op::ALL {
                let expected = alg.fits(*spec) && alg.ops().contains(op);
                assert_eq!(offers.supports(*op, alg, *spec).is_some(), expected);
            }
        }
    }
    for spec in KeySpec::ALL {
        assert!(offers.can_generate(*spec) && offers.can_import(*spec));
    }
    let rsa = |op, alg| offers.supports(op, alg, RSA);
    assert_eq!(
        rsa(Op::Sign, Alg::from(SignAlg::Ps256)),
        Some(Place::Inside)
    );
    assert_eq!(rsa(Op::Verify, SignAlg::Ps256.into()), Some(Place::Public));
    assert_eq!(
        rsa(Op::Encrypt, EncryptAlg::RsaOaep.into()),
        Some(Place::Public)
    );
    assert_eq!(
        rsa(Op::UnwrapKey, WrapAlg::RsaOaep.into()),
        Some(Place::Inside)
    );
    assert!(offers.is_ephemeral() && !offers.is_hsm());
}

#[test]
fn signatures_verify_and_altered_ones_do_not() {
    let others = Software::ephemeral().unwrap();
    let bad = ErrorKind::BadSignature;
    for (alg, spec) in fitting(SignAlg::ALL, SignAlg::fits) {
        let key = key(spec);
        let signature = sign(&SOFTWARE, key, alg).unwrap();
        let expected = match alg.row().scheme {
            SignScheme::Hmac => alg.row().hash.len(),
            SignScheme::Ecdsa(curve) => 2 * curve.field_len(),
            _ => spec.byte_len(),
        };
        assert_eq!(signature.len(), expected);
        verify(key, alg, &signature).unwrap();
        for at in [0, signature.len() / 2, signature.len() - 1] {
            assert_eq!(kind(verify(key, alg, &flipped(&signature, at))), bad);
        }
        let longer = [signature.as_slice(), &[0]].concat();
        let shorter = &signature[..signature.len() - 1];
        let zeros = vec![0; signature.len()];
        let ones = vec![0xFF; signature.len()];
        for wrong in [&longer, shorter, &zeros, &ones, &[]] {
            assert_eq!(kind(verify(key, alg, wrong)), bad, "{alg} {spec}");
        }
        let other = VerifyRequest::for_message(key, alg, b"massage", &signature).unwrap();
        assert_eq!(kind(SOFTWARE.verify(&other)), bad);
        if !matches!(spec, KeySpec::Rsa { .. }) {
            let other = others.generate(&new(1, spec)).unwrap();
            let request = VerifyRequest::for_message(&other, alg, b"message", &signature);
            assert_eq!(kind(others.verify(&request.unwrap())), bad);
        }
    }
}

#[test]
fn a_digest_and_its_message_give_one_signature() {
    for (alg, spec) in fitting(SignAlg::ALL, SignAlg::fits) {
        let (key, hash) = (key(spec), alg.row().hash);
        let value = hash.hash(b"message");
        let digest = Digest::new(hash, value.as_bytes()).unwrap();
        let request = SignRequest::for_digest(key, alg, digest).unwrap();
        let signature = SOFTWARE.sign(&request).unwrap();
        let of_message = verify(key, alg, signature.as_bytes());
        // For HS* the service's verb runs the MAC over the digest's bytes.
        assert_eq!(of_message.is_ok(), alg.row().scheme != SignScheme::Hmac);
        let request = VerifyRequest::for_digest(key, alg, digest, signature.as_bytes());
        SOFTWARE.verify(&request.unwrap()).unwrap();
    }
}

#[test]
fn ciphertexts_decrypt_and_altered_ones_do_not() {
    let plaintext = b"forty-one bytes of plaintext, to be exact";
    for (alg, spec) in fitting(EncryptAlg::ALL, EncryptAlg::fits) {
        let key = key(spec);
        let params = match alg.row().scheme {
            EncryptScheme::Cbc(_) | EncryptScheme::CbcPad(_) => {
                EncryptParams::none().with_iv(&[7; 16])
            }
            EncryptScheme::Gcm(_) => EncryptParams::none().with_aad(b"aad"),
            _ => EncryptParams::none(),
        };
        let sealed = encrypt(&SOFTWARE, key, alg, plaintext, params).unwrap();
        let bytes = sealed.as_bytes();
        let mut params = sealed.params();
        params.aad = matches!(alg.row().scheme, EncryptScheme::Gcm(_)).then_some(b"aad");
        let opened = decrypt(key, alg, bytes, params).unwrap();
        assert!(opened.expose().starts_with(plaintext));
        let zeros = &opened.expose()[plaintext.len()..];
        match alg.row().scheme {
            EncryptScheme::Cbc(_) => assert_eq!(zeros, [0; 7]),
            _ => assert!(zeros.is_empty()),
        }
        for at in [0, bytes.len() / 2, bytes.len() - 1] {
            let result = decrypt(key, alg, &flipped(bytes, at), params);
            match alg.row().scheme {
                EncryptScheme::Oaep(_) | EncryptScheme::Gcm(_) => {
                    assert_eq!(kind(result), ErrorKind::DecryptFailed, "{alg}");
                }
                // CBC authenticates nothing, RSA1_5 rejects without a word.
                _ => match result {
                    Ok(other) => assert!(other != opened),
                    Err(error) => assert_eq!(*error.kind(), ErrorKind::DecryptFailed),
                },
            }
        }
    }
}

#[test]
fn wrapped_keys_unwrap_and_altered_ones_do_not() {
    let material = [0x5A; 32];
    for (alg, spec) in fitting(WrapAlg::ALL, WrapAlg::fits) {
        let key = key(spec);
        let wrapped = wrap(key, alg, &material).unwrap();
        assert_eq!(unwrap(key, alg, &wrapped).unwrap().expose(), material);
        for at in [0, wrapped.len() / 2, wrapped.len() - 1] {
            let result = unwrap(key, alg, &flipped(&wrapped, at));
            match (alg.row().scheme, result) {
                (WrapScheme::Pkcs1v15, Ok(other)) => assert_ne!(other.expose(), material),
                (_, result) => assert_eq!(kind(result), ErrorKind::DecryptFailed),
            }
        }
    }
}

#[test]
fn in_place_is_the_same_as_not_in_place() {
    let key = key(AES);
    let mut buffer = *b"some content that is longer than a block";
    let alg = EncryptAlg::A256Gcm;
    let mut request = EncryptInPlaceRequest::new(key, alg, &mut buffer, b"aad").unwrap();
    let sealed = SOFTWARE.encrypt_in_place(&mut request).unwrap();
    let params = DecryptParams::none()
        .with_iv(&sealed.iv)
        .with_tag(&sealed.tag);
    let opened = decrypt(key, alg, &buffer, params.with_aad(b"aad")).unwrap();
    assert!(opened.expose().starts_with(b"some content"));

    let ciphertext = buffer;
    let mut request = DecryptInPlaceRequest::new(key, alg, &mut buffer, params).unwrap();
    let failed = SOFTWARE.decrypt_in_place(&mut request);
    assert_eq!(kind(failed), ErrorKind::DecryptFailed);
    assert_eq!(buffer, ciphertext, "unchanged after an error");
    let params = params.with_aad(b"aad");
    let mut request = DecryptInPlaceRequest::new(key, alg, &mut buffer, params).unwrap();
    SOFTWARE.decrypt_in_place(&mut request).unwrap();
    assert_eq!(buffer, opened.expose());
}

#[test]
fn imported_keys_work_and_must_be_what_they_are_said_to_be() {
    let inconsistent = |field| ErrorKind::Invalid {
        field,
        rule: Rule::Inconsistent,
    };
    let oct = SecretJwk::from_oct(&[3; 32]).unwrap();
    let aes = SOFTWARE.import(&oct, &new(200, AES)).unwrap();
    let hmac = SOFTWARE
        .import(&oct, &new(201, KeySpec::Hmac { bits: 256 }))
        .unwrap();
    let mac = sign(&SOFTWARE, &aes, SignAlg::Hs256).unwrap();
    verify(&hmac, SignAlg::Hs256, &mac).unwrap();
    let small = KeySpec::Aes { bits: 128 };
    let result = SOFTWARE.import(&oct, &new(202, small));
    assert_eq!(kind(result), inconsistent("key_size"));
    let result = SOFTWARE.import(&oct, &new(202, P256));
    assert_eq!(kind(result), inconsistent("kty"));

    for curve in Curve::ALL {
        let mut scalar = vec![0; curve.field_len()];
        scalar[curve.field_len() - 1] = 42;
        let jwk = SecretJwk::from_ec_scalar(*curve, &scalar).unwrap();
        let spec = KeySpec::Ec(*curve);
        let key = SOFTWARE.import(&jwk, &new(203, spec)).unwrap();
        let alg = *SignAlg::ALL.iter().find(|alg| alg.fits(spec)).unwrap();
        let signature = sign(&SOFTWARE, &key, alg).unwrap();
        verify(&key, alg, &signature).unwrap();
        let other = KeySpec::Ec(match curve {
            Curve::P256 => Curve::P256K,
            _ => Curve::P256,
        });
        assert_eq!(
            kind(SOFTWARE.import(&jwk, &new(204, other))),
            inconsistent("crv")
        );
    }
}

fn fitting<A: Copy>(
    all: &'static [A],
    fits: impl Fn(A, KeySpec) -> bool + Copy,
) -> impl Iterator<Item = (A, KeySpec)> {
    let pairs = all
        .iter()
        .flat_map(|alg| KeySpec::ALL.iter().map(|spec| (*alg, *spec)));
    pairs.filter(move |(alg, spec)| fits(*alg, *spec))
}
