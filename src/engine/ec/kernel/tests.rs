//! The arithmetic against plain big numbers, over random and edge operands.

use std::array::from_fn;

use crypto_bigint::{NonZero, U1024};

use super::curve;
use super::field::{self, Fe};
use super::invert;
use super::limbs::{self, gather, scatter};
use super::modulus::Modulus;
use crate::engine::cpu::has_ifma;
use crate::engine::ec::tests::Numbers;

/// Runs a kernel as `kernel::sign_all` does.
macro_rules! run {
    ($call:expr) => {{
        if !has_ifma() {
            return;
        }
        // SAFETY: the processor has the instructions.
        #[allow(unused_unsafe)]
        let result = unsafe { $call };
        result
    }};
}

fn big<const L: usize>(limbs: &[u64; L]) -> U1024 {
    let mut bytes = [0; 128];
    limbs::to_bytes(limbs, &mut bytes);
    U1024::from_be_slice(&bytes)
}

/// Numbers at which arithmetic goes wrong, below `k m`.
fn edges<M: Modulus<L>, const L: usize>(k: u64) -> Vec<[u64; L]> {
    let mut edges = vec![[0; L], M::M, M::R1, M::R2];
    let mut one = [0; L];
    one[0] = 1;
    let mut top = super::modulus::times(&M::M, k);
    top[0] -= 1;
    let mut less = M::M;
    less[0] -= 1;
    let mut ones = [(1 << 52) - 1; L];
    ones[L - 1] = top[L - 1].wrapping_sub(1);
    edges.extend([one, top, less, ones]);
    edges
}

fn field_agrees<M: Modulus<L>, const L: usize>() {
    let m = NonZero::new(big(&M::M)).unwrap();
    let r = big(&M::R1);
    let mut numbers = Numbers(7);
    let mut operands = edges::<M, L>(4);
    let bytes = if L == 5 { 32 } else { 48 };
    for _ in 0..40 {
        let mut random = [0; 48];
        numbers.bytes(&mut random[..bytes]);
        operands.push(limbs::from_bytes(&random[..bytes]));
    }
    while !operands.len().is_multiple_of(8) {
        operands.push(M::R2);
    }
    for eight in operands.chunks(8) {
        for shift in 0..8 {
            let a: [[u64; L]; 8] = from_fn(|i| eight[i]);
            let b: [[u64; L]; 8] = from_fn(|i| eight[(i + shift) % 8]);
            let results = run!(compute::<M, L>(&a, &b));
            for lane in 0..8 {
                let (x, y) = (big(&a[lane]).rem(&m), big(&b[lane]).rem(&m));
                let product = x.mul_mod(&y, &m);
                // Results times R, so that nothing need be divided.
                let times_r = |z: &[u64; L]| big(z).rem(&m).mul_mod(&r, &m);
                let [mul, square, both, minus, plus, negated, back] =
                    results.each_ref().map(|result| result[lane]);
                assert_eq!(times_r(&mul), product);
                assert_eq!(times_r(&square), x.mul_mod(&x, &m));
                let twice = product.add_mod(&product, &m);
                assert_eq!(times_r(&both), twice);
                assert_eq!(big(&minus).rem(&m), x.sub_mod(&y, &m));
                assert_eq!(big(&plus).rem(&m), x.add_mod(&y, &m));
                assert_eq!(big(&negated).rem(&m), x.neg_mod(&m));
                assert_eq!(times_r(&back), x);
                assert!(big(&back) < *m, "reduced");
            }
        }
    }
}

#[cfg_attr(
    not(strongroom_emulated_lanes),
    target_feature(enable = "avx512f,avx512ifma,avx512vl")
)]
fn compute<M: Modulus<L>, const L: usize>(
    a: &[[u64; L]; 8],
    b: &[[u64; L]; 8],
) -> [[[u64; L]; 8]; 7] {
    let (a, b) = (gather(a), gather(b));
    let results: [Fe<L>; 7] = [
        field::mul::<M, L>(&a, &b),
        field::square::<M, L>(&a),
        field::mul_add::<M, L>(&a, &b, &b, &a),
        field::sub::<M, L, 5>(&a, &b),
        field::sum(&a, &b),
        field::negate::<M, L, 5>(&a),
        field::from_montgomery::<M, L>(&a),
    ];
    [0, 1, 2, 3, 4, 5, 6].map(|i| scatter(&results[i]))
}

fn inverts<M: Modulus<L>, const L: usize>() {
    let m = NonZero::new(big(&M::M)).unwrap();
    let mut numbers = Numbers(8);
    let mut operands: Vec<[u64; L]> = Vec::new();
    for edge in edges::<M, L>(1) {
        let below = big(&edge) < *m && edge != [0; L];
        operands.extend(below.then_some(edge));
    }
    for _ in 0..50 {
        let mut random = [0; 31];
        numbers.bytes(&mut random);
        random[30] |= 1;
        operands.push(limbs::from_bytes(&random));
    }
    for a in operands {
        let inverse = run!(invert::invert_one::<M, L>(a));
        let beside = run!(invert::invert_two::<M, M, L>(M::R1, a));
        assert_eq!(beside[1], inverse);
        assert!(big(&inverse) < *m);
        assert_eq!(big(&a).mul_mod(&big(&inverse), &m), U1024::ONE, "{a:x?}");
    }
}

#[test]
fn arithmetic_agrees_with_plain_numbers() {
    field_agrees::<curve::P256Field, 5>();
    field_agrees::<curve::P256Order, 5>();
    field_agrees::<curve::P256KField, 5>();
    field_agrees::<curve::P256KOrder, 5>();
    field_agrees::<curve::P384Field, 8>();
    field_agrees::<curve::P384Order, 8>();
}

#[test]
fn inverses_are_inverses() {
    inverts::<curve::P256Field, 5>();
    inverts::<curve::P256Order, 5>();
    inverts::<curve::P256KField, 5>();
    inverts::<curve::P256KOrder, 5>();
    inverts::<curve::P384Field, 8>();
    inverts::<curve::P384Order, 8>();
}
