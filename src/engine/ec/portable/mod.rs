//! The arithmetic for every processor: one number at a time, in limbs of 64 bits. From the bottom
//! up: [`modulus`], [`mersenne`], [`crandall`] and [`field`] (arithmetic modulo a prime; `adx`
//! has the products of three primes for processors that can more), [`point`], [`table`] (multiples of
//! a point), [`sign`], [`verify`].

// Indices are of arrays of a fixed size, or counts of them.
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    clippy::needless_range_loop
)]

#[cfg(target_arch = "x86_64")]
mod adx;
mod crandall;
mod curve;
mod field;
mod mersenne;
mod modulus;
mod point;
mod sign;
mod table;
mod verify;

use super::{Curve, SignInput};
use crate::engine::erase::erase_stack;
use field::Fe;
use point::Affine;

pub(super) enum Table {
    P256(table::Table<curve::P256, 4>),
    P256K(table::Table<curve::P256K, 4>),
    P384(table::Table<curve::P384, 6>),
    P521(table::Table<curve::P521, 9>),
}

pub(super) fn sign(curve: Curve, input: &SignInput<'_>) -> Option<Vec<u8>> {
    let signature = match curve {
        Curve::P256 => sign::sign::<curve::P256, 4>(input),
        Curve::P256K => sign::sign::<curve::P256K, 4>(input),
        Curve::P384 => sign::sign::<curve::P384, 6>(input),
        Curve::P521 => sign::sign::<curve::P521, 9>(input),
    };
    // Nonces above all.
    erase_stack::<8>();
    signature
}

/// See [`super::public_point`].
pub(super) fn public_point(curve: Curve, d: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let point = match curve {
        Curve::P256 => sign::public_point::<curve::P256, 4>(d),
        Curve::P256K => sign::public_point::<curve::P256K, 4>(d),
        Curve::P384 => sign::public_point::<curve::P384, 6>(d),
        Curve::P521 => sign::public_point::<curve::P521, 9>(d),
    };
    erase_stack::<8>();
    point
}

/// See [`super::is_public_point`].
pub(super) fn is_public_point(curve: Curve, d: &[u8], of: (&[u8], &[u8])) -> Option<bool> {
    let is_it = match curve {
        Curve::P256 => sign::is_public_point::<curve::P256, 4>(d, &point(of)),
        Curve::P256K => sign::is_public_point::<curve::P256K, 4>(d, &point(of)),
        Curve::P384 => sign::is_public_point::<curve::P384, 6>(d, &point(of)),
        Curve::P521 => sign::is_public_point::<curve::P521, 9>(d, &point(of)),
    };
    erase_stack::<8>();
    is_it
}

/// Of a point that is on the curve, big-endian `x` and `y`.
pub(super) fn table(curve: Curve, of: (&[u8], &[u8])) -> Table {
    match curve {
        Curve::P256 => Table::P256(table::key_table(&point(of))),
        Curve::P256K => Table::P256K(table::key_table(&point(of))),
        Curve::P384 => Table::P384(table::key_table(&point(of))),
        Curve::P521 => Table::P521(table::key_table(&point(of))),
    }
}

/// For the tables of lanes: `2^(bits j) P`, followed by its double, for each of so many blocks `j`
/// of so many bits; big-endian `x` and `y`.
pub(super) fn powers(
    curve: Curve,
    of: (&[u8], &[u8]),
    (bits, blocks): (usize, usize),
) -> Vec<(Vec<u8>, Vec<u8>)> {
    fn powers<C: curve::Curve<L>, const L: usize>(
        of: (&[u8], &[u8]),
        bits: usize,
        blocks: usize,
    ) -> Vec<(Vec<u8>, Vec<u8>)> {
        let powers = table::powers::<C, L>(&point(of), bits, blocks);
        powers.iter().map(sign::coordinates).collect()
    }
    match curve {
        Curve::P256 => powers::<curve::P256, 4>(of, bits, blocks),
        Curve::P256K => powers::<curve::P256K, 4>(of, bits, blocks),
        Curve::P384 => powers::<curve::P384, 6>(of, bits, blocks),
        Curve::P521 => powers::<curve::P521, 9>(of, bits, blocks),
    }
}

fn point<C: curve::Curve<L>, const L: usize>((x, y): (&[u8], &[u8])) -> Affine<C, L> {
    let [x, y] = [x, y].map(|coordinate| Fe::new(&sign::leading(coordinate)));
    Affine { x, y }
}

pub(super) fn verify_vartime(key: &Table, digest: &[u8], signature: &[u8]) -> Option<bool> {
    match key {
        Table::P256(key) => verify::verify_vartime(key, digest, signature),
        Table::P256K(key) => verify::verify_vartime(key, digest, signature),
        Table::P384(key) => verify::verify_vartime(key, digest, signature),
        Table::P521(key) => verify::verify_vartime(key, digest, signature),
    }
}

#[cfg(test)]
mod tests;
