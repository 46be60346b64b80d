//! The curves for this arithmetic.

use std::sync::OnceLock;

use super::modulus::Modulus;
use super::table::Table;
use crate::engine::ec::constants::{self, parse};

/// A curve over a field whose elements have `L` limbs.
pub(crate) trait Curve<const L: usize>: Copy + 'static {
    type Field: Modulus<L>;
    type Order: Modulus<L>;
    /// How wide a coordinate and a scalar are written.
    const BYTES: usize = Self::Order::BITS.div_ceil(8);
    /// Whether `a` is zero, and not -3.
    const A_IS_ZERO: bool;
    /// Whether signatures have the lower of `s` and `n - s`.
    const LOW_S: bool;
    /// The generator, its coordinates as they are (not in Montgomery form).
    const GENERATOR: [[u64; L]; 2];
    /// Where the table of the generator is kept once it is made.
    fn kept_table() -> &'static OnceLock<Table<Self, L>>;
}

macro_rules! curve {
    ($curve:ident, $field:ident, $order:ident, $limbs:literal, $is_koblitz:literal) => {
        #[derive(Clone, Copy)]
        pub(crate) struct $curve;
        #[derive(Clone, Copy)]
        pub(crate) struct $field;
        #[derive(Clone, Copy)]
        pub(crate) struct $order;

        impl Modulus<$limbs> for $field {
            const M: [u64; $limbs] = parse(constants::$curve.p, 64);
        }

        impl Modulus<$limbs> for $order {
            const M: [u64; $limbs] = parse(constants::$curve.n, 64);
        }

        impl Curve<$limbs> for $curve {
            type Field = $field;
            type Order = $order;
            const A_IS_ZERO: bool = $is_koblitz;
            const LOW_S: bool = $is_koblitz;
            const GENERATOR: [[u64; $limbs]; 2] = [
                parse(constants::$curve.x, 64),
                parse(constants::$curve.y, 64),
            ];
            fn kept_table() -> &'static OnceLock<Table<Self, $limbs>> {
                static TABLE: OnceLock<Table<$curve, $limbs>> = OnceLock::new();
                &TABLE
            }
        }
    };
}

curve!(P256, P256Field, P256Order, 4, false);
curve!(P256K, P256KField, P256KOrder, 4, true);
curve!(P384, P384Field, P384Order, 6, false);
curve!(P521, P521Field, P521Order, 9, false);
