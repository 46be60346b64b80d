//! A key's life: the tiers that it may live under, deletion, rotation, backup, and what is
//! left of it when the process dies in between.
#![allow(unreachable_pub, clippy::panic, clippy::unwrap_used)]

mod at_once;
mod backup;
mod crash;
mod deletion;
mod release_policy;
mod rotation;
mod settling;
#[path = "../common/store.rs"]
mod store;
mod support;
mod tier;
