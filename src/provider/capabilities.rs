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
    generate: Vec<KeySpec>,
    import: Vec<KeySpec>,
    hsm: bool,
    ephemeral: bool,
}

impl Capabilities {
    /// A table of these rows. The first of two for the same triple counts.
    pub fn new(rows: impl IntoIterator<Item = Capability>) -> Self {
        let mut rows: Vec<_> = rows.into_iter().collect();
        rows.sort_by_key(key);
        rows.dedup_by_key(|row| key(row));
        Capabilities {
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

    /// Where this is computed, or `None` if it is not offered.
    #[must_use]
    pub fn supports(&self, op: Op, alg: impl Into<Alg>, spec: KeySpec) -> Option<Place> {
        let wanted = (op, alg.into(), spec);
        let found = self.rows.binary_search_by_key(&wanted, key).ok()?;
        self.rows.get(found).map(|row| row.place)
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
}

fn key(row: &Capability) -> (Op, Alg, KeySpec) {
    (row.op, row.alg, row.spec)
}
