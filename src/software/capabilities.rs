//! What the software backend offers: every algorithm on every kind of key that it fits.

use crate::alg::{Alg, KeySpec};
use crate::provider::{Capabilities, Capability, Place};

pub(super) fn table(ephemeral: bool) -> Capabilities {
    let pairs = Alg::all().flat_map(|alg| KeySpec::ALL.iter().map(move |spec| (alg, *spec)));
    let fitting = pairs.filter(|(alg, spec)| alg.fits(*spec));
    let rows = fitting.flat_map(|(alg, spec)| {
        let [produce, consume] = alg.ops();
        // One half of each pair needs the public key alone: checking a signature, and
        // encrypting.
        let (first, second) = match alg {
            _ if spec.is_symmetric() => (Place::Inside, Place::Inside),
            Alg::Sign(_) => (Place::Inside, Place::Public),
            Alg::Wrap(_) | Alg::Encrypt(_) => (Place::Public, Place::Inside),
        };
        [(produce, first), (consume, second)].map(|(op, place)| Capability {
            op,
            alg,
            spec,
            place,
        })
    });
    Capabilities::new(rows)
        .with_generate(KeySpec::ALL.iter().copied())
        .with_import(KeySpec::ALL.iter().copied())
        .with_ephemeral(ephemeral)
        .with_keys_in_handles(true)
}
