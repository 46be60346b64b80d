//! JWKs and the other forms of keys, from outside: the bad-input catalogue, keys that
//! other software made, and properties that hold for all inputs.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing
)]

mod catalogue;
mod forms;
mod keys;
mod object;
mod properties;
