//! ECDSA signatures (FIPS 186-5 section 6.4.1), eight in eight lanes, or one over all of them.

use std::array::from_fn;
use std::hint::black_box;

use super::curve::Curve;
use super::field::{Fe, broadcast, from_montgomery, is_zero, mul, negate_if, reduce_once, sum};
use super::invert::{invert_both, invert_one, invert_two};
use super::limbs::{from_bytes, gather, scatter, to_bytes};
use super::modulus::Modulus;
use super::point::sum_lanes;
use super::spread::add_base_spread;
use super::table::{add_base, odd};
use crate::engine::ec::SignInput;
use crate::engine::erase::erase;
use crate::engine::lanes::{Mask, has_bits};
use crate::engine::limbs::{equal, less};

/// The most vectors that share an inversion: more would save little and fill the stack.
const MOST_VECTORS: usize = 8;

/// The most signatures that are spread over the lanes one after the other: with one more, a
/// vector is the faster way.
const fn most_spread(limbs: usize) -> usize {
    if limbs == 5 { 2 } else { 3 }
}

/// `r || s` for each, or nothing where the nonce, `r` or `s` is zero and another nonce is to
/// be taken.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn sign_all<C: Curve<L>, const L: usize>(
    inputs: &[SignInput<'_>],
) -> Vec<Option<Vec<u8>>> {
    let mut signatures = Vec::with_capacity(inputs.len());
    for group in inputs.chunks(8 * MOST_VECTORS) {
        let rest = group.len() % 8;
        let few = if rest > most_spread(L) { 0 } else { rest };
        let (many, few) = group.split_at(group.len() - few);
        if !many.is_empty() {
            sign_vectors::<C, L>(many, &mut signatures);
        }
        signatures.extend(few.iter().map(|input| sign_one::<C, L>(input)));
    }
    signatures
}

/// One signature, the multiple of the generator spread over the lanes.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn sign_one<C: Curve<L>, const L: usize>(input: &SignInput<'_>) -> Option<Vec<u8>> {
    let [d, z] = key_and_digest::<C, L>(input);
    let d = mul::<C::Order, L>(&broadcast(&d), &broadcast(&C::Order::R2));
    let [low, high] = wide(input.nonce);
    let k = nonce::<C, L>(&broadcast(&low), &broadcast(&high));
    // k or n - k: the points have the same x.
    let (odd, _) = odd::<C, L>(&k);
    let mut point = add_base_spread::<C, L>(None, &odd, 0);
    sum_lanes::<C::Field, L>(&mut point);
    let zz = from_montgomery::<C::Field, L>(&point.zz);
    let [zz, k] = invert_two::<C::Field, C::Order, L>(scatter(&zz)[0], scatter(&k)[0]);
    // Of the two factors only one is in Montgomery form, so the product is not.
    let x = mul::<C::Field, L>(&point.x, &broadcast(&zz)); // 1.2 p
    let x = reduce_once::<C::Field, L>(&x);
    let k = mul::<C::Order, L>(&broadcast(&k), &broadcast(&C::Order::R2));
    Halves::new::<C>(&x, &k, &d, &broadcast(&z)).signature::<C>(0)
}

/// The point of a scalar: big-endian `x` and `y`; nothing unless the scalar is in `1..n`, and as
/// wide as the order, nor of the two that the formulas cannot multiply by.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn public_point<C: Curve<L>, const L: usize>(d: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    if d.len() != C::BYTES {
        return None;
    }
    let number: [u64; L] = from_bytes(d);
    let is_scalar = less(&number, &C::Order::M) & (1 ^ equal(&number, &[0; L]));
    if black_box(is_scalar) == 0 {
        return None;
    }
    let (odd, flipped) = odd::<C, L>(&broadcast(&number));
    let mut point = add_base_spread::<C, L>(None, &odd, flipped);
    sum_lanes::<C::Field, L>(&mut point);
    let zzz = from_montgomery::<C::Field, L>(&point.zzz);
    let [zzz, ..] = scatter(&zzz);
    if black_box(equal(&zzz, &[0; L])) == 1 {
        return None;
    }
    // Not in Montgomery form, nor is what is multiplied by it. ZZ / ZZZ is 1 / Z, and its square
    // 1 / ZZ.
    let by_zzz = broadcast(&invert_one::<C::Field, L>(zzz));
    let by_z = mul::<C::Field, L>(&point.zz, &by_zzz); // 1.2 p
    let entered = mul::<C::Field, L>(&by_z, &broadcast(&C::Field::R2)); // 1.1 p
    let by_zz = mul::<C::Field, L>(&by_z, &entered); // 1.1 p
    let coordinate = |numerator, inverse| {
        let number = reduce_once::<C::Field, L>(&mul::<C::Field, L>(numerator, inverse)); // 1.3 p
        let mut bytes = vec![0; C::BYTES];
        to_bytes(&scatter(&number)[0], &mut bytes);
        bytes
    };
    Some((coordinate(&point.x, &by_zz), coordinate(&point.y, &by_zzz)))
}

/// Up to 64 signatures, which share an inversion.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn sign_vectors<C: Curve<L>, const L: usize>(
    inputs: &[SignInput<'_>],
    signatures: &mut Vec<Option<Vec<u8>>>,
) {
    // The nonces in Montgomery form, below 2 n, and numerator and denominator of the points' x,
    // below 3 p and 2 p.
    // At their final size: a vector that grew would leave nonces behind in the heap.
    let vectors = inputs.len().div_ceil(8);
    let mut ks = Vec::with_capacity(vectors);
    let mut xs = Vec::with_capacity(vectors);
    let mut zzs = Vec::with_capacity(vectors);
    for inputs in inputs.chunks(8) {
        let [low, high] = numbers(inputs, |input| wide(input.nonce));
        let k = nonce::<C, L>(&low, &high);
        let (odd, _) = odd::<C, L>(&k);
        let point = add_base::<C, L>(None, &odd, 0);
        ks.push(mul::<C::Order, L>(&k, &broadcast(&C::Order::R2)));
        xs.push(point.x);
        zzs.push(point.zz);
    }
    invert_both::<C::Field, C::Order, L>(&mut zzs, &mut ks);
    for (i, inputs) in inputs.chunks(8).enumerate() {
        let x = mul::<C::Field, L>(&xs[i], &zzs[i]);
        let x = from_montgomery::<C::Field, L>(&x);
        let [d, z] = numbers(inputs, |input| key_and_digest::<C, L>(input));
        let d = mul::<C::Order, L>(&d, &broadcast(&C::Order::R2));
        let halves = Halves::new::<C>(&x, &ks[i], &d, &z);
        signatures.extend((0..inputs.len()).map(|lane| halves.signature::<C>(lane)));
    }
    for secret in [&mut ks, &mut xs, &mut zzs] {
        erase(secret);
    }
}

/// `low + high R`, each below `R`, modulo the order, and below it.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn nonce<C: Curve<L>, const L: usize>(low: &Fe<L>, high: &Fe<L>) -> Fe<L> {
    // A product of what is below R with a number below n is below 2 n.
    let low = mul::<C::Order, L>(low, &broadcast(&C::Order::R2));
    let high = mul::<C::Order, L>(high, &broadcast(&C::Order::R3));
    from_montgomery::<C::Order, L>(&sum(&low, &high))
}

/// `s` or `n - s`, whichever is less, for an `s` below `n`.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn lower<C: Curve<L>, const L: usize>(s: &Fe<L>) -> Fe<L> {
    // 2 s is even; less n, which is where it is above n, it is odd.
    let twice = reduce_once::<C::Order, L>(&sum(s, s));
    negate_if::<C::Order, L, 1>(has_bits(twice.0[0], 1), s)
}

/// Signatures of all lanes.
struct Halves<const L: usize> {
    r: [[u64; L]; 8],
    s: [[u64; L]; 8],
    /// The lanes in which one of them is zero.
    failed: Mask,
}

impl<const L: usize> Halves<L> {
    /// From `x` below `p`, `1 / k` and `d` in Montgomery form, below 2 n, and the digest. Where
    /// the nonce is zero its inverse is, and so `s`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn new<C: Curve<L>>(x: &Fe<L>, k_inverse: &Fe<L>, d: &Fe<L>, z: &Fe<L>) -> Self {
        // p < 2 n.
        let r = reduce_once::<C::Order, L>(x);
        let rd = mul::<C::Order, L>(&r, d); // 1.1 n
        let s = mul::<C::Order, L>(&sum(&rd, z), k_inverse); // 3.1 * 2 / 16 + 1
        let s = reduce_once::<C::Order, L>(&s);
        let s = if C::LOW_S { lower::<C, L>(&s) } else { s };
        Halves {
            r: scatter(&r),
            s: scatter(&s),
            failed: is_zero(&r) | is_zero(&s),
        }
    }

    /// `r || s` of a lane.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn signature<C: Curve<L>>(&self, lane: usize) -> Option<Vec<u8>> {
        let good = (self.failed >> lane) & 1 == 0;
        good.then(|| {
            let mut bytes = vec![0; 2 * C::BYTES];
            let (r, s) = bytes.split_at_mut(C::BYTES);
            to_bytes(&self.r[lane], r);
            to_bytes(&self.s[lane], s);
            bytes
        })
    }
}

/// The private scalar, and as many leading bytes of the digest as the order has.
fn key_and_digest<C: Curve<L>, const L: usize>(input: &SignInput<'_>) -> [[u64; L]; 2] {
    let digest = &input.digest[..input.digest.len().min(C::BYTES)];
    [from_bytes(input.d), from_bytes(digest)]
}

/// Two numbers of each signature, in its lane; the first's in the lanes that are left.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn numbers<const L: usize>(
    inputs: &[SignInput<'_>],
    of: impl Fn(&SignInput<'_>) -> [[u64; L]; 2],
) -> [Fe<L>; 2] {
    let first = of(&inputs[0]);
    let mut lanes = [[first[0]; 8], [first[1]; 8]];
    for (lane, input) in inputs.iter().enumerate().skip(1) {
        [lanes[0][lane], lanes[1][lane]] = of(input);
    }
    let numbers = [gather(&lanes[0]), gather(&lanes[1])];
    erase(lanes.as_flattened_mut());
    numbers
}

/// A nonce as two numbers below `R`: `low + high R`.
fn wide<const L: usize>(nonce: &[u8]) -> [[u64; L]; 2] {
    let limbs: [u64; 16] = from_bytes(nonce);
    [from_fn(|i| limbs[i]), from_fn(|i| limbs[L + i])]
}
