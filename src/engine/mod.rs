//! The fast arithmetic: numbers and bytes, and nothing above them. No key, no JWK, no error
//! type is known here; what can fail answers with an `Option` or a `bool`.
//!
//! Which path runs is decided in one place, [`cpu`]. Each kernel has a portable path that
//! gives the same bytes, here or in a RustCrypto crate, and is tested against it and against these.
//!
//! Beside the arithmetic is what else a backend wants of the machine and safe code cannot do:
//! to [`erase`], to tell a [`fork`], to lend a value that can be taken away ([`revocable`], by a
//! [`barrier`] of the system).
//!
//! Rules of the folder: no branch, index or early exit depends on a secret; what is variable
//! time because all its inputs are public ends in `_vartime`; a radix and a bound are written
//! where they are used; what is secret is erased when it is dropped.

#[cfg(target_arch = "x86_64")]
mod adx;
#[cfg(target_arch = "x86_64")]
pub(crate) mod aes;
mod barrier;
pub(crate) mod cpu;
pub(crate) mod ec;
pub(crate) mod erase;
pub(crate) mod fork;
pub(crate) mod hmac;
#[cfg(any(target_arch = "x86_64", strongroom_emulated_lanes))]
pub(crate) mod lanes;
pub(crate) mod limbs;
pub(crate) mod revocable;
pub(crate) mod rsa;
pub(crate) mod sha512;
