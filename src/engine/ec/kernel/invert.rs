//! Inverses modulo the primes: many by one. Montgomery's trick turns any number of inversions
//! into one and three multiplications each; the one is by
//! [`divsteps`](crate::engine::ec::divsteps), which are taken in lanes.

use std::array::from_fn;

use super::field::{Fe, broadcast, is_zero, mul, reduce_once, select, swap};
use super::limbs::scatter;
use super::modulus::Modulus;
use crate::engine::ec::divsteps::{
    Matrix, Prime, STEPS, WORDS, Wide, normalise, repack, update_de, update_fg,
};
use crate::engine::erase::erase;
use crate::engine::lanes::Mask;
use crate::engine::lanes::half::{
    H, add, and, load, sar, select as choose, shl, splat, store, sub,
};

/// Replaces each lane of each element, all in Montgomery form and below `2 m`, by its inverse
/// in Montgomery form, below `2 m`. Zero stays zero.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn invert_all<M: Modulus<L>, const L: usize>(elements: &mut [Fe<L>]) {
    let products = Products::of::<M>(elements);
    let [inverse] = invert([&const { Prime::of(&M::M, 52) }], [products.all]);
    products.invert::<M>(elements, &inverse);
}

/// The same for elements modulo two primes, in little more time than for one.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn invert_both<M1: Modulus<L>, M2: Modulus<L>, const L: usize>(
    first: &mut [Fe<L>],
    second: &mut [Fe<L>],
) {
    let products1 = Products::of::<M1>(first);
    let products2 = Products::of::<M2>(second);
    let [inverse1, inverse2] = invert_two::<M1, M2, L>(products1.all, products2.all);
    products1.invert::<M1>(first, &inverse1);
    products2.invert::<M2>(second, &inverse2);
}

/// The inverses of two numbers that are below the primes and not in Montgomery form, nor will
/// be. Zero stays zero.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn invert_two<M1: Modulus<L>, M2: Modulus<L>, const L: usize>(
    first: [u64; L],
    second: [u64; L],
) -> [[u64; L]; 2] {
    let primes = [
        &const { Prime::of(&M1::M, 52) },
        &const { Prime::of(&M2::M, 52) },
    ];
    invert(primes, [first, second])
}

/// The inverse of one, as of two above.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
pub(crate) fn invert_one<M: Modulus<L>, const L: usize>(number: [u64; L]) -> [u64; L] {
    let [inverse] = invert([&const { Prime::of(&M::M, 52) }], [number]);
    inverse
}

/// On the way up Montgomery's trick.
struct Products<const L: usize> {
    /// For each element the product of those before it, lane by lane.
    before: Vec<Fe<L>>,
    /// The lanes of each element that are zero, and were replaced by one.
    zeros: Vec<Mask>,
    /// For each lane the product of all elements in the other lanes.
    others: Fe<L>,
    /// The product of everything.
    all: [u64; L],
}

impl<const L: usize> Products<L> {
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn of<M: Modulus<L>>(elements: &mut [Fe<L>]) -> Self {
        let one = broadcast(&M::R1);
        let mut zeros = Vec::with_capacity(elements.len());
        let mut before = Vec::with_capacity(elements.len());
        let mut product = one;
        for element in elements {
            let zero = is_zero(&reduce_once::<M, L>(element));
            *element = select(zero, &one, element);
            zeros.push(zero);
            before.push(product);
            product = mul::<M, L>(&product, element);
        }
        // Products of two, of four, of eight lanes.
        let neighbour = swap::<L, 1>(&product);
        let pair = mul::<M, L>(&product, &neighbour);
        let other_pair = swap::<L, 2>(&pair);
        let half = mul::<M, L>(&pair, &other_pair);
        let other_half = swap::<L, 4>(&half);
        let all = mul::<M, L>(&half, &other_half);
        Products {
            before,
            zeros,
            others: mul::<M, L>(&mul::<M, L>(&neighbour, &other_pair), &other_half),
            all: scatter(&reduce_once::<M, L>(&all))[0],
        }
    }

    /// Down again, from the inverse of `all`.
    #[cfg_attr(
        not(strongroom_emulated_lanes),
        target_feature(enable = "avx512f,avx512ifma,avx512vl")
    )]
    fn invert<M: Modulus<L>>(mut self, elements: &mut [Fe<L>], inverse: &[u64; L]) {
        // From 1 / (a R) to R / a.
        let inverse = mul::<M, L>(&broadcast(inverse), &broadcast(&M::R3));
        let mut inverse = mul::<M, L>(&inverse, &self.others);
        let steps = elements.iter_mut().zip(&self.before).zip(&self.zeros);
        for ((element, before), zero) in steps.rev() {
            let inverted = mul::<M, L>(&inverse, before);
            inverse = mul::<M, L>(&inverse, element);
            *element = select(*zero, &broadcast(&[0; L]), &inverted);
        }
        erase(&mut self.before);
        erase(std::slice::from_mut(&mut self.others));
    }
}

/// `1 / a mod m` for `a` in `1..m`, or zero for zero, both as they are (not in Montgomery form).
/// A step waits for the one before it, so two inversions side by side take as long as one.
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn invert<const L: usize, const N: usize>(primes: [&Prime; N], a: [[u64; L]; N]) -> [[u64; L]; N] {
    let mut numbers: [_; N] = from_fn(|i| Number::new(primes[i], &a[i]));
    let mut zeta = splat(u64::MAX);
    for _ in 0..primes[0].rounds {
        let matrices = divsteps(&mut zeta, numbers.each_ref().map(|number| number.low()));
        update::<L, N>(&mut numbers, &matrices);
    }
    numbers.each_ref().map(|number| number.inverse())
}

/// An inversion on its way.
struct Number<'a> {
    prime: &'a Prime,
    f: Wide,
    g: Wide,
    d: Wide,
    e: Wide,
}

impl<'a> Number<'a> {
    fn new<const L: usize>(prime: &'a Prime, a: &[u64; L]) -> Self {
        let mut words = [0; WORDS];
        repack(a, 52, &mut words, 62);
        let mut one = [0; WORDS];
        one[0] = 1;
        Number {
            prime,
            f: prime.m,
            g: words.map(u64::cast_signed),
            d: [0; WORDS],
            e: one,
        }
    }

    /// The lowest words of `f` and `g`.
    fn low(&self) -> [i64; 2] {
        [self.f[0], self.g[0]]
    }

    /// When `g` is zero, `f` is one or minus one, and `d` is `f / a`.
    fn inverse<const L: usize>(&self) -> [u64; L] {
        let words = const { words(L) };
        let sign = self.f[words - 1] >> 63;
        let inverse = normalise(self.d, sign, &self.prime.m, words);
        let mut limbs = [0; L];
        repack(&inverse.map(i64::cast_unsigned), 62, &mut limbs, 52);
        limbs
    }
}

/// The words in use.
const fn words(limbs: usize) -> usize {
    (52 * limbs).div_ceil(62)
}

/// Sixty steps on the lowest words of `f` and `g`, of up to four inversions, each in a lane. `zeta`
/// is `-(delta + 1/2)`.
///
/// A step does the same to `f` and `g` as to the rows of the matrix, `u + 2^32 v` and `q + 2^32 r`.
/// All are halved with `g`, where `u` and `v` would be doubled: so the rows begin as 2^30 and are
/// exact to the last of thirty steps. A sum is halved at once; before that its two entries are
/// below 2^31 and it is below 2^63.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn divsteps<const N: usize>(zeta: &mut H, low: [[i64; 2]; N]) -> [Matrix; N] {
    let mut lanes = [[0; 4]; 2];
    for (i, [f, g]) in low.into_iter().enumerate() {
        lanes[0][i] = f.cast_unsigned();
        lanes[1][i] = g.cast_unsigned();
    }
    let (mut f, mut g) = (load(&lanes[0]), load(&lanes[1]));
    let mut odd = sar::<63>(shl::<63>(g));
    let [first, second] = from_fn(|_| {
        let (mut uv, mut qr) = (splat(1 << 30), splat(1 << 62));
        for _ in 0..STEPS {
            step(zeta, &mut odd, [&mut f, &mut uv], [&mut g, &mut qr]);
        }
        store(uv, &mut lanes[0]);
        store(qr, &mut lanes[1]);
        from_fn::<_, N, _>(|i| {
            let [uv, qr] = [lanes[0][i], lanes[1][i]];
            Matrix::unpack(uv.cast_signed(), qr.cast_signed())
        })
    });
    from_fn(|i| second[i].after(&first[i]))
}

/// `g` becomes `(g - f) / 2` or `(g + f) / 2`, if it is odd; `f` what `g` was, for the first; and
/// their rows the same. `odd` is a mask, of `g`.
///
/// By masks of whole lanes: those of a bit for each lane take longer to come by. What may be wanted
/// is computed while it is not known yet whether it is: a step takes as long as what the next one
/// waits for.
#[inline]
#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn step(zeta: &mut H, odd: &mut H, [f, uv]: [&mut H; 2], [g, qr]: [&mut H; 2]) {
    let negative = sar::<63>(*zeta);
    let swap = and(negative, *odd);
    let sum = |f: H, g: H| choose(*odd, choose(negative, sub(g, f), add(g, f)), g);
    let (sum_g, sum_qr) = (sum(*f, *g), sum(*uv, *qr));
    (*f, *uv) = (choose(swap, *g, *f), choose(swap, *qr, *uv));
    (*g, *qr) = (sar::<1>(sum_g), sar::<1>(sum_qr));
    *odd = sar::<63>(shl::<62>(sum_g));
    // -zeta - 2 where they change places, and zeta - 1.
    let (changed, kept) = (sub(splat(!1), *zeta), add(*zeta, splat(!0)));
    *zeta = choose(swap, changed, kept);
}

/// Not inlined: it is arithmetic on words, which a compiler that may use vectors slows down.
#[inline(never)]
fn update<const L: usize, const N: usize>(numbers: &mut [Number<'_>; N], matrices: &[Matrix; N]) {
    let words = const { words(L) };
    // What the next steps wait for comes first.
    for (number, matrix) in numbers.iter_mut().zip(matrices) {
        update_fg(&mut number.f, &mut number.g, matrix, words);
    }
    for (number, matrix) in numbers.iter_mut().zip(matrices) {
        update_de(&mut number.d, &mut number.e, matrix, number.prime, words);
    }
}
