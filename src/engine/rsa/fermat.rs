//! Fermat's test to the base 2, which throws out nearly all composites: for those who look for
//! primes. What passes must be put to a real test.
#![allow(
    clippy::indexing_slicing,
    reason = "the first of a fixed number of limbs"
)]

use zeroize::Zeroizing;

use super::ifma::{LANES, Wide, pow_lanes};
use super::modulus::Modulus;
use super::public::all;
use crate::engine::limbs;

/// How many numbers are tested in the time of one, where the processor can.
pub(crate) const TOGETHER: usize = LANES;

/// Whether `2^(n-1) = 1 mod n`, for each of these big-endian numbers of 1024, 1536 or 2048
/// bits, all of one size. `false` for what is even, has not its top bit, or is of another size.
///
/// Numbers that pass and numbers that do not take the same steps.
pub(crate) fn passes_fermat(candidates: &[&[u8]; TOGETHER]) -> [bool; TOGETHER] {
    match candidates[0].len() {
        128 => passes::<16, 3>(candidates),
        192 => passes::<24, 4>(candidates),
        256 => passes::<32, 5>(candidates),
        _ => [false; TOGETHER],
    }
}

/// Of `64 N` bits; `H` vectors have room for them.
fn passes<const N: usize, const H: usize>(candidates: &[&[u8]; TOGETHER]) -> [bool; TOGETHER] {
    let moduli = candidates.map(|candidate| {
        let number = Zeroizing::new(limbs::from_be::<N>(candidate)?);
        Modulus::new(&number)
    });
    let wide = moduli
        .each_ref()
        .map(|modulus| Wide::<H>::new(modulus.as_ref()?, 64 * N));
    let in_lanes = (
        all(moduli.each_ref().map(Option::as_ref)),
        all(wide.each_ref().map(Option::as_deref)),
    );
    let mut one = [0; N];
    one[0] = 1;
    let is_one = |power: &[u64; N]| limbs::equal(power, &one) == 1;
    match in_lanes {
        (Some(moduli), Some(wide)) => {
            let exponents = moduli.map(less_one);
            let mut powers = moduli.map(|modulus| modulus.reduce_wide(&[2]));
            let exponents = exponents.each_ref().map(|exponent| &**exponent);
            pow_lanes(wide, moduli, &mut powers, exponents);
            powers.map(|power| is_one(&power))
        }
        _ => moduli.map(|modulus| {
            modulus.is_some_and(|modulus| {
                let mut power = Zeroizing::new(one);
                power[0] = 2;
                modulus.enter(&mut power);
                modulus.pow(&mut power, &less_one(&modulus));
                modulus.leave(&mut power);
                is_one(&power)
            })
        }),
    }
}

/// A modulus is odd.
fn less_one<const N: usize>(modulus: &Modulus<N>) -> Zeroizing<[u64; N]> {
    let mut less_one = Zeroizing::new(*modulus.n());
    less_one[0] &= !1;
    less_one
}
