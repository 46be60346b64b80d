//! The software backend from outside: every capability, bad inputs, bad generators,
//! sealing keys and headers.
#![allow(clippy::indexing_slicing, clippy::panic, clippy::unwrap_used)]

#[path = "software/bad_input.rs"]
mod bad_input;
#[path = "software/common.rs"]
mod common;
#[path = "software/generators.rs"]
mod generators;
#[path = "software/round_trips.rs"]
mod round_trips;
#[path = "software/sealing.rs"]
mod sealing;
