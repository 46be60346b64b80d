//! ECDSA verification (FIPS 186-5 section 6.4.2). All of it is public, so indices and the end
//! may depend on it.
//!
//! `u Q` is computed from a table of the key `Q`, made at its first use: the scalar's digits of
//! 4 bits are cut into eight blocks, and the table has the odd multiples of `2^(b j) Q`
//! for each block `j` of `b` bits. So there are an eighth of the doublings, and eight lanes can
//! work at one signature, a block each. Making the table costs what a verification without one
//! would, and 5 KB a key for P-256, 8 KB for P-384.

use std::array::from_fn;

use super::curve::Curve;
use super::field::{Fe, broadcast, from_montgomery, is_zero, mul, reduce_once, sub};
use super::invert::invert_all;
use super::limbs::{columns, from_bytes, from_columns, gather, scatter};
use super::modulus::Modulus;
use super::point::{Affine, Point, add_affine, double, from_affine, negate_affine_if, sum_lanes};
use super::spread::add_base_spread;
use super::table::{Digit, add_base, infinity, odd, odd_multiples, powers};
use crate::engine::lanes::{MASK52, Mask, store};

/// What is verified.
pub(crate) struct Input<'a, const L: usize> {
    pub(crate) table: &'a PublicTable<L>,
    pub(crate) digest: &'a [u8],
    /// `r || s`.
    pub(crate) signature: &'a [u8],
}

/// Multiple `2 e + 1` of `2^(b j) Q` in `[e][coordinate][limb][j]`, in Montgomery form and
/// below the modulus.
pub(crate) struct PublicTable<const L: usize>(Box<[[[[u64; 8]; L]; 2]; ENTRIES]>);

const WIDTH: usize = 4;
const ENTRIES: usize = 1 << (WIDTH - 1);
/// One for each lane of a spread verification.
const BLOCKS: usize = 8;

/// The bits of a block, and how many there are.
pub(crate) fn blocks<C: Curve<L>, const L: usize>() -> (usize, usize) {
    (8 * C::BYTES / BLOCKS, BLOCKS)
}

/// The most vectors that share an inversion.
const MOST_VECTORS: usize = 8;

/// The most signatures that are verified one after the other, spread over the lanes: a third
/// makes a vector the faster way.
const MOST_SPREAD: usize = 2;

/// The tables of points that are on the curve, big-endian `x` and `y`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn tables<C: Curve<L>, const L: usize>(keys: &[(&[u8], &[u8])]) -> Vec<PublicTable<L>> {
    let mut tables = Vec::with_capacity(keys.len());
    for keys in keys.chunks(8) {
        // A key in each lane while doubling, a block of one key in each lane after that.
        let key = |lane| keys.get(lane).unwrap_or(&keys[0]);
        let point = affine::<C, L>(from_fn(|i| (key(i).0, key(i).1)));
        let (bits, count) = blocks::<C, L>();
        let powers = powers::<C, L>(&point, bits, count);
        let lanes: [[[[u64; L]; 8]; 4]; BLOCKS] = from_fn(|block| {
            let (one, two) = &powers[block];
            [&one.x, &one.y, &two.x, &two.y].map(|fe| scatter(fe))
        });
        for key in 0..keys.len() {
            let [x, y, x2, y2] = from_fn(|i| gather(&lanes.each_ref().map(|block| block[i][key])));
            tables.push(table::<C, L>(&Affine { x, y }, &Affine { x: x2, y: y2 }));
        }
    }
    tables
}

/// The table of a point, from the power of each block, followed by its double: big-endian `x` and
/// `y`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn table_of_powers<C: Curve<L>, const L: usize>(
    powers: &[(Vec<u8>, Vec<u8>)],
) -> PublicTable<L> {
    let [one, two] = from_fn(|i| {
        affine::<C, L>(from_fn(|block| {
            let (x, y) = &powers[2 * block + i];
            (x.as_slice(), y.as_slice())
        }))
    });
    table::<C, L>(&one, &two)
}

/// From the power of each block, in its lane, and its double.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn table<C: Curve<L>, const L: usize>(one: &Affine<L>, two: &Affine<L>) -> PublicTable<L> {
    let mut table = Box::new([[[[0; 8]; L]; 2]; ENTRIES]);
    let multiples = odd_multiples::<C::Field, L>(one, two, ENTRIES);
    for (entry, multiple) in table.iter_mut().zip(&multiples) {
        *entry = [&multiple.x, &multiple.y].map(|fe| columns(fe));
    }
    PublicTable(table)
}

/// Of big-endian `x` and `y`, a point in each lane: in Montgomery form, below the modulus.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn affine<C: Curve<L>, const L: usize>(points: [(&[u8], &[u8]); 8]) -> Affine<L> {
    let into = broadcast(&C::Field::R2);
    let x = mul::<C::Field, L>(&gather(&points.map(|(x, _)| from_bytes(x))), &into);
    let y = mul::<C::Field, L>(&gather(&points.map(|(_, y)| from_bytes(y))), &into);
    Affine {
        x: reduce_once::<C::Field, L>(&x),
        y: reduce_once::<C::Field, L>(&y),
    }
}

/// Whether each signature is good; nothing where the formulas met an exception, which only
/// somebody who looks for one will see, and another way must be taken to tell.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn verify_all_vartime<C: Curve<L>, const L: usize>(
    inputs: &[Input<'_, L>],
) -> Vec<Option<bool>> {
    let mut verdicts = Vec::with_capacity(inputs.len());
    for group in inputs.chunks(8 * MOST_VECTORS) {
        let mut vectors = Vec::with_capacity(MOST_VECTORS);
        for inputs in group.chunks(8) {
            let size = if inputs.len() > MOST_SPREAD { 8 } else { 1 };
            vectors.extend(inputs.chunks(size).map(|inputs| Vector::new::<C>(inputs)));
        }
        let mut inverses: Vec<_> = vectors.iter().map(|vector| vector.s).collect();
        invert_all::<C::Order, L>(&mut inverses);
        for (vector, inverse) in vectors.iter().zip(&inverses) {
            vector.verify::<C>(inverse, &mut verdicts);
        }
    }
    verdicts
}

/// Up to eight signatures. Where there are fewer, other lanes repeat the first.
struct Vector<'a, const L: usize> {
    inputs: &'a [Input<'a, L>],
    /// The lanes whose `r` and `s` are in `1..n`; other lanes have one in their place.
    in_range: [bool; 8],
    r: [[u64; L]; 8],
    /// In Montgomery form, below 2 n.
    s: Fe<L>,
}

impl<'a, const L: usize> Vector<'a, L> {
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn new<C: Curve<L>>(inputs: &'a [Input<'a, L>]) -> Self {
        let numbers: [_; 8] = from_fn(|lane| {
            let signature = inputs.get(lane).unwrap_or(&inputs[0]).signature;
            scalars::<C, L>(signature)
        });
        let one = || from_fn(|i| u64::from(i == 0));
        let s = numbers.map(|numbers| numbers.map_or_else(one, |(_, s)| s));
        Vector {
            inputs,
            in_range: numbers.map(|numbers| numbers.is_some()),
            r: numbers.map(|numbers| numbers.map_or_else(one, |(r, _)| r)),
            s: mul::<C::Order, L>(&gather(&s), &broadcast(&C::Order::R2)),
        }
    }

    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn verify<C: Curve<L>>(&self, s_inverse: &Fe<L>, verdicts: &mut Vec<Option<bool>>) {
        let z = gather(&from_fn(|lane| {
            let digest = self.input(lane).digest;
            from_bytes(&digest[..digest.len().min(C::BYTES)])
        }));
        let r = gather(&self.r);
        // z / s and r / s.
        let u1 = reduce_once::<C::Order, L>(&mul::<C::Order, L>(&z, s_inverse));
        let u2 = reduce_once::<C::Order, L>(&mul::<C::Order, L>(&r, s_inverse));
        let (u1, flip1) = odd::<C, L>(&u1);
        let (u2, flip2) = odd::<C, L>(&u2);
        let tables = from_fn(|lane| self.input(lane).table);
        let [x, zz] = if self.inputs.len() == 1 {
            let point = multiply::<C, L, true>(tables, &u2, flip2);
            let mut point = add_base_spread::<C, L>(Some(point), &u1, flip1);
            sum_lanes::<C::Field, L>(&mut point);
            [point.x, point.zz]
        } else {
            let point = multiply::<C, L, false>(tables, &u2, flip2);
            let point = add_base::<C, L>(Some(point), &u1, flip1);
            [point.x, point.zz]
        };
        let infinity = is_zero(&reduce_once::<C::Field, L>(&zz));
        let mut good = has_x::<C, L>([&x, &zz], &r);
        // x is below p and was reduced modulo n: it may have been r + n.
        let above = self.r.map(|r| plus_order::<C, L>(&r));
        if above.iter().any(Option::is_some) {
            let above = from_fn(|lane| above[lane].unwrap_or(self.r[lane]));
            good |= has_x::<C, L>([&x, &zz], &gather(&above));
        }
        for lane in 0..self.inputs.len() {
            verdicts.push(match (self.in_range[lane], (infinity >> lane) & 1) {
                (false, _) => Some(false),
                (true, 1) => None,
                (true, _) => Some((good >> lane) & 1 == 1),
            });
        }
    }

    fn input(&self, lane: usize) -> &Input<'a, L> {
        self.inputs.get(lane).unwrap_or(&self.inputs[0])
    }
}

/// `r` and `s`, if they are in `1..n` and as wide as they must be.
fn scalars<C: Curve<L>, const L: usize>(signature: &[u8]) -> Option<([u64; L], [u64; L])> {
    let (r, s) = signature.split_at_checked(C::BYTES)?;
    if s.len() != C::BYTES {
        return None;
    }
    let (r, s) = (from_bytes(r), from_bytes(s));
    let fits = |a: &[u64; L]| *a != [0; L] && is_below(a, &C::Order::M);
    (fits(&r) && fits(&s)).then_some((r, s))
}

fn is_below<const L: usize>(a: &[u64; L], b: &[u64; L]) -> bool {
    a.iter().rev().lt(b.iter().rev())
}

/// `r + n`, if it is below `p`.
fn plus_order<C: Curve<L>, const L: usize>(r: &[u64; L]) -> Option<[u64; L]> {
    let mut sum = [0; L];
    let mut carry = 0;
    for i in 0..L {
        carry += r[i] + C::Order::M[i];
        sum[i] = carry & MASK52;
        carry >>= 52;
    }
    is_below(&sum, &C::Field::M).then_some(sum)
}

/// The lanes in which a point's `X / ZZ` is `x`, which is below `p` and not in Montgomery form.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn has_x<C: Curve<L>, const L: usize>([numerator, zz]: [&Fe<L>; 2], x: &Fe<L>) -> Mask {
    let x = mul::<C::Field, L>(x, &broadcast(&C::Field::R2));
    let expected = mul::<C::Field, L>(&x, zz);
    let difference = sub::<C::Field, L, 3>(&expected, numerator);
    is_zero(&from_montgomery::<C::Field, L>(&difference))
}

/// `u Q`: with a key and a scalar in each lane, or, spread, the terms of block `j` in lane `j`
/// for one key and one scalar in all lanes.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn multiply<C: Curve<L>, const L: usize, const SPREAD: bool>(
    tables: [&PublicTable<L>; 8],
    u: &Fe<L>,
    flip: Mask,
) -> Point<L> {
    let count = 8 * C::BYTES / WIDTH;
    let mut digits = Vec::with_capacity(count);
    for i in 0..count {
        let digit = Digit::of::<L>(u, WIDTH, i, i + 1 == count);
        let mut indices = [0; 8];
        store(digit.index, &mut indices);
        digits.push((indices, digit.negative ^ flip));
    }
    let mut sum: Option<Point<L>> = None;
    for position in (0..count / BLOCKS).rev() {
        if let Some(sum) = &mut sum {
            for _ in 0..WIDTH {
                double::<C, L>(sum);
            }
        }
        for round in 0..if SPREAD { 1 } else { BLOCKS } {
            let (mut x, mut y, mut negative) = ([[0; 8]; L], [[0; 8]; L], 0);
            for lane in 0..8 {
                let block = if SPREAD { lane } else { round };
                let (indices, negatives) = &digits[block * (count / BLOCKS) + position];
                negative |= negatives & (1 << lane);
                let [xs, ys] = &tables[lane].0[indices[lane] as usize];
                for i in 0..L {
                    (x[i][lane], y[i][lane]) = (xs[i][block], ys[i][block]);
                }
            }
            let multiple = Affine {
                x: from_columns(&x),
                y: from_columns(&y),
            };
            let multiple = negate_affine_if::<C::Field, L>(negative, &multiple);
            match &mut sum {
                None => sum = Some(from_affine::<C::Field, L>(&multiple)),
                Some(sum) => add_affine::<C::Field, L>(sum, &multiple),
            }
        }
    }
    sum.unwrap_or(from_affine::<C::Field, L>(&infinity()))
}
