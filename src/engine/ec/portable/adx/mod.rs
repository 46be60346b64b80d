//! Products modulo primes of four and six limbs by MULX, ADCX and ADOX: two chains of carries in
//! turns, which no compiler makes by itself, and all of a product in registers. There is no jump in
//! them, and no address that depends on a number.

#[macro_use]
mod rows;
mod p256;
mod p256k;
mod p384;

use super::modulus::Modulus;
use crate::engine::cpu::has_adx;

/// The product of two numbers in the form, as [`field`](super::field) says; nothing unless the
/// processor has the instructions and the prime is one of the three.
#[inline(always)]
pub(super) fn multiply<M: Modulus<L>, const L: usize>(
    a: &[u64; L],
    b: &[u64; L],
) -> Option<[u64; L]> {
    let is_of_p256 = const { is(&M::M, &p256::M) };
    let is_of_p256k = const { is(&M::BELOW_R, &p256k::BELOW_R) };
    let is_of_p384 = const { is(&M::BELOW_R, &p384::BELOW_R) };
    if !(is_of_p256 || is_of_p256k || is_of_p384) || !has_adx() {
        return None;
    }
    let mut product = [0; L];
    // SAFETY: the processor has the instructions.
    unsafe {
        if is_of_p384 {
            let (to, a, b) = whole(&mut product, a, b)?;
            *to = p384::multiply(a, b);
        } else {
            let (to, a, b) = whole(&mut product, a, b)?;
            *to = match is_of_p256k {
                true => p256k::multiply(a, b),
                false => p256::multiply(a, b),
            };
        }
    }
    Some(product)
}

/// The square, as above.
#[inline(always)]
pub(super) fn square<M: Modulus<L>, const L: usize>(a: &[u64; L]) -> Option<[u64; L]> {
    if !const { is(&M::BELOW_R, &p256k::BELOW_R) } {
        return multiply::<M, L>(a, a);
    }
    let mut square = [0; L];
    let (to, a, _) = whole(&mut square, a, a)?;
    if !has_adx() {
        return None;
    }
    // SAFETY: the processor has the instructions.
    *to = unsafe { p256k::square(a) };
    Some(square)
}

/// These, if they have so many limbs.
#[inline(always)]
fn whole<'a, const L: usize, const N: usize>(
    to: &'a mut [u64; L],
    a: &'a [u64; L],
    b: &'a [u64; L],
) -> Option<(&'a mut [u64; N], &'a [u64; N], &'a [u64; N])> {
    let to = to.as_mut_slice().try_into().ok()?;
    Some((
        to,
        a.as_slice().try_into().ok()?,
        b.as_slice().try_into().ok()?,
    ))
}

const fn is<const L: usize>(number: &[u64; L], other: &[u64]) -> bool {
    let mut i = 0;
    while i < L && i < other.len() && number[i] == other[i] {
        i += 1;
    }
    i == L && i == other.len()
}

#[cfg(test)]
mod tests {
    use super::super::curve::{P256Field, P256KField, P384Field};
    use super::super::field::multiply_by_rows;
    use super::*;
    use crate::engine::limbs;

    /// Every number whose limbs are those of the primes, or all zeros or ones, or almost.
    fn edges<const L: usize, const N: usize>(
        limbs: [u64; N],
    ) -> impl Iterator<Item = [u64; L]> + Clone {
        let power = |exponent: usize| N.pow(exponent.try_into().unwrap());
        let limb = move |which: usize, at: usize| limbs[which / power(at) % N];
        (0..power(L)).map(move |which| std::array::from_fn(|at| limb(which, at)))
    }

    /// For any `a`, and any `b` below the modulus.
    fn agree<M: Modulus<L>, const L: usize, const N: usize>(limbs: [u64; N]) {
        let edges = edges(limbs);
        for b in edges.clone().filter(|b| limbs::less(b, &M::M) == 1) {
            for a in edges.clone() {
                let ours = multiply::<M, L>(&a, &b).unwrap();
                assert_eq!(ours, multiply_by_rows::<M, L>(&a, &b), "{a:x?} {b:x?}");
                assert_eq!(limbs::less(&ours, &M::M), 1, "{a:x?} {b:x?}");
            }
        }
    }

    /// For any number.
    fn squares_agree<M: Modulus<L>, const L: usize, const N: usize>(limbs: [u64; N]) {
        for a in edges(limbs) {
            let ours = square::<M, L>(&a).unwrap();
            assert_eq!(ours, multiply_by_rows::<M, L>(&a, &a), "{a:x?}");
        }
    }

    #[test]
    fn registers_give_what_rows_give() {
        if !has_adx() {
            println!("SKIPPED: no BMI2 and ADX, or switched off");
            return;
        }
        agree::<P256Field, 4, 5>([0, 1, u32::MAX.into(), P256Field::M[3], u64::MAX]);
        agree::<P256KField, 4, 4>([0, 1, P256KField::M[0], u64::MAX]);
        agree::<P384Field, 6, 3>([0, P384Field::M[0], u64::MAX]);
        agree::<P384Field, 6, 3>([1, P384Field::M[1], P384Field::M[2]]);
        agree::<P384Field, 6, 3>([0, P384Field::BELOW_R[0], u64::MAX - 1]);
        squares_agree::<P256KField, 4, 8>([
            0,
            1,
            u32::MAX.into(),
            1 << 32,
            1 << 63,
            P256KField::BELOW_R[0],
            P256KField::M[0],
            u64::MAX,
        ]);
        // secp256k1's takes any `b` as well.
        for low in [u64::MAX - 1, P256KField::M[0] + 1, P256KField::BELOW_R[0]] {
            let edges = edges::<4, 5>([0, 1, low, P256KField::M[0], u64::MAX]);
            for (a, b) in edges
                .clone()
                .flat_map(|a| edges.clone().map(move |b| (a, b)))
            {
                let ours = multiply::<P256KField, 4>(&a, &b).unwrap();
                let theirs = multiply_by_rows::<P256KField, 4>(&a, &b);
                assert_eq!(ours, theirs, "{a:x?} {b:x?}");
            }
        }
    }
}
