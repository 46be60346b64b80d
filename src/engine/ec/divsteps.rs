//! Inverses modulo the primes, by divsteps (Bernstein and Yang, "Fast constant-time gcd
//! computation and modular inversion", 2019), in the variant of the half delta that
//! libsecp256k1 describes (doc/safegcd_implementation.md there). The number of
//! steps is fixed by the size of the modulus and each step is the same instructions, so nothing
//! about the number shows.

// Indices are of arrays of a fixed size; words are cut on purpose.
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::needless_range_loop
)]

use std::array::from_fn;
use std::hint::black_box;

use crate::engine::limbs::negated_inverse;

/// Words of 62 bits of the numbers, two's complement over all of them: 620 bits,
/// more than the 523 that a number of P-521 and its sign need.
pub(super) const WORDS: usize = 10;

const MASK62: u64 = (1 << 62) - 1;

pub(super) type Wide = [i64; WORDS];

/// A modulus as `divsteps` wants it.
pub(super) struct Prime {
    pub(super) m: Wide,
    /// `1 / m` modulo 2^62.
    inverse62: u64,
    /// How often sixty steps are enough.
    pub(super) rounds: usize,
}

impl Prime {
    /// From limbs of so many bits.
    pub(super) const fn of<const L: usize>(limbs: &[u64; L], bits: usize) -> Self {
        let mut words = [0_u64; WORDS];
        let (mut bit, mut len) = (0, 0);
        while bit < bits * L {
            let value = (limbs[bit / bits] >> (bit % bits)) & 1;
            words[bit / 62] |= value << (bit % 62);
            bit += 1;
            if value == 1 {
                len = bit;
            }
        }
        let mut m = [0; WORDS];
        let mut i = 0;
        while i < WORDS {
            m[i] = words[i].cast_signed();
            i += 1;
        }
        Prime {
            m,
            inverse62: negated_inverse(words[0]).wrapping_neg() & MASK62,
            // So many steps are enough for numbers of `len` bits (Wuille, "Bounds on divsteps
            // iterations in safegcd", 2021, for the half delta).
            rounds: ((45907 * len + 30179) / 19929).div_ceil(60),
        }
    }
}

/// `1 / a mod m` for `a` in `1..m`, both as they are (not in Montgomery form), in limbs of 64
/// bits, for primes of one size. A step waits for the one before it: two inversions side by side
/// fill the time.
///
/// Not inlined: it is arithmetic on words, which a compiler that may use vectors slows down.
#[inline(never)]
pub(super) fn invert<const L: usize, const N: usize>(
    primes: [&Prime; N],
    a: [[u64; L]; N],
) -> [[u64; L]; N] {
    // Five words for P-256, seven for P-384.
    let words = const { (64 * L).div_ceil(62) };
    let mut f = primes.map(|prime| prime.m);
    let mut g = [[0; WORDS]; N];
    let (mut d, mut e) = ([[0; WORDS]; N], [[0; WORDS]; N]);
    for i in 0..N {
        let mut words = [0; WORDS];
        repack(&a[i], 64, &mut words, 62);
        g[i] = words.map(u64::cast_signed);
        e[i][0] = 1;
    }
    let mut zeta = [-1; N];
    for _ in 0..primes[0].rounds {
        let mut low_f = f.map(|f| f[0]);
        let mut low_g = g.map(|g| g[0]);
        let first = divsteps(&mut zeta, &mut low_f, &mut low_g);
        let second = divsteps(&mut zeta, &mut low_f, &mut low_g);
        for i in 0..N {
            let matrix = second[i].after(&first[i]);
            update_de(&mut d[i], &mut e[i], &matrix, primes[i], words);
            update_fg(&mut f[i], &mut g[i], &matrix, words);
        }
    }
    // Now g is zero, f is one or minus one, and d is f / a.
    from_fn(|i| {
        let sign = f[i][words - 1] >> 63;
        let inverse = normalise(d[i], sign, &primes[i].m, words);
        let mut limbs = [0; L];
        repack(&inverse.map(i64::cast_unsigned), 62, &mut limbs, 64);
        limbs
    })
}

/// The same number in words of another width, least first: from `from_bits` a word to `to_bits`.
pub(super) fn repack(from: &[u64], from_bits: u32, to: &mut [u64], to_bits: u32) {
    let mut from = from.iter();
    let (mut window, mut bits) = (0_u128, 0);
    for word in to {
        // At most two words of the window: the widths are 52 and more.
        for _ in 0..2 {
            if bits < to_bits {
                window |= u128::from(from.next().copied().unwrap_or(0)) << bits;
                bits += from_bits;
            }
        }
        *word = window as u64 & (u64::MAX >> (64 - to_bits));
        window >>= to_bits;
        bits -= to_bits;
    }
}

/// What steps do to `(f, g)` and to `(d, e)`, times two for each.
pub(super) struct Matrix {
    pub(super) u: i64,
    pub(super) v: i64,
    pub(super) q: i64,
    pub(super) r: i64,
}

/// Half a round: of 62 bits of `f` and `g`, which decide as many steps, 60 are used.
pub(super) const STEPS: usize = 30;

/// Thirty steps on the low bits of `f` and `g`. `zeta` is `-(delta + 1/2)`.
///
/// `u` and `v` share a word, `u + 2^32 v`, and so do `q` and `r`: none passes 2^30.
#[inline(always)]
fn divsteps<const N: usize>(
    zeta: &mut [i64; N],
    f: &mut [i64; N],
    g: &mut [i64; N],
) -> [Matrix; N] {
    let (mut uv, mut qr) = ([1_i64; N], [1_i64 << 32; N]);
    for _ in 0..STEPS {
        for i in 0..N {
            // All ones where zeta < 0, and where g is odd.
            let swap = zeta[i] >> 63;
            let odd = (g[i] & 1).wrapping_neg();
            // g += f or -f, if g is odd.
            let more = ((f[i] ^ swap).wrapping_sub(swap)) & odd;
            g[i] = g[i].wrapping_add(more);
            let more = ((uv[i] ^ swap).wrapping_sub(swap)) & odd;
            qr[i] = qr[i].wrapping_add(more);
            // f becomes what g was, if both.
            let swap = swap & odd;
            zeta[i] = (zeta[i] ^ swap).wrapping_sub(1);
            f[i] = f[i].wrapping_add(g[i] & swap);
            uv[i] = uv[i].wrapping_add(qr[i] & swap);
            g[i] >>= 1;
            uv[i] = uv[i].wrapping_add(uv[i]);
        }
    }
    from_fn(|i| Matrix::unpack(uv[i], qr[i]))
}

/// `(f, g) = matrix (f, g) / 2^62`, which is exact.
#[inline]
pub(super) fn update_fg(f: &mut Wide, g: &mut Wide, matrix: &Matrix, words: usize) {
    let (u, v, q, r) = matrix.wide();
    let (mut cf, mut cg) = (0_i128, 0_i128);
    for i in 0..words {
        let (fi, gi) = (i128::from(f[i]), i128::from(g[i]));
        cf += u * fi + v * gi;
        cg += q * fi + r * gi;
        if i > 0 {
            f[i - 1] = low62(cf);
            g[i - 1] = low62(cg);
        }
        cf >>= 62;
        cg >>= 62;
    }
    f[words - 1] = cf as i64;
    g[words - 1] = cg as i64;
}

/// `(d, e) = matrix (d, e) / 2^62 mod m`; both stay in `(-2 m, m)`.
#[inline]
pub(super) fn update_de(d: &mut Wide, e: &mut Wide, matrix: &Matrix, prime: &Prime, words: usize) {
    let (u, v, q, r) = matrix.wide();
    let (sign_d, sign_e) = (d[words - 1] >> 63, e[words - 1] >> 63);
    // The multiples of m to add: m where a number is negative, and what makes the low 62
    // bits zero.
    let mut md = (matrix.u & sign_d) + (matrix.v & sign_e);
    let mut me = (matrix.q & sign_d) + (matrix.r & sign_e);
    let (d0, e0) = (i128::from(d[0]), i128::from(e[0]));
    let (low_d, low_e) = ((u * d0 + v * e0) as u64, (q * d0 + r * e0) as u64);
    md -= (prime
        .inverse62
        .wrapping_mul(low_d)
        .wrapping_add(md.cast_unsigned())
        & MASK62)
        .cast_signed();
    me -= (prime
        .inverse62
        .wrapping_mul(low_e)
        .wrapping_add(me.cast_unsigned())
        & MASK62)
        .cast_signed();
    let (md, me) = (i128::from(md), i128::from(me));
    let (mut cd, mut ce) = (0_i128, 0_i128);
    for i in 0..words {
        let (di, ei, mi) = (i128::from(d[i]), i128::from(e[i]), i128::from(prime.m[i]));
        cd += u * di + v * ei + mi * md;
        ce += q * di + r * ei + mi * me;
        if i > 0 {
            d[i - 1] = low62(cd);
            e[i - 1] = low62(ce);
        }
        cd >>= 62;
        ce >>= 62;
    }
    d[words - 1] = cd as i64;
    e[words - 1] = ce as i64;
}

/// `d` in `(-2 m, m)`, or `-d` if the sign is minus one, brought into `0..m`.
pub(super) fn normalise(mut d: Wide, sign: i64, modulus: &Wide, words: usize) -> Wide {
    // A compiler that sees that a mask is a sign branches on it.
    let sign = black_box(sign);
    let mut add = black_box(d[words - 1] >> 63);
    for (word, m) in d.iter_mut().zip(modulus) {
        *word = ((*word + (m & add)) ^ sign) - sign;
    }
    propagate(&mut d, words);
    add = black_box(d[words - 1] >> 63);
    for (word, m) in d.iter_mut().zip(modulus) {
        *word += m & add;
    }
    propagate(&mut d, words);
    d
}

fn propagate(d: &mut Wide, words: usize) {
    for i in 1..words {
        d[i] += d[i - 1] >> 62;
        d[i - 1] &= MASK62.cast_signed();
    }
}

#[inline]
fn low62(c: i128) -> i64 {
    (c as u64 & MASK62).cast_signed()
}

impl Matrix {
    /// From `u + 2^32 v` and `q + 2^32 r`, none of which passes 2^30.
    #[inline]
    pub(super) fn unpack(uv: i64, qr: i64) -> Matrix {
        let low = |both: i64| i64::from(both as i32);
        let high = |both: i64| both.wrapping_sub(low(both)) >> 32;
        Matrix {
            u: low(uv),
            v: high(uv),
            q: low(qr),
            r: high(qr),
        }
    }

    /// This after another: 60 steps, times four, so that it is as if there had been 62.
    #[inline]
    pub(super) fn after(&self, first: &Matrix) -> Matrix {
        Matrix {
            u: (self.u * first.u + self.v * first.q) << 2,
            v: (self.u * first.v + self.v * first.r) << 2,
            q: (self.q * first.u + self.r * first.q) << 2,
            r: (self.q * first.v + self.r * first.r) << 2,
        }
    }

    #[inline]
    fn wide(&self) -> (i128, i128, i128, i128) {
        (self.u.into(), self.v.into(), self.q.into(), self.r.into())
    }
}
