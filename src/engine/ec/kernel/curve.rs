//! The curves for the lanes.

use std::sync::OnceLock;

use super::modulus::Modulus;
use super::spread::SpreadTable;
use super::table::BaseTable;
use crate::engine::ec::constants::{self, parse};

/// A curve over a field whose elements have `L` limbs.
pub(crate) trait Curve<const L: usize> {
    type Field: Modulus<L>;
    type Order: Modulus<L>;
    /// The bytes of a coordinate and of a scalar. Both moduli fill them to the last bit.
    const BYTES: usize;
    /// Whether `a` is zero, and not -3.
    const A_IS_ZERO: bool;
    /// Whether signatures have the lower of `s` and `n - s`.
    const LOW_S: bool;
    /// The generator, its coordinates as they are (not in Montgomery form).
    const GENERATOR: [[u64; L]; 2];
    /// Where the tables of the generator are kept once they are made.
    fn kept_table() -> &'static OnceLock<BaseTable<L>>;
    fn kept_spread_table() -> &'static OnceLock<SpreadTable<L>>;
}

macro_rules! curve {
    ($curve:ident, $field:ident, $order:ident, $limbs:literal, $bytes:literal, $is_koblitz:literal) => {
        pub(crate) struct $curve;
        pub(crate) struct $field;
        pub(crate) struct $order;

        impl Modulus<$limbs> for $field {
            const M: [u64; $limbs] = parse(constants::$curve.p, 52);
        }

        impl Modulus<$limbs> for $order {
            const M: [u64; $limbs] = parse(constants::$curve.n, 52);
        }

        impl Curve<$limbs> for $curve {
            type Field = $field;
            type Order = $order;
            const BYTES: usize = $bytes;
            const A_IS_ZERO: bool = $is_koblitz;
            const LOW_S: bool = $is_koblitz;
            const GENERATOR: [[u64; $limbs]; 2] = [
                parse(constants::$curve.x, 52),
                parse(constants::$curve.y, 52),
            ];
            fn kept_table() -> &'static OnceLock<BaseTable<$limbs>> {
                static TABLE: OnceLock<BaseTable<$limbs>> = OnceLock::new();
                &TABLE
            }
            fn kept_spread_table() -> &'static OnceLock<SpreadTable<$limbs>> {
                static TABLE: OnceLock<SpreadTable<$limbs>> = OnceLock::new();
                &TABLE
            }
        }
    };
}

curve!(P256, P256Field, P256Order, 5, 32, false);
curve!(P256K, P256KField, P256KOrder, 5, 32, true);
curve!(P384, P384Field, P384Order, 8, 48, false);
