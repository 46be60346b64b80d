//! Products in columns against the `crypto-bigint` crate: random digits, and those at which the
//! sums of halves carry in some lanes, in others not, or in both factors.

use chacha20::ChaCha20Rng;
use crypto_bigint::{BoxedUint, ConcatenatingMul, Resize};
use rand_core::{Rng, SeedableRng};

use super::columns::{Halves, LANES, PAIR, Row, Rows, add_pair, product, square};
use super::digits::join;
use crate::engine::cpu;
use crate::engine::lanes::MASK52;

/// The lengths that keys have, and ten digits for what is left over of others.
const LENGTHS: [usize; 6] = [10, 20, 30, 40, 60, 80];

/// What a column is at least and at most, in units of `2^52`: as in the head of `columns.rs`.
fn bounds(len: usize) -> (i64, i64) {
    match len {
        10 => (0, 20),
        20 => (-40, 42),
        30 => (-40, 82),
        40 => (-164, 166),
        60 => (-244, 246),
        _ => (-660, 662),
    }
}

fn seeded() -> ChaCha20Rng {
    let seed = rand_core::TryRng::try_next_u64(&mut getrandom::SysRng).unwrap();
    println!("seed {seed}");
    ChaCha20Rng::seed_from_u64(seed)
}

/// Numbers whose lanes are made in different ways; `turn` says which.
fn numbers(len: usize, turn: usize, rng: &mut ChaCha20Rng) -> Rows {
    let mut rows = Rows::zero(len);
    for (at, row) in rows.0.iter_mut().enumerate() {
        for lane in 0..LANES {
            row.0[lane] = match (lane + turn) % 9 {
                0 => MASK52,
                1 => 0,
                // The halves of halves, by turns.
                2 => MASK52 * u64::from(at % 20 < 10),
                3 => MASK52 * u64::from(at < len / 2),
                // A carry that runs through the whole sum, and one that stops below the top.
                4 => MASK52 * u64::from(at < len / 2) + u64::from(at == len / 2),
                5 => u64::from(at % 10 == 0),
                6 => MASK52 - u64::from(at % 10 == 9),
                _ => rng.next_u64() & MASK52,
            };
        }
    }
    rows
}

/// What columns are worth, whose sum is not negative.
fn value(columns: impl Iterator<Item = u64>) -> BoxedUint {
    let mut carry = 0_i128;
    let mut digits: Vec<u64> = columns
        .map(|column| {
            carry += i128::from(column.cast_signed());
            let digit = u64::try_from(carry & i128::from(MASK52)).unwrap();
            carry >>= 52;
            digit
        })
        .collect();
    digits.push(u64::try_from(carry).unwrap());
    let mut limbs = vec![0; 140];
    let above = join(|at| digits.get(at).copied().unwrap_or(0), &mut limbs);
    assert_eq!(above, 0);
    BoxedUint::from_words(limbs)
}

fn of_lane(rows: &[Row], lane: usize) -> BoxedUint {
    value(rows.iter().map(|row| row.0[lane]))
}

/// That `t` is the product, added to what was there before.
fn assert_product(t: &[Row], a: &Rows, b: &Rows, before: &[Row]) {
    let (least, most) = bounds(a.0.len());
    for lane in 0..LANES {
        let (left, right) = (of_lane(&a.0, lane), of_lane(&b.0, lane));
        let wanted = left.concatenating_mul(&right).resize(64 * 140);
        let wanted = wanted.wrapping_add(of_lane(before, lane));
        assert_eq!(of_lane(t, lane), wanted, "{left} times {right}");
        for (row, before) in t.iter().zip(before) {
            let column = row.0[lane].wrapping_sub(before.0[lane]).cast_signed();
            assert!((least << 52..=most << 52).contains(&column), "{column}");
        }
    }
}

#[test]
fn columns_of_products_and_squares() {
    if !cpu::has_ifma() {
        return;
    }
    let mut rng = seeded();
    for len in LENGTHS {
        let mut room = numbers(4 * len, 7, &mut rng);
        for turn in 0..81 {
            let a = numbers(len, turn % 9, &mut rng);
            let b = numbers(len, turn / 9, &mut rng);
            // What was in the columns before does not count.
            let mut t = numbers(2 * len, 7, &mut rng);
            // SAFETY: the processor has the instructions.
            #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
            unsafe {
                product(&mut t.0, &a.0, &b.0, &mut room.0);
            }
            let nothing = Rows::zero(2 * len);
            assert_product(&t.0, &a, &b, &nothing.0);
            // SAFETY: the same.
            #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
            unsafe {
                square(&mut t.0, &a.0, &mut room.0);
            }
            assert_product(&t.0, &a, &a, &nothing.0);
        }
    }
}

#[test]
fn a_product_is_added_to_columns() {
    if !cpu::has_ifma() {
        return;
    }
    let mut rng = seeded();
    let mut room = numbers(4 * PAIR, 7, &mut rng);
    for turn in 0..81 {
        let a = numbers(PAIR, turn % 9, &mut rng);
        let b = numbers(PAIR, turn / 9, &mut rng);
        // Some of its columns are negative.
        let mut before = Rows::zero(2 * PAIR);
        let mut t = Rows::zero(2 * PAIR);
        let [mut sum_a, mut sum_b] = [(); 2].map(|()| numbers(Halves::SUM, 7, &mut rng));
        // SAFETY: the processor has the instructions.
        #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
        unsafe {
            product(&mut before.0, &b.0, &b.0, &mut room.0);
            t.0.copy_from_slice(&before.0);
            let a = Halves::new(&a.0, &mut sum_a.0);
            let b = Halves::new(&b.0, &mut sum_b.0);
            add_pair(&mut t.0, a, b, &mut room.0);
        }
        assert_product(&t.0, &a, &b, &before.0);
    }
}
