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
use zeroize::{ZeroizeOnDrop, optimization_barrier};

use crate::engine::ec::Curve;
use crate::engine::sha512;
use crate::secret::SecretBytes;

/// What the kernels take: big-endian, to be reduced. Erased on drop.
pub(super) struct Nonce([[u8; sha512::LEN]; 2]);

/// How many fresh random bytes go into a nonce.
pub(super) const FRESH: usize = 32;

const LABELS: [&[u8]; 2] = [b"ECDSA nonce", b"ECDSA nonce, second half"];

/// What a nonce is made of.
#[derive(Clone, Copy)]
pub(super) struct Hedged<'a> {
    pub(super) d: &'a [u8],
    pub(super) digest: &'a [u8],
    pub(super) fresh: &'a [u8; FRESH],
}

impl Nonce {
    /// Where one is to be written, so that it is never moved.
    pub(super) fn zero() -> Self {
        Nonce([[0; sha512::LEN]; 2])
    }

    /// The bytes that a curve takes.
    pub(super) fn of(&self, curve: Curve) -> &[u8] {
        self.0.as_flattened().split_at(curve.nonce_len()).0
    }

    /// Becomes one of these.
    pub(super) fn hedge(&mut self, curve: Curve, of: &Hedged<'_>) {
        let hashes = self.0.iter_mut().take(curve.nonce_len() / sha512::LEN);
        for (out, label) in hashes.zip(LABELS) {
            let hash = Sha512::new()
                .chain_update(label)
                .chain_update(of.d)
                .chain_update(of.digest)
                .chain_update(of.fresh);
            hash.finalize_into(out.into());
        }
    }

    /// Each becomes one of what is at its place, eight at a time where there are lanes.
    pub(super) fn hedge_all(nonces: &mut [Nonce], curve: Curve, of: &[Hedged<'_>]) {
        for (nonces, of) in nonces
            .chunks_mut(sha512::LANES)
            .zip(of.chunks(sha512::LANES))
        {
            if !Nonce::hedge_eight(nonces, curve, of) {
                let pairs = nonces.iter_mut().zip(of);
                pairs.for_each(|(nonce, of)| nonce.hedge(curve, of));
            }
        }
    }

    /// Whether it was done: not without lanes, for other numbers than eight, for nonces of two
    /// hashes, or for inputs of several lengths.
    fn hedge_eight(nonces: &mut [Nonce], curve: Curve, of: &[Hedged<'_>]) -> bool {
        let (Ok(nonces), [first, ..]) = (<&mut [Nonce; sha512::LANES]>::try_from(nonces), of)
        else {
            return false;
        };
        let lengths = |of: &Hedged<'_>| (of.d.len(), of.digest.len());
        let are_alike = of.iter().all(|of| lengths(of) == lengths(first));
        if !sha512::has_lanes() || curve.nonce_len() != sha512::LEN || !are_alike {
            return false;
        }
        let [label, _] = LABELS;
        let len = label.len() + first.d.len() + first.digest.len() + FRESH;
        // At its final size: one that grew would leave scalars behind.
        let mut bytes = Vec::with_capacity(len * of.len());
        for of in of {
            for part in [label, of.d, of.digest, of.fresh] {
                bytes.extend_from_slice(part);
            }
        }
        let bytes = SecretBytes::from_vec(bytes);
        let mut messages = [[].as_slice(); sha512::LANES];
        for (message, bytes) in messages.iter_mut().zip(bytes.expose().chunks(len)) {
            *message = bytes;
        }
        let mut hashes = nonces.each_mut().map(|Nonce([hash, _])| hash);
        sha512::hash_eight(&messages, &mut hashes)
    }

    /// That of RFC 6979 section 3.2, with the curve's own hash.
    pub(super) fn deterministic(curve: Curve, d: &[u8], digest: &[u8]) -> Self {
        let mut nonce = Nonce::zero();
        let low = nonce.0.as_flattened_mut().split_at_mut(curve.nonce_len()).0;
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

impl Drop for Nonce {
    fn drop(&mut self) {
        self.0.as_flattened_mut().fill(0);
        optimization_barrier(&self.0);
    }
}

impl ZeroizeOnDrop for Nonce {}

#[cfg(test)]
mod tests {
    use super::*;

    /// In lanes or not, whatever their number, and with one digest of another length.
    #[test]
    fn many_are_as_each_alone() {
        let fresh: Vec<[u8; FRESH]> = (0..20).map(|at| [at; FRESH]).collect();
        for (curve, count) in Curve::ALL
            .iter()
            .flat_map(|c| (0..20).map(move |n| (*c, n)))
        {
            for other in [None, Some(count / 2)] {
                let of: Vec<Hedged<'_>> = (0..count)
                    .map(|at| Hedged {
                        d: &[7; 48],
                        digest: if other == Some(at) {
                            &[9; 20]
                        } else {
                            &[9; 32]
                        },
                        fresh: &fresh[at],
                    })
                    .collect();
                let mut nonces: Vec<Nonce> = of.iter().map(|_| Nonce::zero()).collect();
                Nonce::hedge_all(&mut nonces, curve, &of);
                for (nonce, of) in nonces.iter().zip(&of) {
                    let mut alone = Nonce::zero();
                    alone.hedge(curve, of);
                    assert_eq!(nonce.0, alone.0, "{curve:?}, {count}");
                    assert_ne!(nonce.of(curve)[..8], [0; 8]);
                }
            }
        }
    }
}
