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

    /// Its order, in hexadecimal.
    pub(crate) fn order(self) -> &'static str {
        match self {
            Curve::P256 => constants::P256.n,
            Curve::P384 => constants::P384.n,
            Curve::P521 => constants::P521.n,
            Curve::P256K => constants::P256K.n,
        }
    }

    /// How many bytes of a nonce it takes: those of its order, and eight more at least
    /// (FIPS 186-5 section A.3.1), in whole hashes.
    pub(crate) fn nonce_len(self) -> usize {
        match self {
            Curve::P256 | Curve::P384 | Curve::P256K => 64,
            Curve::P521 => 128,
        }
    }
}

/// By which arithmetic, and on which curve. Both give the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Path {
    Lanes(kernel::Curve),
    Portable(Curve),
}

impl Path {
    /// What there is for a curve on this processor, the fastest first.
    pub(crate) fn all(curve: Curve) -> impl Iterator<Item = Path> {
        let lanes = kernel::Curve::of(curve).filter(|_| cpu::has_ifma());
        let lanes = lanes.map(Path::Lanes);
        lanes.into_iter().chain([Path::Portable(curve)])
    }

    /// The fastest.
    pub(crate) fn best(curve: Curve) -> Path {
        Path::all(curve).next().unwrap_or(Path::Portable(curve))
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

impl PublicTable {
    /// About how many bytes one of a curve takes whose field has so many: 64 points of two
    /// coordinates, in limbs that are not full.
    pub(crate) fn weight(field_len: usize) -> usize {
        160 * field_len
    }
}

enum Table {
    Lanes(kernel::Table),
    Portable(portable::Table),
}

/// `r || s` for each, or nothing where the nonce, `r` or `s` is zero and another nonce is to
/// be taken: once in 2^255.
pub(crate) fn sign_all(path: Path, inputs: &[SignInput<'_>]) -> Vec<Option<Vec<u8>>> {
    match path {
        Path::Lanes(curve) => kernel::sign_all(curve, inputs),
        Path::Portable(curve) => {
            let sign = |input| portable::sign(curve, input);
            inputs.iter().map(sign).collect()
        }
    }
}

/// One of them, without the lists.
pub(crate) fn sign_one(path: Path, input: &SignInput<'_>) -> Option<Vec<u8>> {
    match path {
        Path::Lanes(curve) => kernel::sign_one(curve, input),
        Path::Portable(curve) => portable::sign(curve, input),
    }
}

/// The point of a private scalar, big-endian `x` and `y`. Nothing unless it is in `1..n`, and as
/// wide as the order; and nothing where the formulas do not hold, for two scalars at most.
pub(crate) fn public_point(path: Path, d: &[u8]) -> Option<(Vec<u8>, Vec<u8>)> {
    match path {
        Path::Lanes(curve) => kernel::public_point(curve, d),
        Path::Portable(curve) => portable::public_point(curve, d),
    }
}

/// Whether that, big-endian `x` and `y`, is the point of a private scalar; on the portable path in
/// somewhat less time. Nothing where there would be no point.
pub(crate) fn is_public_point(path: Path, d: &[u8], (x, y): (&[u8], &[u8])) -> Option<bool> {
    match path {
        Path::Lanes(curve) => {
            // The point of a scalar is public, also of one that is not this key's.
            kernel::public_point(curve, d).map(|(of_x, of_y)| of_x == x && of_y == y)
        }
        Path::Portable(curve) => portable::is_public_point(curve, d, (x, y)),
    }
}

/// The tables of points of a curve, given as big-endian `x` and `y`, in order; in lanes eight
/// take as long as two. Most of a table is doublings, which wait for each other, so for one point
/// these are not done in lanes.
pub(crate) fn tables(path: Path, points: &[(&[u8], &[u8])]) -> Vec<PublicTable> {
    let tables: Vec<_> = match path {
        Path::Lanes(curve) => {
            if let [point] = points {
                let powers = [portable::powers(
                    curve.into(),
                    *point,
                    kernel::blocks(curve),
                )];
                let tables = powers.iter().map(|powers| kernel::table(curve, powers));
                tables.map(Table::Lanes).collect()
            } else {
                let tables = kernel::tables(curve, points).into_iter();
                tables.map(Table::Lanes).collect()
            }
        }
        Path::Portable(curve) => {
            let table = |point: &_| Table::Portable(portable::table(curve, *point));
            points.iter().map(table).collect()
        }
    };
    tables.into_iter().map(PublicTable).collect()
}

/// Whether each signature is good. Nothing where the formulas do not hold, which
/// only somebody who looks for it will see: another way must be taken to tell. Keys must be of
/// the path; nothing is told otherwise.
pub(crate) fn verify_all_vartime(path: Path, inputs: &[VerifyInput<'_>]) -> Vec<Option<bool>> {
    match path {
        Path::Lanes(curve) => {
            kernel::verify_all_vartime(curve, inputs).unwrap_or_else(|| vec![None; inputs.len()])
        }
        Path::Portable(_) => inputs.iter().map(verify_portable_vartime).collect(),
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
