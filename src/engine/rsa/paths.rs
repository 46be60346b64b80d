//! One power by every path that the processor has, for those who compare them.

use super::ifma::{LANES, Wide, pow_lanes, pow_pair};
use super::modulus::Modulus;
use crate::engine::limbs;

/// `x^exponent mod n` of big-endian numbers, by each path; `None` unless `n` is odd, has
/// exactly 1024 bits, and the others have no more.
pub(crate) fn powers(n: &[u8], exponent: &[u8], x: &[u8]) -> Option<Vec<Vec<u8>>> {
    let modulus = Modulus::<16>::new(&limbs::from_be(n)?)?;
    let (exponent, x) = (limbs::from_be(exponent)?, limbs::from_be(x)?);
    let mut portable = x;
    modulus.enter(&mut portable);
    modulus.pow(&mut portable, &exponent);
    modulus.leave(&mut portable);
    let mut powers = vec![portable];
    if let Some(wide) = Wide::<3>::new(&modulus, 64 * 16) {
        // Beside each other: the number, and zero.
        let (mut left, mut right) = (modulus.reduce_wide(&x), modulus.reduce_wide(&[0; 16]));
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
    let bytes = |power: &[u64; 16]| {
        let mut bytes = vec![0; 128];
        limbs::to_be(power, &mut bytes);
        bytes
    };
    Some(powers.iter().map(bytes).collect())
}
