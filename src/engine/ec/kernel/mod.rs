//! The kernels, in lanes. From the bottom up: [`modulus`] and [`field`] (arithmetic modulo a
//! prime), [`limbs`], [`invert`], [`point`], [`table`] and [`spread`] (multiples of a
//! point), [`sign`], [`verify`].

// Indices are of arrays of a fixed size, or counts of them; words are cut on purpose.
#![allow(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    clippy::indexing_slicing,
    clippy::needless_range_loop
)]

mod curve;
mod field;
mod invert;
mod limbs;
mod modulus;
mod point;
mod sign;
mod spread;
mod table;
mod verify;

use super::{SignInput, VerifyInput};
use crate::engine::cpu::has_ifma;
use crate::engine::erase::erase_stack;

/// The curves that have lanes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P256K,
    P384,
}

impl Curve {
    pub(super) fn of(curve: super::Curve) -> Option<Self> {
        match curve {
            super::Curve::P256 => Some(Curve::P256),
            super::Curve::P256K => Some(Curve::P256K),
            super::Curve::P384 => Some(Curve::P384),
            super::Curve::P521 => None,
        }
    }

    /// Overwrites what has been left on the stack: nonces above all.
    fn erase_stack(self) {
        match self {
            Curve::P256 | Curve::P256K => erase_stack::<24>(),
            Curve::P384 => erase_stack::<48>(),
        }
    }
}

impl From<Curve> for super::Curve {
    fn from(curve: Curve) -> Self {
        match curve {
            Curve::P256 => super::Curve::P256,
            Curve::P256K => super::Curve::P256K,
            Curve::P384 => super::Curve::P384,
        }
    }
}

pub(super) enum Table {
    P256(verify::PublicTable<5>),
    P256K(verify::PublicTable<5>),
    P384(verify::PublicTable<8>),
}

/// Calls a function that needs the instructions.
macro_rules! in_lanes {
    ($call:expr) => {{
        assert!(has_ifma());
        // SAFETY: the processor has the instructions: it was just asked.
        #[cfg_attr(strongroom_emulated_lanes, allow(unused_unsafe))]
        let result = unsafe { $call };
        result
    }};
}

pub(super) fn sign_all(curve: Curve, inputs: &[SignInput<'_>]) -> Vec<Option<Vec<u8>>> {
    let signatures = in_lanes!(match curve {
        Curve::P256 => sign::sign_all::<curve::P256, 5>(inputs),
        Curve::P256K => sign::sign_all::<curve::P256K, 5>(inputs),
        Curve::P384 => sign::sign_all::<curve::P384, 8>(inputs),
    });
    curve.erase_stack();
    signatures
}

pub(super) fn sign_one(curve: Curve, input: &SignInput<'_>) -> Option<Vec<u8>> {
    let signature = in_lanes!(match curve {
        Curve::P256 => sign::sign_one::<curve::P256, 5>(input),
        Curve::P256K => sign::sign_one::<curve::P256K, 5>(input),
        Curve::P384 => sign::sign_one::<curve::P384, 8>(input),
    });
    curve.erase_stack();
    signature
}

/// See [`super::public_point`].
pub(super) fn public_point(curve: Curve, d: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    let point = in_lanes!(match curve {
        Curve::P256 => sign::public_point::<curve::P256, 5>(d),
        Curve::P256K => sign::public_point::<curve::P256K, 5>(d),
        Curve::P384 => sign::public_point::<curve::P384, 8>(d),
    });
    curve.erase_stack();
    point
}

/// How many bits the blocks of a table have, and how many blocks it has.
pub(super) fn blocks(curve: Curve) -> (usize, usize) {
    match curve {
        Curve::P256 => verify::blocks::<curve::P256, 5>(),
        Curve::P256K => verify::blocks::<curve::P256K, 5>(),
        Curve::P384 => verify::blocks::<curve::P384, 8>(),
    }
}

/// The table of a point, from what [`blocks`] asks of
/// [`portable::powers`](super::portable::powers).
pub(super) fn table(curve: Curve, powers: &[(Vec<u8>, Vec<u8>)]) -> Table {
    match curve {
        Curve::P256 => Table::P256(in_lanes!(verify::table_of_powers::<curve::P256, 5>(powers))),
        Curve::P256K => Table::P256K(in_lanes!(verify::table_of_powers::<curve::P256K, 5>(
            powers
        ))),
        Curve::P384 => Table::P384(in_lanes!(verify::table_of_powers::<curve::P384, 8>(powers))),
    }
}

pub(super) fn tables(curve: Curve, points: &[(&[u8], &[u8])]) -> Vec<Table> {
    match curve {
        Curve::P256 => {
            let tables = in_lanes!(verify::tables::<curve::P256, 5>(points));
            tables.into_iter().map(Table::P256).collect()
        }
        Curve::P256K => {
            let tables = in_lanes!(verify::tables::<curve::P256K, 5>(points));
            tables.into_iter().map(Table::P256K).collect()
        }
        Curve::P384 => {
            let tables = in_lanes!(verify::tables::<curve::P384, 8>(points));
            tables.into_iter().map(Table::P384).collect()
        }
    }
}

pub(super) fn verify_all_vartime(
    curve: Curve,
    inputs: &[VerifyInput<'_>],
) -> Option<Vec<Option<bool>>> {
    match curve {
        Curve::P256 => {
            let inputs = of_curve(inputs, |table| match table {
                Table::P256(table) => Some(table),
                _ => None,
            })?;
            let verdicts = in_lanes!(verify::verify_all_vartime::<curve::P256, 5>(&inputs));
            Some(verdicts)
        }
        Curve::P256K => {
            let inputs = of_curve(inputs, |table| match table {
                Table::P256K(table) => Some(table),
                _ => None,
            })?;
            let verdicts = in_lanes!(verify::verify_all_vartime::<curve::P256K, 5>(&inputs));
            Some(verdicts)
        }
        Curve::P384 => {
            let inputs = of_curve(inputs, |table| match table {
                Table::P384(table) => Some(table),
                _ => None,
            })?;
            let verdicts = in_lanes!(verify::verify_all_vartime::<curve::P384, 8>(&inputs));
            Some(verdicts)
        }
    }
}

fn of_curve<'a, const L: usize>(
    inputs: &[VerifyInput<'a>],
    table: impl Fn(&'a Table) -> Option<&'a verify::PublicTable<L>>,
) -> Option<Vec<verify::Input<'a, L>>> {
    let input = |input: &VerifyInput<'a>| {
        Some(verify::Input {
            table: match &input.key.0 {
                super::Table::Lanes(lanes) => table(lanes)?,
                super::Table::Portable(_) => return None,
            },
            digest: input.digest,
            signature: input.signature,
        })
    };
    inputs.iter().map(input).collect()
}

#[cfg(test)]
mod tests;
