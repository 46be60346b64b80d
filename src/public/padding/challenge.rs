//! The rejection key of an RSA key whose private exponent does not show: a token's.
//!
//! What else is the same on each call, in each process and after each restart, and unknown to
//! everyone without the key, is the image of a fixed number under the private operation.

use sha2::{Digest, Sha256};
use zeroize::Zeroize;

use super::mgf1_xor;
use super::rejection::RejectionKey;
use crate::alg::Hash;
use crate::error::{Error, ErrorKind};
use crate::jwk::RsaPublic;
use crate::secret::SecretBytes;

const CHALLENGE: &[u8] = b"strongroom RSA implicit rejection: challenge";
const KEY: &[u8] = b"strongroom RSA implicit rejection: key";

/// From what the token answers for [`challenge`]. Checked with the public exponent:
/// a key made from a wrong answer would make up other messages than the right one.
///
/// # Errors
/// [`FaultDetected`](ErrorKind::FaultDetected) for any other bytes.
pub(crate) fn rejection_key(public: &RsaPublic, answer: &[u8]) -> Result<RejectionKey, Error> {
    if !is_preimage(public, answer) {
        return Err(ErrorKind::FaultDetected.into());
    }
    let hash = Sha256::new().chain_update(KEY).chain_update(answer);
    let mut hash = hash.finalize();
    let key = RejectionKey::from_hash(hash.as_slice());
    hash.as_mut_slice().zeroize();
    Ok(key)
}

/// The number whose image under the private operation makes the rejection key: as long as
/// the modulus and below it, a hash over the full domain of a text of ours and the modulus.
///
/// Anyone can compute it, and that gives nothing away. Its image is an RSA signature with
/// a full-domain hash (Bellare and Rogaway 1996): to find it without the private operation
/// is to invert RSA at a random place. A signer never makes it: its second byte is not the
/// 01 of a PKCS #1 v1.5 block, and its last is not the BC of a PSS one. Decryption takes
/// it like any ciphertext and gives out no more of the image than a message: with OAEP
/// nothing, unless a hash is hit by chance; with PKCS #1 v1.5, for one key in 2^16, a part
/// from which eight bytes or more are missing.
///
/// The limit: who may decrypt with RSA1_5 and sees the messages of many ciphertexts of his
/// choice has a decryption oracle, and with enough questions any private operation, this
/// one too. What is made up hides from those who send ciphertexts, not from those who read.
pub(crate) fn challenge(public: &RsaPublic) -> Vec<u8> {
    let n = public.n();
    let seed = [CHALLENGE, &n].concat();
    let mut out = vec![0; n.len()];
    if let [_, rest @ ..] = out.as_mut_slice() {
        mgf1_xor(Hash::Sha256, &seed, rest);
        if let [second, .., last] = rest {
            *second |= 0x80;
            *last |= 1;
        }
    }
    out
}

/// Whether the public operation brings the answer to the challenge.
fn is_preimage(public: &RsaPublic, answer: &[u8]) -> bool {
    // One number has one form here, because the form is hashed: as long as the modulus and
    // below it, or it is not raised.
    let mut power = SecretBytes::copy_of(answer);
    public.key().raise(power.expose_mut()) && power.expose() == challenge(public)
}
