//! ECDSA with the public point (FIPS 186-5 section 6.4.2).

use std::sync::Arc;

use ecdsa::signature::hazmat::PrehashVerifier;

use crate::alg::Curve;
use crate::engine::ec::{self as engine, Curve as Kernel, Path, PublicTable, VerifyInput};
use crate::jwk::{EcPublic, each_curve, kernel};

/// Checks `r || s`, each exactly as wide as the field (RFC 7518 section 3.4): a DER
/// form or another width is a bad signature. `r` and `s` outside `1..n` are refused
/// while reading (all-zero signatures verified elsewhere: CVE-2022-21449).
pub(super) fn verify(point: &EcPublic, digest: &[u8], signature: &[u8]) -> bool {
    let item = (point, digest, signature);
    verify_curve(kernel(point.curve()), &[&item]).contains(&true)
}

/// A key, a digest, a signature.
pub(super) type Item<'a> = (&'a EcPublic, &'a [u8], &'a [u8]);

/// The same for many, side by side where there are lanes.
pub(super) fn verify_all(items: &[Item<'_>]) -> Vec<bool> {
    let mut verdicts = vec![false; items.len()];
    for &curve in Kernel::ALL {
        let places = items.iter().enumerate();
        let places = places.filter(|(_, (point, ..))| kernel(point.curve()) == curve);
        let (places, items): (Vec<usize>, Vec<&Item<'_>>) = places.unzip();
        for (place, verdict) in places.iter().zip(verify_curve(curve, &items)) {
            if let Some(slot) = verdicts.get_mut(*place) {
                *slot = verdict;
            }
        }
    }
    verdicts
}

/// Those of one curve: by the engine, and where it cannot tell, as its formulas do not hold, by
/// the curve crate.
fn verify_curve(curve: Kernel, items: &[&Item<'_>]) -> Vec<bool> {
    precompute(curve, items.iter().map(|(point, ..)| *point));
    let inputs = items.iter().map(|(point, digest, signature)| {
        point.precomputed.0.get().map(|key| VerifyInput {
            key,
            digest,
            signature,
        })
    });
    let inputs: Option<Vec<_>> = inputs.collect();
    let verdicts = inputs.map(|inputs| engine::verify_all_vartime(Path::best(curve), &inputs));
    let verdicts = verdicts.unwrap_or_default().into_iter();
    let told = verdicts.chain(std::iter::repeat(None));
    let verdict = |((point, digest, signature), told): (&&Item<'_>, Option<bool>)| {
        told.unwrap_or_else(|| verify_by_crate(point, digest, signature))
    };
    items.iter().zip(told).map(verdict).collect()
}

/// With the curve crates, which know every curve and every case.
fn verify_by_crate(point: &EcPublic, digest: &[u8], signature: &[u8]) -> bool {
    each_curve!(point.curve(), module => {
        let key = module::ecdsa::VerifyingKey::from_sec1_bytes(point.sec1());
        let signature = module::ecdsa::Signature::from_slice(signature);
        // RFC 8812 has no low-s rule and other signers do not follow one; the curve
        // crate refuses a high s, so it is brought down first. (r, s) and (r, n - s)
        // are valid or invalid together.
        let signature = signature.map(|signature| match point.curve() {
            Curve::P256K => signature.normalize_s(),
            _ => signature,
        });
        matches!((key, signature), (Ok(key), Ok(signature))
            if key.verify_prehash(digest, &signature).is_ok())
    })
}

/// For tests: the verdict as a key's users get it, and of the crate; and whether each path of
/// the engine, if it tells anything, tells the same, alone and beside others.
pub(crate) fn verify_every_way(point: &EcPublic, digest: &[u8], signature: &[u8]) -> [bool; 3] {
    let by_crate = verify_by_crate(point, digest, signature);
    let agrees = |path: Path| {
        let tables = engine::tables(path, &[point.coordinates()]);
        let input = tables.first().map(|key| VerifyInput {
            key,
            digest,
            signature,
        });
        let verdict = |count| {
            let inputs: Vec<_> = std::iter::repeat_n(input, count).flatten().collect();
            engine::verify_all_vartime(path, &inputs)
        };
        let mut verdicts = verdict(1).into_iter().chain(verdict(5)).flatten();
        verdicts.all(|verdict| verdict == by_crate)
    };
    let agree = Path::all(kernel(point.curve())).all(agrees);
    [
        verify(point, digest, signature),
        agree == by_crate,
        by_crate,
    ]
}

/// Makes the tables of the points that have none yet, side by side where there are lanes.
fn precompute<'a>(curve: Kernel, points: impl Iterator<Item = &'a EcPublic>) {
    let mut without: Vec<&EcPublic> = points
        .filter(|point| point.precomputed.0.get().is_none())
        .collect();
    without.sort_by_key(|point| std::ptr::from_ref(*point));
    without.dedup_by_key(|point| std::ptr::from_ref(*point));
    let coordinates: Vec<_> = without.iter().map(|point| point.coordinates()).collect();
    for (point, table) in without
        .iter()
        .zip(engine::tables(Path::best(curve), &coordinates))
    {
        // Another thread may have been faster; it computed the same.
        let _: Result<(), Arc<PublicTable>> = point.precomputed.0.set(Arc::new(table));
    }
}
