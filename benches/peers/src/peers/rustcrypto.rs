//! The RustCrypto crates, through the traits that they share.

use getrandom::SysRng;
use signature::{RandomizedSigner, SignatureEncoding, Verifier};
use strongroom::SignAlg;

use super::aws_lc;
use crate::contender::{Contender, RUSTCRYPTO};
use crate::keys::{Pair, message};

/// With randomness: in ECDSA's nonce as strongroom has it, in RSA for blinding and salt.
pub(crate) fn signer<S: SignatureEncoding + Send + 'static>(
    key: impl RandomizedSigner<S> + Send + 'static,
    alg: SignAlg,
    pair: &'static Pair,
) -> Contender {
    let message = message(0);
    Contender::making(
        RUSTCRYPTO,
        None,
        move |out| *out = key.try_sign_with_rng(&mut SysRng, &message).ok(),
        |out: &Option<S>| {
            let signature = out.as_ref().expect("a signature").to_vec();
            aws_lc::accepts(aws_lc::jose(alg), pair, &message, &signature)
        },
    )
}

pub(crate) fn verifier<S: SignatureEncoding>(
    key: impl Verifier<S> + Send + 'static,
    alg: SignAlg,
    pair: &'static Pair,
) -> Contender {
    let message = message(0);
    let mut signature = aws_lc::sign(aws_lc::jose(alg), pair, &message);
    if alg == SignAlg::Es256K {
        signature = with_low_s(&signature);
    }
    Contender::verifying(RUSTCRYPTO, signature, move |signature| {
        let signature = S::try_from(signature);
        signature.is_ok_and(|signature| key.verify(&message, &signature).is_ok())
    })
}

/// The one of the two signatures with this r that `k256` takes.
fn with_low_s(signature: &[u8]) -> Vec<u8> {
    let signature = k256::ecdsa::Signature::from_slice(signature).expect("r and s");
    signature.normalize_s().to_bytes().to_vec()
}
