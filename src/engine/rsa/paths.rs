//! One power by every path that the processor has, for those who compare them.

use super::ifma::{LANES, Wide, pow_lanes, pow_pair};
use super::modulus::Modulus;
use crate::engine::limbs;

/// `x^exponent mod n` of big-endian numbers, by each path; `None` unless `n` is odd, has
/// exactly 1024 or 2048 bits, and the others have no more.
pub(crate) fn powers(n: &[u8], exponent: &[u8], x: &[u8]) -> Option<Vec<Vec<u8>>> {
    match n.len() {
        128 => powers_of_size::<16, 3>(n, exponent, x),
        // So long that lanes fold digits.
        256 => powers_of_size::<32, 5>(n, exponent, x),
        _ => None,
    }
}

fn powers_of_size<const N: usize, const W: usize>(
    n: &[u8],
    exponent: &[u8],
    x: &[u8],
) -> Option<Vec<Vec<u8>>> {
    let modulus = Modulus::<N>::new(&limbs::from_be(n)?)?;
    let (exponent, x) = (limbs::from_be(exponent)?, limbs::from_be(x)?);
    let mut portable = x;
    modulus.enter(&mut portable);
    modulus.pow(&mut portable, &exponent);
    modulus.leave(&mut portable);
    let mut powers = vec![portable];
    if let Some(wide) = Wide::<W>::new(&modulus, 64 * N) {
        // Beside each other: the number, and zero.
        let (mut left, mut right) = (modulus.reduce_wide(&x), modulus.reduce_wide(&[0; N]));
        let pair = [&mut *left, &mut *right];
        pow_pair([&wide; 2], [&modulus; 2], pair, [&exponent; 2]);
        let mut lanes: [_; LANES] = std::array::from_fn(|_| modulus.reduce_wide(&x));
        pow_lanes(
            [&wide; LANES],
            [&modulus; LANES],
            &mut lanes,
            [&exponent; LANES],
        );
        powers.push(*left);
        powers.extend(lanes.iter().map(|power| **power));
    }
    let bytes = |power: &[u64; N]| {
        let mut bytes = vec![0; n.len()];
        limbs::to_be(power, &mut bytes);
        bytes
    };
    Some(powers.iter().map(bytes).collect())
}
