//! What a backend offers, as a table.

use crate::alg::{Alg, KeySpec, Op};

/// Where an operation is computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Place {
    /// In the backend.
    Inside,
    /// In this crate, with the public half alone.
    Public,
    /// The raw private operation in the backend, the padding in this crate.
    Split,
}

/// One thing that a backend offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Capability {
    /// The operation.
    pub op: Op,
    /// The algorithm.
    pub alg: Alg,
    /// The kind of key.
    pub spec: KeySpec,
    /// Where it is computed.
    pub place: Place,
}

/// What a backend offers: asked before anything is tried.
///
/// ```
/// use strongroom::provider::{Capabilities, Capability, Place};
/// use strongroom::{Curve, KeySpec, Op, SignAlg};
///
/// let spec = KeySpec::Ec(Curve::P256);
/// let row = Capability { op: Op::Sign, alg: SignAlg::Es256.into(), spec, place: Place::Inside };
/// let offers = Capabilities::new([row]).with_generate([spec]);
/// assert_eq!(offers.supports(Op::Sign, SignAlg::Es256, spec), Some(Place::Inside));
/// assert_eq!(offers.supports(Op::Verify, SignAlg::Es256, spec), None);
/// assert!(offers.can_generate(spec) && !offers.can_import(spec));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capabilities {
    /// Sorted by operation, algorithm and kind, which are together unique.
    rows: Vec<Capability>,
    /// The rows once more, each where [`probe`] finds its three as one number: every operation
    /// looks here, and comparing enums, or searching the rows, was the largest part of what a
    /// vault adds to it. Half of the slots or more are free.
    slots: Vec<Option<(u64, Place)>>,
    generate: Vec<KeySpec>,
    import: Vec<KeySpec>,
    hsm: bool,
    ephemeral: bool,
    keys_in_handles: bool,
}

impl Capabilities {
    /// A table of these rows. The first of two for the same triple counts.
    pub fn new(rows: impl IntoIterator<Item = Capability>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(|row| key(row.op, row.alg, row.spec));
        rows.dedup_by_key(|row| key(row.op, row.alg, row.spec));
        let mut slots = vec![None; (2 * rows.len() + 1).next_power_of_two()];
        for row in &rows {
            let key = key(row.op, row.alg, row.spec);
            let mut at = first_slot(&slots, key);
            while let Some(Some(_)) = slots.get(at) {
                at = next_slot(&slots, at);
            }
            if let Some(slot) = slots.get_mut(at) {
                *slot = Some((key, row.place));
            }
        }
        Capabilities {
            slots,
            rows,
            ..Capabilities::default()
        }
    }

    /// And generates keys of these kinds.
    #[must_use]
    pub fn with_generate(mut self, specs: impl IntoIterator<Item = KeySpec>) -> Self {
        self.generate = specs.into_iter().collect();
        self
    }

    /// And takes over private keys of these kinds.
    #[must_use]
    pub fn with_import(mut self, specs: impl IntoIterator<Item = KeySpec>) -> Self {
        self.import = specs.into_iter().collect();
        self
    }

    /// Its keys live in hardware: their `kty` is printed with `-HSM`.
    #[must_use]
    pub fn with_hsm(mut self, hsm: bool) -> Self {
        self.hsm = hsm;
        self
    }

    /// Its keys are lost when the process ends, so it may not serve a durable store.
    #[must_use]
    pub fn with_ephemeral(mut self, ephemeral: bool) -> Self {
        self.ephemeral = ephemeral;
        self
    }

    /// Its keys are in their handles and it keeps none, so that of a key whose handle was never
    /// stored nothing is left: [`find`](super::KeyProvider::find) finds no key. A vault then makes or
    /// restores a key in one commit instead of two, and a crash leaves none half-made.
    ///
    /// Default: `false`. Where `true` is wrong, a crash can leave keys in the provider that no record
    /// names: a provider in front of another one, with a place of its own, does not take this over.
    #[must_use]
    pub fn with_keys_in_handles(mut self, keys_in_handles: bool) -> Self {
        self.keys_in_handles = keys_in_handles;
        self
    }

    /// Where this is computed, or `None` if it is not offered.
    #[must_use]
    pub fn supports(&self, op: Op, alg: impl Into<Alg>, spec: KeySpec) -> Option<Place> {
        let key = key(op, alg.into(), spec);
        let mut at = first_slot(&self.slots, key);
        while let Some((found, place)) = self.slots.get(at)? {
            if *found == key {
                return Some(*place);
            }
            at = next_slot(&self.slots, at);
        }
        None
    }

    /// Every row, sorted.
    #[must_use]
    pub fn rows(&self) -> &[Capability] {
        &self.rows
    }

    /// Whether keys of this kind can be made.
    #[must_use]
    pub fn can_generate(&self, spec: KeySpec) -> bool {
        self.generate.contains(&spec)
    }

    /// Whether private keys of this kind can be taken over.
    #[must_use]
    pub fn can_import(&self, spec: KeySpec) -> bool {
        self.import.contains(&spec)
    }

    /// Whether its keys live in hardware.
    #[must_use]
    pub fn is_hsm(&self) -> bool {
        self.hsm
    }

    /// Whether its keys are lost when the process ends.
    #[must_use]
    pub fn is_ephemeral(&self) -> bool {
        self.ephemeral
    }

    /// Whether its keys are in their handles, and nowhere else.
    ///
    /// ```
    /// use strongroom::KeyProvider;
    /// use strongroom::software::Software;
    /// assert!(Software::ephemeral()?.capabilities().keys_in_handles());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn keys_in_handles(&self) -> bool {
        self.keys_in_handles
    }
}

/// Where a key is, unless another one is there: the uppermost bits of a product, as many as tell
/// the slots apart, for the higher a bit is the more of the key it depends on (Knuth, TAOCP 6.4:
/// Fibonacci hashing).
fn first_slot<T>(slots: &[T], key: u64) -> usize {
    let hash = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let unused = u64::BITS - slots.len().trailing_zeros();
    usize::try_from(hash.checked_shr(unused).unwrap_or_default()).unwrap_or_default()
}

/// Where it is then. More than half of the slots are free, so there is an end to that.
fn next_slot<T>(slots: &[T], at: usize) -> usize {
    (at + 1) & slots.len().saturating_sub(1)
}

/// Operation, algorithm and kind as one number, different for different triples.
#[expect(
    clippy::as_conversions,
    reason = "the discriminants of enums without fields, none above 255"
)]
fn key(op: Op, alg: Alg, spec: KeySpec) -> u64 {
    let (kind, size) = match spec {
        KeySpec::Rsa { bits } => (0, u64::from(bits)),
        KeySpec::Ec(curve) => (1, curve as u64),
        KeySpec::Aes { bits } => (2, u64::from(bits)),
        KeySpec::Hmac { bits } => (3, u64::from(bits)),
    };
    ((op as u64) << 48) | (u64::from(alg.number()) << 40) | (kind << 32) | size
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::SignAlg;

    /// What can be done with a key is mostly where it is looked for first.
    #[test]
    fn looking_takes_few_looks() {
        let rows = Op::ALL.iter().flat_map(|op| {
            let fitting = |alg: Alg| KeySpec::ALL.iter().map(move |spec| (alg, *spec));
            Alg::all().flat_map(fitting).map(|(alg, spec)| Capability {
                op: *op,
                alg,
                spec,
                place: Place::Inside,
            })
        });
        let all = Capabilities::new(rows);
        let looks = |row: &Capability| {
            let key = key(row.op, row.alg, row.spec);
            let mut at = first_slot(&all.slots, key);
            let mut looks = 1;
            while all.slots[at].is_none_or(|(found, _)| found != key) {
                at = next_slot(&all.slots, at);
                looks += 1;
            }
            looks
        };
        let (count, sum): (usize, usize) = (all.rows.len(), all.rows.iter().map(looks).sum());
        assert!(sum < 2 * count, "{sum} looks for {count} rows");
        assert!(
            all.rows
                .iter()
                .all(|row| all.supports(row.op, row.alg, row.spec).is_some())
        );
        let alg = SignAlg::Es256;
        for none in [Capabilities::new([]), Capabilities::default()] {
            assert_eq!(none.supports(Op::Sign, alg, KeySpec::ALL[0]), None);
        }
    }

    #[test]
    fn no_two_triples_are_one_number() {
        let triples = || {
            let algs =
                || Alg::all().flat_map(|alg| KeySpec::ALL.iter().map(move |spec| (alg, *spec)));
            Op::ALL
                .iter()
                .flat_map(move |op| algs().map(move |(alg, spec)| (*op, alg, spec)))
        };
        let mut keys: Vec<u64> = triples()
            .map(|(op, alg, spec)| key(op, alg, spec))
            .collect();
        let count = keys.len();
        keys.sort_unstable();
        keys.dedup();
        assert_eq!(keys.len(), count);
        assert_eq!(count, triples().count());
    }
}
