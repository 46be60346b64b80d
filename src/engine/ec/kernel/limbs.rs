//! Numbers one at a time: between bytes, limbs of 52 bits in a lane, and words of other widths.

use std::array::from_fn;

use super::field::Fe;
use crate::engine::ec::divsteps::repack;
use crate::engine::lanes::{MASK52, load, store};

/// Big-endian bytes as limbs. What does not fit is left out.
pub(crate) fn from_bytes<const L: usize>(bytes: &[u8]) -> [u64; L] {
    // One word more than the widest number, for the last limb to look into.
    let mut words = [0; 2 * 8 + 1];
    let (highest, whole) = bytes.as_rchunks();
    let highest = highest
        .iter()
        .fold(0, |word, byte| (word << 8) | u64::from(*byte));
    let numbers = whole.iter().rev().map(|bytes| u64::from_be_bytes(*bytes));
    for (word, number) in words.iter_mut().zip(numbers.chain([highest])) {
        *word = number;
    }
    from_fn(|i| {
        let (word, shift) = (52 * i / 64, 52 * i % 64);
        // In two shifts, for one by 64 is none.
        ((words[word] >> shift) | ((words[word + 1] << 1) << (63 - shift))) & MASK52
    })
}

/// Limbs as big-endian bytes. Bytes that limbs do not reach are left alone.
pub(crate) fn to_bytes(limbs: &[u64], bytes: &mut [u8]) {
    let mut words = [0; 8];
    repack(limbs, 52, &mut words, 64);
    for (word, bytes) in words.iter().zip(bytes.rchunks_mut(8)) {
        let all: [u8; 8] = word.to_be_bytes();
        bytes.copy_from_slice(&all[8 - bytes.len()..]);
    }
}

/// A number in each lane.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn gather<const L: usize>(lanes: &[[u64; L]; 8]) -> Fe<L> {
    let mut columns = [[0; 8]; L];
    for (i, column) in columns.iter_mut().enumerate() {
        *column = lanes.each_ref().map(|lane| lane[i]);
    }
    from_columns(&columns)
}

/// The number of each lane.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn scatter<const L: usize>(a: &Fe<L>) -> [[u64; L]; 8] {
    let columns = columns(a);
    from_fn(|lane| columns.map(|column| column[lane]))
}

/// Limb by limb, from the limbs of all lanes.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn from_columns<const L: usize>(columns: &[[u64; 8]; L]) -> Fe<L> {
    let mut limbs = super::field::broadcast(&[0; L]);
    for (limb, column) in limbs.0.iter_mut().zip(columns) {
        *limb = load(column);
    }
    limbs
}

/// Limb by limb, the limbs of all lanes.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn columns<const L: usize>(a: &Fe<L>) -> [[u64; 8]; L] {
    let mut columns = [[0; 8]; L];
    for (limb, column) in a.0.iter().zip(&mut columns) {
        store(*limb, column);
    }
    columns
}
