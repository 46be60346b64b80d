//! The nonces of ECDSA: what must never repeat, be guessed or be biased.
//!
//! A signature's nonce is `SHA-512(label || d || digest || 32 fresh random bytes)`, or for P-521
//! two such hashes that begin with different labels, taken modulo the order. This is the
//! construction of OpenSSL (`BN_generate_dsa_nonce`) and BoringSSL, and has the property that
//! RFC 6979 section 3.6 and draft-irtf-cfrg-det-sigs-with-noise ask of a hedged nonce: with a
//! generator that gives the same bytes for ever it is a deterministic nonce keyed by `d`,
//! different for different digests; with a good one it is also different each time, so that a
//! fault cannot be compared with a fault-free run.
//!
//! It is not the HMAC_DRBG of RFC 6979, which takes twenty-two blocks of SHA-256 for
//! one nonce, a third of the time of a signature in the lanes. 512 bits modulo an order of 384
//! are uniform up to 2^-128 (FIPS 186-5 section A.3.1 asks for 64 more bits than the order has).
//! The fields have the lengths that the curve says, so no two inputs run together.
//!
//! The vectors of RFC 6979 are checked with [`Nonce::deterministic`].

use rfc6979::KGenerator;
use rfc6979::bigint::U576;
use sha2::{Digest, Sha256, Sha384, Sha512};
use zeroize::Zeroizing;

use crate::engine::ec::Curve;

/// What the kernels take: big-endian, to be reduced. Erased on drop.
pub(super) struct Nonce(Zeroizing<[u8; MOST]>);

/// As many bytes as the curve takes that takes most.
const MOST: usize = 2 * HASH;
const HASH: usize = 64;

/// How many fresh random bytes go into a nonce.
pub(super) const FRESH: usize = 32;

impl Nonce {
    /// Where one is to be written, so that it is never moved.
    pub(super) fn zero() -> Self {
        Nonce(Zeroizing::new([0; MOST]))
    }

    /// The bytes that a curve takes.
    pub(super) fn of(&self, curve: Curve) -> &[u8] {
        self.0.split_at(curve.nonce_len()).0
    }

    /// Becomes one for this key and digest.
    pub(super) fn hedge(&mut self, curve: Curve, d: &[u8], digest: &[u8], fresh: &[u8; FRESH]) {
        let labels = [b"ECDSA nonce".as_slice(), b"ECDSA nonce, second half"];
        let hashes = self.0.split_at_mut(curve.nonce_len()).0;
        for (out, label) in hashes.as_chunks_mut::<HASH>().0.iter_mut().zip(labels) {
            let hash = Sha512::new()
                .chain_update(label)
                .chain_update(d)
                .chain_update(digest)
                .chain_update(fresh);
            hash.finalize_into(out.into());
        }
    }

    /// That of RFC 6979 section 3.2, with the curve's own hash.
    pub(super) fn deterministic(curve: Curve, d: &[u8], digest: &[u8]) -> Self {
        let mut nonce = Nonce::zero();
        let low = nonce.0.split_at_mut(curve.nonce_len()).0;
        let low = low.split_at_mut(low.len() - d.len()).1;
        let order = U576::from_be_hex(&format!("{:0>144}", curve.order()));
        match curve {
            Curve::P256 | Curve::P256K => {
                KGenerator::<Sha256, _>::new(d, digest, &[], &order).fill_next_k(low);
            }
            Curve::P384 => KGenerator::<Sha384, _>::new(d, digest, &[], &order).fill_next_k(low),
            Curve::P521 => KGenerator::<Sha512, _>::new(d, digest, &[], &order).fill_next_k(low),
        }
        nonce
    }
}
