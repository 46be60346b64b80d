//! In the place of the kernels for AVX-512 IFMA, on processors of another kind.

use std::convert::Infallible;

use zeroize::Zeroizing;

use super::modulus::Modulus;

/// None is ever made.
#[derive(Clone)]
pub(super) struct Wide<const W: usize>(Infallible);

impl<const W: usize> Wide<W> {
    pub(super) fn new<const N: usize>(_: &Modulus<N>, _: usize) -> Option<Box<Self>> {
        None
    }

    pub(super) fn pow_vartime<const N: usize>(&self, _: &Modulus<N>, _: &mut [u64; N], _: u64) {
        match self.0 {}
    }
}

pub(super) const LANES: usize = 8;

pub(super) fn pow_lanes<const N: usize, const W: usize>(
    [wide, ..]: [&Wide<W>; LANES],
    _: [&Modulus<N>; LANES],
    _: &mut [Zeroizing<[u64; N]>; LANES],
    _: [&[u64; N]; LANES],
) {
    match wide.0 {}
}

pub(super) fn pow_lanes_vartime<const N: usize, const W: usize>(
    [wide, ..]: [&Wide<W>; LANES],
    _: [&Modulus<N>; LANES],
    _: &mut [Zeroizing<[u64; N]>; LANES],
    _: u64,
) {
    match wide.0 {}
}

pub(super) fn pow_pair<const N: usize, const W: usize>(
    [wide, _]: [&Wide<W>; 2],
    _: [&Modulus<N>; 2],
    _: [&mut [u64; N]; 2],
    _: [&[u64; N]; 2],
) {
    match wide.0 {}
}
