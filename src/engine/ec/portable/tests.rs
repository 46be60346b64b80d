//! The arithmetic against plain big numbers, over random and edge operands.

use crypto_bigint::{NonZero, U1024};

use super::curve;
use super::field::{Fe, invert_both};
use super::modulus::Modulus;
use super::sign::odd;
use crate::engine::ec::tests::Numbers;
use crate::engine::limbs;

fn big<const L: usize>(limbs: &[u64; L]) -> U1024 {
    let mut bytes = [0; 128];
    limbs::to_be(limbs, &mut bytes);
    U1024::from_be_slice(&bytes)
}

/// Numbers at which arithmetic goes wrong, and random ones: any that fit.
fn operands<M: Modulus<L>, const L: usize>() -> Vec<[u64; L]> {
    let mut operands = vec![
        [0; L],
        [u64::MAX; L],
        M::M,
        M::BELOW_R,
        M::ENTER,
        M::ENTER_INVERSE,
    ];
    for edge in [[0; L], M::M] {
        for (limb, by) in [(0, 1), (0, u64::MAX), (1, 1), (L - 1, 1), (L - 1, 1 << 63)] {
            let mut near = edge;
            near[limb] = near[limb].wrapping_add(by);
            operands.push(near);
        }
    }
    let mut numbers = Numbers(7);
    for _ in 0..40 {
        let mut random = [0; 72];
        numbers.bytes(&mut random[..8 * L]);
        operands.extend(limbs::from_be(&random[..8 * L]));
    }
    operands
}

fn agrees<M: Modulus<L>, const L: usize>() {
    let m = NonZero::new(big(&M::M)).unwrap();
    let above = (U1024::ONE << (64 * L)).rem(&m);
    let operands = operands::<M, L>();
    for a in &operands {
        let (x, fe) = (big(a).rem(&m), Fe::<M, L>::new(a));
        assert_eq!(big(&fe.number()), x);
        assert_eq!(fe.is_zero(), x == U1024::ZERO);
        let same = |fe: Fe<M, L>, number: U1024| assert_eq!(big(&fe.number()), number, "{a:x?}");
        same(fe.square(), x.mul_mod(&x, &m));
        same(fe.negate_if(0), x);
        same(fe.negate_if(!0), x.neg_mod(&m));
        let (odd, flipped) = odd(&fe);
        assert_eq!(odd[0] & 1, 1);
        let expected = if flipped == 0 { x } else { m.wrapping_sub(&x) };
        assert_eq!(big(&odd), expected);
        for b in &operands {
            let (y, other) = (big(b).rem(&m), Fe::<M, L>::new(b));
            same(fe * other, x.mul_mod(&y, &m));
            same(fe + other, x.add_mod(&y, &m));
            same(fe - other, x.sub_mod(&y, &m));
            same(Fe::select(!0, &fe, &other), x);
            same(Fe::select(0, &fe, &other), y);
            same(Fe::wide(a, b), y.mul_mod(&above, &m).add_mod(&x, &m));
        }
    }
}

fn inverts<M1: Modulus<L>, M2: Modulus<L>, const L: usize>() {
    let one = |x: U1024| if x == U1024::ZERO { x } else { U1024::ONE };
    for number in operands::<M1, L>() {
        let (a, b) = (Fe::<M1, L>::new(&number), Fe::<M2, L>::new(&number));
        let (of_a, of_b) = invert_both(&a, &b);
        assert_eq!(big(&(a * of_a).number()), one(big(&a.number())));
        assert_eq!(big(&(b * of_b).number()), one(big(&b.number())));
        assert_eq!(a.inverse().number(), of_a.number());
    }
}

#[test]
fn arithmetic_agrees_with_plain_numbers() {
    agrees::<curve::P256Field, 4>();
    agrees::<curve::P256Order, 4>();
    agrees::<curve::P256KField, 4>();
    agrees::<curve::P256KOrder, 4>();
    agrees::<curve::P384Field, 6>();
    agrees::<curve::P384Order, 6>();
    agrees::<curve::P521Field, 9>();
    agrees::<curve::P521Order, 9>();
}

#[test]
fn inverses_are_inverses() {
    inverts::<curve::P256Field, curve::P256Order, 4>();
    inverts::<curve::P256KField, curve::P256KOrder, 4>();
    inverts::<curve::P384Field, curve::P384Order, 6>();
    inverts::<curve::P521Field, curve::P521Order, 9>();
}
