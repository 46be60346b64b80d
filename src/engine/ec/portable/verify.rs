//! ECDSA verification (FIPS 186-5 section 6.4.2). All of it is public, so indices and the end
//! may depend on it.

use super::curve::Curve;
use super::field::Fe;
use super::modulus::Modulus;
use super::sign::{leading, odd};
use super::table::{Table, base_table};
use crate::engine::limbs;

/// Whether a signature `r || s` is good; nothing where the formulas met an exception, which
/// only somebody who looks for one will see, and another way must be taken to tell.
pub(crate) fn verify_vartime<C: Curve<L>, const L: usize>(
    key: &Table<C, L>,
    digest: &[u8],
    signature: &[u8],
) -> Option<bool> {
    let Some((r, s)) = scalars::<C, L>(signature) else {
        return Some(false);
    };
    let s_inverse = Fe::<C::Order, L>::new(&s).inverse();
    let (u1, flip1) = odd(&(Fe::new(&leading(digest)) * s_inverse));
    let (u2, flip2) = odd(&(Fe::new(&r) * s_inverse));
    let point = key.add_multiple_vartime(None, &u2, flip2);
    let point = base_table::<C, L>().add_multiple_vartime(Some(point), &u1, flip1);
    if point.zz.is_zero() {
        return None;
    }
    let has_x = |x: &[u64; L]| (Fe::new(x) * point.zz - point.x).is_zero();
    // x is below p and was reduced modulo n: it may have been r + n.
    let mut above = r;
    let carry = limbs::add(&mut above, &C::Order::M);
    let is_x = carry == 0 && limbs::less(&above, &C::Field::M) == 1;
    Some(has_x(&r) || is_x && has_x(&above))
}

/// `r` and `s`, if they are in `1..n` and as wide as they must be.
fn scalars<C: Curve<L>, const L: usize>(signature: &[u8]) -> Option<([u64; L], [u64; L])> {
    let (r, s) = signature.split_at_checked(C::BYTES)?;
    if s.len() != C::BYTES {
        return None;
    }
    let (r, s) = (limbs::from_be(r)?, limbs::from_be(s)?);
    let fits = |a: &[u64; L]| *a != [0; L] && limbs::less(a, &C::Order::M) == 1;
    (fits(&r) && fits(&s)).then_some((r, s))
}
