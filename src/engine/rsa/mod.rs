//! RSA: the raw operations, `x^d` and `x^e` modulo `n`, for moduli of 2048, 3072 and 4096 bits.
//!
//! * [`PublicKey`] and [`PrivateKey`] hold what a key's operations need, in the form in which
//!   it computes. Padding is elsewhere.
//! * `modulus.rs`: the arithmetic for every processor.
//! * `ifma/`: the kernels for AVX-512 IFMA.
//! * `fermat.rs`: a first test of many numbers that may be prime.

mod fermat;
#[cfg_attr(not(target_arch = "x86_64"), path = "no_ifma.rs")]
mod ifma;
mod modulus;
mod paths;
mod private;
mod public;

pub(crate) use fermat::{TOGETHER, passes_fermat};
pub(crate) use paths::powers;
pub(crate) use private::{Mismatch, PrivateKey, raise_batch as raise_private_batch};
pub(crate) use public::{PublicKey, raise_batch as raise_public_batch};

#[cfg(test)]
mod tests;
