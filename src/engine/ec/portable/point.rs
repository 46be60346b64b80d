//! Points in the coordinates XYZZ: `x = X / ZZ`, `y = Y / ZZZ`, `ZZ^3 = ZZZ^2`.
//!
//! Formulas "madd-2008-s" and "dbl-2008-s-1" of the Explicit-Formulas Database, with `a = -3` or zero.
//! They do not hold for every pair of points. Adding a point to itself or to its negative, and
//! adding to or doubling the point at infinity, gives `ZZ = ZZZ = 0`, and so does all that is
//! computed from such a result: a wrong sum never looks like a point. Callers look at `ZZ`
//! once, at the end.

use super::curve::Curve;
use super::field::{Fe, Mask};

#[derive(Clone, Copy)]
pub(crate) struct Point<C: Curve<L>, const L: usize> {
    pub(crate) x: Fe<C::Field, L>,
    pub(crate) y: Fe<C::Field, L>,
    pub(crate) zz: Fe<C::Field, L>,
    pub(crate) zzz: Fe<C::Field, L>,
}

#[derive(Clone, Copy)]
pub(crate) struct Affine<C: Curve<L>, const L: usize> {
    pub(crate) x: Fe<C::Field, L>,
    pub(crate) y: Fe<C::Field, L>,
}

impl<C: Curve<L>, const L: usize> Point<C, L> {
    #[must_use]
    pub(crate) fn add(&self, other: &Affine<C, L>) -> Self {
        let p = other.x * self.zz - self.x;
        let r = other.y * self.zzz - self.y;
        let pp = p.square();
        let ppp = p * pp;
        let q = self.x * pp;
        let x = r.square() - ppp - q - q;
        Point {
            x,
            y: r * (q - x) - self.y * ppp,
            zz: self.zz * pp,
            zzz: self.zzz * ppp,
        }
    }

    #[must_use]
    pub(crate) fn double(&self) -> Self {
        let u = self.y + self.y;
        let v = u.square();
        let w = u * v;
        let s = self.x * v;
        // A third of 3 X^2, or of 3 X^2 - 3 ZZ^2.
        let m = if C::A_IS_ZERO {
            self.x.square()
        } else {
            (self.x - self.zz) * (self.x + self.zz)
        };
        let m = m + m + m;
        let x = m.square() - s - s;
        Point {
            x,
            y: m * (s - x) - w * self.y,
            zz: v * self.zz,
            zzz: w * self.zzz,
        }
    }
}

impl<C: Curve<L>, const L: usize> Affine<C, L> {
    /// No point: what a place for one holds at first.
    pub(crate) const NONE: Self = Affine {
        x: Fe::ZERO,
        y: Fe::ZERO,
    };

    /// `-a` where the mask is set, else `a`.
    pub(crate) fn negate_if(&self, mask: Mask) -> Self {
        Affine {
            x: self.x,
            y: self.y.negate_if(mask),
        }
    }

    pub(crate) fn to_point(self) -> Point<C, L> {
        Point {
            x: self.x,
            y: self.y,
            zz: Fe::ONE,
            zzz: Fe::ONE,
        }
    }
}

/// The same points with `ZZ = 1`, for one inversion. None may be infinity.
pub(crate) fn to_affine<C: Curve<L>, const L: usize>(points: &[Point<C, L>]) -> Vec<Affine<C, L>> {
    let mut product = Fe::ONE;
    let before = points.iter().map(|point| {
        let before = product;
        product = product * point.zzz;
        before
    });
    let before: Vec<_> = before.collect();
    let mut inverse = product.inverse();
    let affine = points.iter().zip(before).rev().map(|(point, before)| {
        let zzz = inverse * before;
        inverse = inverse * point.zzz;
        // ZZ / ZZZ is 1 / Z, and its square 1 / ZZ.
        let z = point.zz * zzz;
        Affine {
            x: point.x * z.square(),
            y: point.y * zzz,
        }
    });
    let mut affine: Vec<_> = affine.collect();
    affine.reverse();
    affine
}
