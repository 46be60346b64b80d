//! Points in the coordinates XYZZ: `x = X / ZZ`, `y = Y / ZZZ`, `ZZ^3 = ZZZ^2`.
//!
//! Formulas "madd-2008-s" and "dbl-2008-s-1" of the Explicit-Formulas Database, with `a = -3` or zero.
//! They do not hold for every pair of points. Adding a point to itself or to its negative, and
//! adding to or doubling the point at infinity, gives `ZZ = ZZZ = 0`, and so does all that is
//! computed from such a result: a wrong sum never looks like a point. Callers look at `ZZ`
//! once, at the end.

use std::ops::AddAssign;

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

impl<C: Curve<L>, const L: usize> AddAssign<&Affine<C, L>> for Point<C, L> {
    fn add_assign(&mut self, other: &Affine<C, L>) {
        let p = other.x.times(&self.zz) - self.x;
        let r = other.y.times(&self.zzz) - self.y;
        let pp = p.square();
        let rr = r.square();
        let ppp = p.times(&pp);
        let q = self.x.times(&pp);
        self.zz = self.zz.times(&pp);
        let y = self.y.times(&ppp);
        self.x = rr - ppp - q - q;
        self.zzz = self.zzz.times(&ppp);
        self.y = r.times(&(q - self.x)) - y;
    }
}

impl<C: Curve<L>, const L: usize> Point<C, L> {
    pub(crate) fn double(&mut self) {
        let u = self.y + self.y;
        let v = u.square();
        // A third of 3 X^2, or of 3 X^2 - 3 ZZ^2.
        let m = if C::A_IS_ZERO {
            self.x.square()
        } else {
            (self.x - self.zz).times(&(self.x + self.zz))
        };
        let w = u.times(&v);
        let s = self.x.times(&v);
        let m = m + m + m;
        self.zz = v.times(&self.zz);
        let mm = m.square();
        let y = w.times(&self.y);
        self.x = mm - s - s;
        self.zzz = w.times(&self.zzz);
        self.y = m.times(&(s - self.x)) - y;
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
