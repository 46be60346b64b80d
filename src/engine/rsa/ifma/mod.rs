//! The kernels for AVX-512 IFMA, which multiplies 52 bits by 52 in each of eight lanes.
//!
//! * [`Wide`]: one number spread over the lanes of several vectors (`single.rs`).
//! * [`pow_lanes`]: eight numbers, one in each lane (`batch.rs`; their products are in
//!   `columns.rs`, the reductions in `reduce.rs`).

mod batch;
mod columns;
mod digits;
mod reduce;
mod single;
#[cfg(test)]
mod tests;

pub(super) use batch::{pow_lanes, pow_lanes_vartime};
pub(super) use columns::LANES;
pub(super) use single::{Wide, pow_pair};
