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
    const A_IS_ZERO: bool = false;
    /// Whether signatures have the lower of `s` and `n - s`.
    const LOW_S: bool = false;
    /// The generator, its coordinates as they are (not in Montgomery form).
    const GENERATOR: [[u64; L]; 2];
    /// Where the tables of the generator are kept once they are made.
    fn kept_table() -> &'static OnceLock<BaseTable<L>>;
    fn kept_spread_table() -> &'static OnceLock<SpreadTable<L>>;
}

pub(crate) struct P256;
pub(crate) struct P256Field;
pub(crate) struct P256Order;

impl Modulus<5> for P256Field {
    const M: [u64; 5] = parse(constants::P256.p, 52);
}

impl Modulus<5> for P256Order {
    const M: [u64; 5] = parse(constants::P256.n, 52);
}

impl Curve<5> for P256 {
    type Field = P256Field;
    type Order = P256Order;
    const BYTES: usize = 32;
    const GENERATOR: [[u64; 5]; 2] = [parse(constants::P256.x, 52), parse(constants::P256.y, 52)];
    fn kept_table() -> &'static OnceLock<BaseTable<5>> {
        static TABLE: OnceLock<BaseTable<5>> = OnceLock::new();
        &TABLE
    }
    fn kept_spread_table() -> &'static OnceLock<SpreadTable<5>> {
        static TABLE: OnceLock<SpreadTable<5>> = OnceLock::new();
        &TABLE
    }
}

pub(crate) struct P256K;
pub(crate) struct P256KField;
pub(crate) struct P256KOrder;

impl Modulus<5> for P256KField {
    const M: [u64; 5] = parse(constants::P256K.p, 52);
}

impl Modulus<5> for P256KOrder {
    const M: [u64; 5] = parse(constants::P256K.n, 52);
}

impl Curve<5> for P256K {
    type Field = P256KField;
    type Order = P256KOrder;
    const BYTES: usize = 32;
    const A_IS_ZERO: bool = true;
    const LOW_S: bool = true;
    const GENERATOR: [[u64; 5]; 2] = [parse(constants::P256K.x, 52), parse(constants::P256K.y, 52)];
    fn kept_table() -> &'static OnceLock<BaseTable<5>> {
        static TABLE: OnceLock<BaseTable<5>> = OnceLock::new();
        &TABLE
    }
    fn kept_spread_table() -> &'static OnceLock<SpreadTable<5>> {
        static TABLE: OnceLock<SpreadTable<5>> = OnceLock::new();
        &TABLE
    }
}

pub(crate) struct P384;
pub(crate) struct P384Field;
pub(crate) struct P384Order;

impl Modulus<8> for P384Field {
    const M: [u64; 8] = parse(constants::P384.p, 52);
}

impl Modulus<8> for P384Order {
    const M: [u64; 8] = parse(constants::P384.n, 52);
}

impl Curve<8> for P384 {
    type Field = P384Field;
    type Order = P384Order;
    const BYTES: usize = 48;
    const GENERATOR: [[u64; 8]; 2] = [parse(constants::P384.x, 52), parse(constants::P384.y, 52)];
    fn kept_table() -> &'static OnceLock<BaseTable<8>> {
        static TABLE: OnceLock<BaseTable<8>> = OnceLock::new();
        &TABLE
    }
    fn kept_spread_table() -> &'static OnceLock<SpreadTable<8>> {
        static TABLE: OnceLock<SpreadTable<8>> = OnceLock::new();
        &TABLE
    }
}
