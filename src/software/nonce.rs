//! The nonces of ECDSA: what must never repeat, be guessed or be biased.
//!
//! A signature's nonce is `SHA-512(label || d || digest || 32 fresh random bytes)`, taken modulo
//! the order. This is the construction of OpenSSL (`BN_generate_dsa_nonce`) and BoringSSL, and
//! has the property that RFC 6979 section 3.6 and draft-irtf-cfrg-det-sigs-with-noise ask of
//! a hedged nonce: with a generator that gives the same bytes for ever it is a deterministic
//! nonce keyed by `d`, different for different digests; with a good one it is also different
//! each time, so that a fault cannot be compared with a fault-free run.
//!
//! It is not the HMAC_DRBG of RFC 6979, which takes twenty-two blocks of SHA-256 for
//! one nonce, a third of the time of a signature in the lanes. 512 bits modulo an order of 384
//! are uniform up to 2^-128 (FIPS 186-5 section A.3.1 asks for 64 more bits than the order has).
//! The fields have the lengths that the curve says, so no two inputs run together.
//!
//! The vectors of RFC 6979 are checked with [`deterministic`].

use rfc6979::KGenerator;
use rfc6979::bigint::{U256, U384};
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::engine::ec::Curve;

/// As the kernels take it: big-endian, to be reduced.
pub(super) type Nonce = [u8; 64];

/// How many fresh random bytes go into a nonce.
pub(super) const FRESH: usize = 32;

/// A nonce for this key and digest, written where it is erased.
pub(super) fn hedged(nonce: &mut Nonce, d: &[u8], digest: &[u8], fresh: &[u8; FRESH]) {
    let hash = Sha512::new()
        .chain_update(b"ECDSA nonce")
        .chain_update(d)
        .chain_update(digest)
        .chain_update(fresh);
    hash.finalize_into(nonce.into());
}

/// The nonce of RFC 6979 section 3.2, with the curve's own hash.
pub(super) fn deterministic(curve: Curve, d: &[u8], digest: &[u8]) -> Zeroizing<Nonce> {
    let mut nonce = Zeroizing::new([0; 64]);
    match curve {
        Curve::P256 | Curve::P256K => {
            let order = match curve {
                Curve::P256K => P256K_ORDER,
                _ => P256_ORDER,
            };
            let order = U256::from_be_hex(order);
            let (_, low) = nonce.split_at_mut(64 - 32);
            KGenerator::<Sha256, _>::new(d, digest, &[], &order).fill_next_k(low);
        }
        Curve::P384 => {
            let order = U384::from_be_hex(P384_ORDER);
            let (_, low) = nonce.split_at_mut(64 - 48);
            KGenerator::<Sha384, _>::new(d, digest, &[], &order).fill_next_k(low);
        }
    }
    nonce
}

const P256_ORDER: &str = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
const P256K_ORDER: &str = "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141";
const P384_ORDER: &str = concat!(
    "ffffffffffffffffffffffffffffffffffffffffffffffff",
    "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
);
