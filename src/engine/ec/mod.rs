//! Elliptic curves: ECDSA on P-256, P-384, P-521 and secp256k1.
//!
//! * `kernel/`: eight at a time in the lanes of AVX-512 IFMA, or one spread over the lanes; not
//!   on P-521.
//! * `portable/`: one at a time, on every processor.
//! * `constants.rs` and `divsteps.rs`: what both need.

mod constants;
mod divsteps;
#[cfg(any(target_arch = "x86_64", strongroom_emulated_lanes))]
mod kernel;
#[cfg(not(any(target_arch = "x86_64", strongroom_emulated_lanes)))]
#[path = "absent.rs"]
mod kernel;
mod portable;

use super::cpu;
use super::erase::erase_stack;

/// The curves that are computed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Curve {
    P256,
    P384,
    P521,
    /// secp256k1, whose signatures are given the lower `s`.
    P256K,
}

impl Curve {
    pub(crate) const ALL: &[Curve] = &[Curve::P256, Curve::P384, Curve::P521, Curve::P256K];

    /// How many bytes of a nonce it takes: those of its order, and eight more at least
    /// (FIPS 186-5 section A.3.1), in whole hashes.
    pub(crate) fn nonce_len(self) -> usize {
        match self {
            Curve::P256 | Curve::P384 | Curve::P256K => 64,
            Curve::P521 => 128,
        }
    }
}

/// By which arithmetic. Both give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Lanes,
    Portable,
}

impl Path {
    /// What there is for a curve on this processor, the fastest first.
    pub(crate) fn all(curve: Curve) -> &'static [Path] {
        match Path::best(curve) {
            Path::Lanes => &[Path::Lanes, Path::Portable],
            Path::Portable => &[Path::Portable],
        }
    }

    /// The fastest.
    pub(crate) fn best(curve: Curve) -> Path {
        match curve != Curve::P521 && cpu::has_ifma() {
            true => Path::Lanes,
            false => Path::Portable,
        }
    }
}

/// What a signature is made of.
#[derive(Clone, Copy)]
pub(crate) struct SignInput<'a> {
    /// The private scalar, in `1..n`, big-endian.
    pub(crate) d: &'a [u8],
    /// Of which as many leading bytes count as the order has; of P-521, whose order ends within
    /// a byte, no more than 64, which is all that a hash has.
    pub(crate) digest: &'a [u8],
    /// The nonce: big-endian, [`Curve::nonce_len`] bytes, and taken modulo the order.
    pub(crate) nonce: &'a [u8],
}

/// What is verified: with which key, what was signed, and `r || s`.
#[derive(Clone, Copy)]
pub(crate) struct VerifyInput<'a> {
    pub(crate) key: &'a PublicTable,
    pub(crate) digest: &'a [u8],
    pub(crate) signature: &'a [u8],
}

/// Multiples of a public point, with which is verified: 4 to 9 KB.
pub(crate) struct PublicTable(Table);

enum Table {
    Lanes(kernel::Table),
    Portable(portable::Table),
}

/// `r || s` for each, or nothing where the nonce, `r` or `s` is zero and another nonce is to
/// be taken: once in 2^255.
pub(crate) fn sign_all(path: Path, curve: Curve, inputs: &[SignInput<'_>]) -> Vec<Option<Vec<u8>>> {
    let signatures = match path {
        Path::Lanes => kernel::sign_all(curve, inputs),
        Path::Portable => {
            let sign = |input| portable::sign(curve, input);
            inputs.iter().map(sign).collect()
        }
    };
    // Nonces above all.
    erase_stack();
    signatures
}

/// One of them, without the lists.
pub(crate) fn sign_one(path: Path, curve: Curve, input: &SignInput<'_>) -> Option<Vec<u8>> {
    let signature = match path {
        Path::Lanes => kernel::sign_one(curve, input),
        Path::Portable => portable::sign(curve, input),
    };
    erase_stack();
    signature
}

/// The tables of points of a curve, given as big-endian `x` and `y`, in order; in lanes eight
/// take as long as one.
pub(crate) fn tables(path: Path, curve: Curve, points: &[(&[u8], &[u8])]) -> Vec<PublicTable> {
    let tables: Vec<_> = match path {
        Path::Lanes => {
            let tables = kernel::tables(curve, points).into_iter();
            tables.map(Table::Lanes).collect()
        }
        Path::Portable => {
            let table = |point: &_| Table::Portable(portable::table(curve, *point));
            points.iter().map(table).collect()
        }
    };
    tables.into_iter().map(PublicTable).collect()
}

/// Whether each signature is good. Nothing where the formulas do not hold, which
/// only somebody who looks for it will see: another way must be taken to tell. Keys must be of
/// the curve and path; nothing is told otherwise.
pub(crate) fn verify_all_vartime(
    path: Path,
    curve: Curve,
    inputs: &[VerifyInput<'_>],
) -> Vec<Option<bool>> {
    match path {
        Path::Lanes => {
            kernel::verify_all_vartime(curve, inputs).unwrap_or_else(|| vec![None; inputs.len()])
        }
        Path::Portable => inputs.iter().map(verify_portable_vartime).collect(),
    }
}

fn verify_portable_vartime(input: &VerifyInput<'_>) -> Option<bool> {
    match &input.key.0 {
        Table::Portable(key) => portable::verify_vartime(key, input.digest, input.signature),
        Table::Lanes(_) => None,
    }
}

#[cfg(test)]
mod tests;
