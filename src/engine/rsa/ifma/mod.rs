//! The kernels for AVX-512 IFMA, which multiplies 52 bits by 52 in each of eight lanes.
//!
//! * [`Wide`]: one number spread over the lanes of several vectors (`single.rs`).
//! * [`pow_lanes`]: eight numbers, one in each lane (`batch.rs`).

mod batch;
mod digits;
mod single;

pub(super) use batch::{LANES, pow_lanes, pow_lanes_vartime};
pub(super) use single::{Wide, pow_pair};
