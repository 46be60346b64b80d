//! ECDSA over a message, and new keys.

use ::openssl::ec::EcKey;
use getrandom::SysRng;
use graviola::hashing::{Hash, Sha256, Sha384};
use graviola::signing::ecdsa as graviola_ec;
use p256::elliptic_curve::Generate;
use ring::rand::SystemRandom;
use ring::signature::{self as ring_ec, EcdsaKeyPair, UnparsedPublicKey};
use strongroom::vault::KeyOptions;
use strongroom::{Curve, SignAlg};

use super::{Plan, Shared};
use crate::contender::{AWS_LC, Batch, Contender, GRAVIOLA, OPENSSL, OURS, RING, RUSTCRYPTO};
use crate::keys::{Pair, group, message};
use crate::peers::{Filled, aws_lc, openssl, rustcrypto};

pub(crate) fn plans() -> Vec<Plan> {
    let mut plans = Vec::new();
    for (alg, curve, batched) in [
        (SignAlg::Es256, Curve::P256, true),
        (SignAlg::Es384, Curve::P384, true),
        (SignAlg::Es512, Curve::P521, false),
        (SignAlg::Es256K, Curve::P256K, false),
    ] {
        for (op, line_up) in OPS {
            plans.push(Plan::new(alg, op, bits(curve), move |shared| {
                let batches = if batched {
                    shared.batches.as_slice()
                } else {
                    &[]
                };
                line_up(shared, alg, curve, batches)
            }));
        }
    }
    for (op, line_up) in OPS {
        let row = Plan::new(SignAlg::Es256, op, 256, move |shared| {
            line_up(shared, SignAlg::Es256, Curve::P256, &[])
        });
        plans.push(row.on_two_threads());
    }
    for curve in [Curve::P256, Curve::P384, Curve::P521, Curve::P256K] {
        plans.push(Plan::new(curve, "generate", bits(curve), move |shared| {
            generate(shared, curve)
        }));
    }
    plans
}

type LineUp = fn(&Shared, SignAlg, Curve, &[Batch]) -> Vec<Contender>;

const OPS: [(&str, LineUp); 2] = [("sign", sign), ("verify", verify)];

fn bits(curve: Curve) -> usize {
    match curve {
        Curve::P521 => 521,
        _ => 8 * curve.field_len(),
    }
}

fn sign(shared: &Shared, alg: SignAlg, curve: Curve, batches: &[Batch]) -> Vec<Contender> {
    let pairs = shared.keys.ec(curve);
    let pair = &pairs[0];
    let check = |pair: &Pair, message: &_, signature: &[u8]| {
        aws_lc::accepts(aws_lc::jose(alg), pair, message, signature)
    };
    let mut line_up = shared.ours.signers(alg, pairs, batches, check);
    line_up.push(rustcrypto_signer(alg, pair));
    line_up.push(aws_lc::signer(alg, pair));
    line_up.push(openssl::signer(alg, pair));
    line_up.extend(ring_signer(alg, pair));
    line_up.extend(graviola_signer(alg, pair));
    line_up
}

fn verify(shared: &Shared, alg: SignAlg, curve: Curve, batches: &[Batch]) -> Vec<Contender> {
    let pairs = shared.keys.ec(curve);
    let pair = &pairs[0];
    let sign = |pair: &Pair, message: &_| aws_lc::sign(aws_lc::jose(alg), pair, message);
    let mut line_up = shared.ours.verifiers(alg, pairs, batches, sign);
    line_up.push(rustcrypto_verifier(alg, pair));
    line_up.push(aws_lc::verifier(alg, pair));
    line_up.push(openssl::verifier(alg, pair));
    line_up.extend(ring_verifier(alg, pair));
    line_up.extend(graviola_verifier(alg, pair));
    line_up
}

fn rustcrypto_signer(alg: SignAlg, pair: &'static Pair) -> Contender {
    macro_rules! with {
        ($curve:ident) => {{
            let key = $curve::ecdsa::SigningKey::from_slice(&pair.scalar).expect("a scalar");
            rustcrypto::signer::<$curve::ecdsa::Signature>(key, alg, pair)
        }};
    }
    match alg {
        SignAlg::Es256 => with!(p256),
        SignAlg::Es384 => with!(p384),
        SignAlg::Es512 => with!(p521),
        _ => with!(k256),
    }
}

fn rustcrypto_verifier(alg: SignAlg, pair: &'static Pair) -> Contender {
    macro_rules! with {
        ($curve:ident) => {{
            let key = $curve::ecdsa::VerifyingKey::from_sec1_bytes(&pair.public);
            rustcrypto::verifier::<$curve::ecdsa::Signature>(key.expect("a point"), alg, pair)
        }};
    }
    match alg {
        SignAlg::Es256 => with!(p256),
        SignAlg::Es384 => with!(p384),
        SignAlg::Es512 => with!(p521),
        _ => with!(k256),
    }
}

fn ring_signer(alg: SignAlg, pair: &'static Pair) -> Option<Contender> {
    let ring_alg = match alg {
        SignAlg::Es256 => &ring_ec::ECDSA_P256_SHA256_FIXED_SIGNING,
        SignAlg::Es384 => &ring_ec::ECDSA_P384_SHA384_FIXED_SIGNING,
        _ => return None,
    };
    let (random, message) = (SystemRandom::new(), message(0));
    let key = EcdsaKeyPair::from_pkcs8(ring_alg, &pair.pkcs8, &random).expect("a key");
    Some(Contender::making(
        RING,
        None,
        move |out| *out = key.sign(&random, &message).ok(),
        |out| {
            let signature = out.as_ref().expect("a signature");
            aws_lc::accepts(aws_lc::jose(alg), pair, &message, signature.as_ref())
        },
    ))
}

fn ring_verifier(alg: SignAlg, pair: &'static Pair) -> Option<Contender> {
    let ring_alg = match alg {
        SignAlg::Es256 => &ring_ec::ECDSA_P256_SHA256_FIXED,
        SignAlg::Es384 => &ring_ec::ECDSA_P384_SHA384_FIXED,
        _ => return None,
    };
    let message = message(0);
    let signature = aws_lc::sign(aws_lc::jose(alg), pair, &message);
    // It has no other key to keep: the point is read on each call.
    let key = UnparsedPublicKey::new(ring_alg, &pair.public);
    Some(Contender::verifying(RING, signature, move |signature| {
        key.verify(&message, signature).is_ok()
    }))
}

fn graviola_signer(alg: SignAlg, pair: &'static Pair) -> Option<Contender> {
    match alg {
        SignAlg::Es256 => Some(graviola_signs::<graviola_ec::P256, Sha256>(alg, pair)),
        SignAlg::Es384 => Some(graviola_signs::<graviola_ec::P384, Sha384>(alg, pair)),
        _ => None,
    }
}

fn graviola_signs<C, H>(alg: SignAlg, pair: &'static Pair) -> Contender
where
    C: graviola_ec::Curve + Send + 'static,
    graviola_ec::SigningKey<C>: Send,
    H: Hash + 'static,
{
    let key = graviola_ec::SigningKey::<C>::from_pkcs8_der(&pair.pkcs8).expect("a key");
    let message = message(0);
    Contender::making(
        GRAVIOLA,
        Filled::<96>::new(),
        move |out| {
            let signed = key.sign::<H>(&[&message], &mut out.bytes);
            out.len = signed.expect("a signature").len();
        },
        |out| aws_lc::accepts(aws_lc::jose(alg), pair, &message, out.as_bytes()),
    )
}

fn graviola_verifier(alg: SignAlg, pair: &'static Pair) -> Option<Contender> {
    match alg {
        SignAlg::Es256 => Some(graviola_verifies::<graviola_ec::P256, Sha256>(alg, pair)),
        SignAlg::Es384 => Some(graviola_verifies::<graviola_ec::P384, Sha384>(alg, pair)),
        _ => None,
    }
}

fn graviola_verifies<C, H>(alg: SignAlg, pair: &'static Pair) -> Contender
where
    C: graviola_ec::Curve + 'static,
    graviola_ec::VerifyingKey<C>: Send,
    H: Hash + 'static,
{
    let key = graviola_ec::VerifyingKey::<C>::from_x962_uncompressed(&pair.public);
    let (key, message) = (key.expect("a point"), message(0));
    let signature = aws_lc::sign(aws_lc::jose(alg), pair, &message);
    Contender::verifying(GRAVIOLA, signature, move |signature| {
        key.verify::<H>(&[&message], signature).is_ok()
    })
}

/// strongroom's seals the key and stores it under a name of its own; the others' is a key
/// that can sign. What is checked is that there is one.
fn generate(shared: &Shared, curve: Curve) -> Vec<Contender> {
    let ours = shared.ours;
    let options = KeyOptions::new();
    let mut count = 0_u64;
    let mut line_up = vec![Contender::making(
        OURS,
        None,
        move |key| {
            count += 1;
            let name = format!("generated-{curve}-{count}");
            *key = Some(ours.0.create(&name, curve, &options).expect("a key"));
        },
        |key| key.as_ref().is_some_and(|key| key.jwk().is_ok()),
    )];
    macro_rules! rustcrypto {
        ($curve:ident) => {
            Contender::making(
                RUSTCRYPTO,
                None,
                |key| *key = $curve::ecdsa::SigningKey::try_generate_from_rng(&mut SysRng).ok(),
                Option::is_some,
            )
        };
    }
    line_up.push(match curve {
        Curve::P256 => rustcrypto!(p256),
        Curve::P384 => rustcrypto!(p384),
        Curve::P521 => rustcrypto!(p521),
        _ => rustcrypto!(k256),
    });
    let aws_alg = match curve {
        Curve::P256 => &aws_lc_rs::signature::ECDSA_P256_SHA256_FIXED_SIGNING,
        Curve::P384 => &aws_lc_rs::signature::ECDSA_P384_SHA384_FIXED_SIGNING,
        Curve::P521 => &aws_lc_rs::signature::ECDSA_P521_SHA512_FIXED_SIGNING,
        _ => &aws_lc_rs::signature::ECDSA_P256K1_SHA256_FIXED_SIGNING,
    };
    line_up.push(Contender::making(
        AWS_LC,
        None,
        move |key| *key = aws_lc_rs::signature::EcdsaKeyPair::generate(aws_alg).ok(),
        Option::is_some,
    ));
    let group = group(curve);
    line_up.push(Contender::making(
        OPENSSL,
        None,
        move |key| *key = EcKey::generate(&group).ok(),
        Option::is_some,
    ));
    let ring_alg = match curve {
        Curve::P256 => Some(&ring_ec::ECDSA_P256_SHA256_FIXED_SIGNING),
        Curve::P384 => Some(&ring_ec::ECDSA_P384_SHA384_FIXED_SIGNING),
        _ => None,
    };
    line_up.extend(ring_alg.map(|alg| {
        let random = SystemRandom::new();
        Contender::making(
            RING,
            None,
            move |key| *key = EcdsaKeyPair::generate_pkcs8(alg, &random).ok(),
            Option::is_some,
        )
    }));
    line_up.extend(match curve {
        Curve::P256 => Some(graviola_generates::<graviola_ec::P256>()),
        Curve::P384 => Some(graviola_generates::<graviola_ec::P384>()),
        _ => None,
    });
    line_up
}

fn graviola_generates<C>() -> Contender
where
    C: graviola_ec::Curve + 'static,
    graviola_ec::SigningKey<C>: Send,
{
    Contender::making(
        GRAVIOLA,
        Filled::<160>::new(),
        |out| {
            // It makes the public half when it is asked for it.
            let key = graviola_ec::SigningKey::<C>::generate().expect("a key");
            out.len = key.to_spki_der(&mut out.bytes).expect("room").len();
        },
        |out| out.len > 64,
    )
}
