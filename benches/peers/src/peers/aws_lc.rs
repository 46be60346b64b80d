//! aws-lc-rs. It knows every algorithm, so it checks the others.

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    self as aws, EcdsaKeyPair, EcdsaSigningAlgorithm, ParsedPublicKey, RsaEncoding, RsaKeyPair,
    VerificationAlgorithm,
};
use strongroom::SignAlg;

use super::SignatureBuffer;
use super::openssl;
use crate::contender::{AWS_LC, Contender};
use crate::keys::{Message, Pair, message};

/// Its two halves of an algorithm.
#[derive(Clone, Copy)]
pub(crate) struct Algorithm {
    sign: Sign,
    verify: &'static dyn VerificationAlgorithm,
}

#[derive(Clone, Copy)]
enum Sign {
    Ec(&'static EcdsaSigningAlgorithm),
    Rsa(&'static dyn RsaEncoding),
}

/// A key for either.
enum KeyPair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair, &'static dyn RsaEncoding),
}

/// With signatures as JOSE has them.
pub(crate) fn jose(alg: SignAlg) -> Algorithm {
    match alg {
        SignAlg::Es256 => ec(
            &aws::ECDSA_P256_SHA256_FIXED_SIGNING,
            &aws::ECDSA_P256_SHA256_FIXED,
        ),
        SignAlg::Es384 => ec(
            &aws::ECDSA_P384_SHA384_FIXED_SIGNING,
            &aws::ECDSA_P384_SHA384_FIXED,
        ),
        SignAlg::Es512 => ec(
            &aws::ECDSA_P521_SHA512_FIXED_SIGNING,
            &aws::ECDSA_P521_SHA512_FIXED,
        ),
        SignAlg::Es256K => ec(
            &aws::ECDSA_P256K1_SHA256_FIXED_SIGNING,
            &aws::ECDSA_P256K1_SHA256_FIXED,
        ),
        _ => rsa(alg),
    }
}

/// With signatures as it makes them, ECDSA in DER, which spares it a conversion.
pub(crate) fn native(alg: SignAlg) -> Algorithm {
    match alg {
        SignAlg::Es256 => ec(
            &aws::ECDSA_P256_SHA256_ASN1_SIGNING,
            &aws::ECDSA_P256_SHA256_ASN1,
        ),
        SignAlg::Es384 => ec(
            &aws::ECDSA_P384_SHA384_ASN1_SIGNING,
            &aws::ECDSA_P384_SHA384_ASN1,
        ),
        SignAlg::Es512 => ec(
            &aws::ECDSA_P521_SHA512_ASN1_SIGNING,
            &aws::ECDSA_P521_SHA512_ASN1,
        ),
        SignAlg::Es256K => ec(
            &aws::ECDSA_P256K1_SHA256_ASN1_SIGNING,
            &aws::ECDSA_P256K1_SHA256_ASN1,
        ),
        _ => rsa(alg),
    }
}

fn ec(
    sign: &'static EcdsaSigningAlgorithm,
    verify: &'static dyn VerificationAlgorithm,
) -> Algorithm {
    Algorithm {
        sign: Sign::Ec(sign),
        verify,
    }
}

fn rsa(alg: SignAlg) -> Algorithm {
    match alg {
        SignAlg::Ps256 => Algorithm {
            sign: Sign::Rsa(&aws::RSA_PSS_SHA256),
            verify: &aws::RSA_PSS_2048_8192_SHA256,
        },
        _ => Algorithm {
            sign: Sign::Rsa(&aws::RSA_PKCS1_SHA256),
            verify: &aws::RSA_PKCS1_2048_8192_SHA256,
        },
    }
}

impl KeyPair {
    fn new(alg: Algorithm, pair: &Pair) -> Self {
        match alg.sign {
            Sign::Ec(alg) => {
                KeyPair::Ec(EcdsaKeyPair::from_pkcs8(alg, &pair.pkcs8).expect("a key"))
            }
            Sign::Rsa(alg) => {
                KeyPair::Rsa(RsaKeyPair::from_pkcs8(&pair.pkcs8).expect("a key"), alg)
            }
        }
    }

    fn sign(&self, random: &SystemRandom, message: &Message, out: &mut SignatureBuffer) {
        match self {
            KeyPair::Ec(key) => {
                let signature = key.sign(random, message).expect("a signature");
                out.len = signature.as_ref().len();
                out.bytes[..out.len].copy_from_slice(signature.as_ref());
            }
            KeyPair::Rsa(key, alg) => {
                out.len = key.public_modulus_len();
                let signature = &mut out.bytes[..out.len];
                key.sign(*alg, random, message, signature)
                    .expect("a signature");
            }
        }
    }
}

/// What aws-lc-rs signs, OpenSSL accepts.
pub(crate) fn signer(alg: SignAlg, pair: &'static Pair) -> Contender {
    let key = KeyPair::new(native(alg), pair);
    let (random, message) = (SystemRandom::new(), message(0));
    Contender::making(
        AWS_LC,
        SignatureBuffer::new(),
        move |out| key.sign(&random, &message, out),
        |out| openssl::accepts(alg, pair, &message, out.as_bytes()),
    )
}

pub(crate) fn verifier(alg: SignAlg, pair: &'static Pair) -> Contender {
    let (alg, message) = (native(alg), message(0));
    let key = ParsedPublicKey::new(alg.verify, &pair.public).expect("a key");
    let signature = sign(alg, pair, &message);
    Contender::verifying(AWS_LC, signature, move |signature| {
        key.verify_sig(&message, signature).is_ok()
    })
}

/// A signature for others to verify.
pub(crate) fn sign(alg: Algorithm, pair: &Pair, message: &Message) -> Vec<u8> {
    let mut out = SignatureBuffer::new();
    KeyPair::new(alg, pair).sign(&SystemRandom::new(), message, &mut out);
    out.as_bytes().to_vec()
}

/// Whether aws-lc-rs accepts this.
pub(crate) fn accepts(alg: Algorithm, pair: &Pair, message: &Message, signature: &[u8]) -> bool {
    let key = ParsedPublicKey::new(alg.verify, &pair.public).expect("a key");
    key.verify_sig(message, signature).is_ok()
}
