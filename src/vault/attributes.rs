//! What a vault knows of a key besides the key: attributes, tags, and how they are
//! given and changed.

use std::collections::BTreeMap;

use super::clock::UnixTime;
use super::release_policy::ReleasePolicy;
use crate::alg::{KeyOp, KeySpec, OpSet};
use crate::error::{Error, Rule};

/// A key version's attributes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Attributes {
    /// Whether it may be used at all.
    pub enabled: bool,
    /// The time from which it may sign, wrap and encrypt (inclusive).
    pub nbf: Option<UnixTime>,
    /// The time from which it may no longer sign, wrap and encrypt (inclusive).
    pub exp: Option<UnixTime>,
    /// When it was made.
    pub created: UnixTime,
    /// When its attributes, tags or `key_ops` last changed.
    pub updated: UnixTime,
    /// Whether it may leave its provider in wrapped form.
    pub exportable: bool,
}

/// Tags: at most 15, names and values of at most 256 characters.
///
/// ```
/// use strongroom::vault::Tags;
/// let tags = Tags::new([("team", "payments"), ("cost", "42")])?;
/// assert_eq!(tags.get("team"), Some("payments"));
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tags(BTreeMap<String, String>);

impl Tags {
    /// The most tags on a key.
    pub const MAX_COUNT: usize = 15;
    /// The most characters in a tag's name and in its value.
    pub const MAX_LEN: usize = 256;

    /// # Errors
    /// [`Rule::TooLong`], [`Rule::Empty`] (a name) or [`Rule::Duplicate`] for `tags`.
    pub fn new<N, V>(tags: impl IntoIterator<Item = (N, V)>) -> Result<Self, Error>
    where
        N: Into<String>,
        V: Into<String>,
    {
        let mut map = BTreeMap::new();
        for (name, value) in tags {
            let (name, value) = (name.into(), value.into());
            if name.is_empty() {
                return Err(Error::invalid("tags", Rule::Empty));
            }
            let longest = name.chars().count().max(value.chars().count());
            if longest > Tags::MAX_LEN {
                return Err(Error::invalid("tags", Rule::TooLong(Tags::MAX_LEN)));
            }
            if map.insert(name, value).is_some() {
                return Err(Error::invalid("tags", Rule::Duplicate));
            }
            if map.len() > Tags::MAX_COUNT {
                return Err(Error::invalid("tags", Rule::TooLong(Tags::MAX_COUNT)));
            }
        }
        Ok(Tags(map))
    }

    /// A tag's value.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// All tags, by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// What may be said of a key when it is created, imported or adopted.
///
/// ```
/// use strongroom::OpSet;
/// use strongroom::vault::{KeyOptions, Tags, UnixTime};
/// let options = KeyOptions::new()
///     .ops(OpSet::SIGN_VERIFY)
///     .exp(UnixTime(1_900_000_000))
///     .tags(Tags::new([("team", "payments")])?);
/// # let _ = options;
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyOptions {
    pub(super) ops: Option<OpSet>,
    pub(super) disabled: bool,
    pub(super) nbf: Option<UnixTime>,
    pub(super) exp: Option<UnixTime>,
    pub(super) tags: Tags,
    /// `None`: as the key's release policy says, if it has one already.
    pub(super) exportable: Option<bool>,
    pub(super) release_policy: Option<ReleasePolicy>,
    pub(super) hsm: bool,
}

impl KeyOptions {
    /// Enabled, always valid, for every verb of its kind, without tags.
    #[must_use]
    pub fn new() -> Self {
        KeyOptions::default()
    }

    /// `key_ops`. Without this they are all verbs that the kind of key can serve.
    #[must_use]
    pub fn ops(mut self, ops: OpSet) -> Self {
        self.ops = Some(ops);
        self
    }

    /// Whether it may be used at all.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.disabled = !enabled;
        self
    }

    /// The time from which it may sign, wrap and encrypt. May lie in the past.
    #[must_use]
    pub fn nbf(mut self, nbf: UnixTime) -> Self {
        self.nbf = Some(nbf);
        self
    }

    /// The time from which it may no longer sign, wrap and encrypt. May lie in the past.
    #[must_use]
    pub fn exp(mut self, exp: UnixTime) -> Self {
        self.exp = Some(exp);
        self
    }

    /// Tags.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags = tags;
        self
    }

    /// Whether it may leave its provider in wrapped form. Without this it may not, unless it
    /// is a new version of a key with a release policy. A [tier](super::Tier) has exportable
    /// keys in an HSM alone, and wants a release policy for them.
    #[must_use]
    pub fn exportable(mut self, exportable: bool) -> Self {
        self.exportable = Some(exportable);
        self
    }

    /// Under which attestation the key may be released: of an exportable key, all its
    /// versions. A new version without one leaves the key's policy as it is, and one with
    /// another policy changes it, unless it is
    /// [immutable](ReleasePolicy::is_immutable).
    ///
    /// ```
    /// use strongroom::Curve;
    /// use strongroom::vault::{KeyOptions, ReleasePolicy};
    /// let policy = ReleasePolicy::from_json(br#"{"version":"1.0.0","anyOf":[
    ///     {"authority":"https://attest.example","allOf":[{"claim":"debug","equals":false}]}]}"#)?;
    /// let options = KeyOptions::new().exportable(true).release_policy(policy.clone());
    /// let vault = strongroom::in_memory()?;
    /// let key = vault.create("enclave", Curve::P256, &options)?;
    /// assert_eq!(key.release_policy()?, Some(policy));
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    #[must_use]
    pub fn release_policy(mut self, policy: ReleasePolicy) -> Self {
        self.release_policy = Some(policy);
        self
    }

    /// Whether it is to live in an HSM: `kty` with `-HSM` (see
    /// [`KeyType`](super::KeyType)). Otherwise it lives where the vault's
    /// [tier](super::Tier) puts it, or where there is a provider.
    #[must_use]
    pub fn hsm(mut self, hsm: bool) -> Self {
        self.hsm = hsm;
        self
    }

    /// The attributes of a key made now with these options.
    pub(super) fn attributes(&self, exportable: bool, now: UnixTime) -> Result<Attributes, Error> {
        check_window(self.nbf, self.exp)?;
        Ok(Attributes {
            enabled: !self.disabled,
            nbf: self.nbf,
            exp: self.exp,
            created: now,
            updated: now,
            exportable,
        })
    }
}

/// A change to a version's attributes, or to its key's release policy. What is not named stays
/// as it is; a time can be moved and not removed, as with the service.
///
/// ```
/// use strongroom::vault::KeyUpdate;
/// let stop = KeyUpdate::new().enabled(false);
/// # let _ = stop;
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyUpdate {
    ops: Option<OpSet>,
    enabled: Option<bool>,
    nbf: Option<UnixTime>,
    exp: Option<UnixTime>,
    tags: Option<Tags>,
    pub(super) release_policy: Option<ReleasePolicy>,
}

impl KeyUpdate {
    /// No change but to `updated`.
    #[must_use]
    pub fn new() -> Self {
        KeyUpdate::default()
    }

    /// New `key_ops`.
    #[must_use]
    pub fn ops(mut self, ops: OpSet) -> Self {
        self.ops = Some(ops);
        self
    }

    /// Whether it may be used at all.
    #[must_use]
    pub fn enabled(mut self, enabled: bool) -> Self {
        self.enabled = Some(enabled);
        self
    }

    /// A new `nbf`.
    #[must_use]
    pub fn nbf(mut self, nbf: UnixTime) -> Self {
        self.nbf = Some(nbf);
        self
    }

    /// A new `exp`.
    #[must_use]
    pub fn exp(mut self, exp: UnixTime) -> Self {
        self.exp = Some(exp);
        self
    }

    /// New tags, in place of all old ones.
    #[must_use]
    pub fn tags(mut self, tags: Tags) -> Self {
        self.tags = Some(tags);
        self
    }

    /// A new release policy for the key, all its versions; of a key that floats
    /// ([`Vault::latest`](super::Vault::latest)), as with the service. There is no way to take a
    /// policy away.
    #[must_use]
    pub fn release_policy(mut self, policy: ReleasePolicy) -> Self {
        self.release_policy = Some(policy);
        self
    }

    /// Applies the change to the version, or changes nothing.
    pub(super) fn apply(
        &self,
        spec: KeySpec,
        ops: &mut OpSet,
        attributes: &mut Attributes,
        tags: &mut Tags,
        now: UnixTime,
    ) -> Result<(), Error> {
        let new_ops = self.ops.unwrap_or(*ops);
        let is_exchange = |ops: OpSet| ops.contains(KeyOp::Import);
        if (is_exchange(*ops) || is_exchange(new_ops)) && new_ops != *ops {
            // A key exchange key is made as one and stays one: what is imported under it
            // was promised that the key does, and ever did, nothing else.
            return Err(Error::invalid("key_ops", Rule::Unexpected));
        }
        check_ops(spec, new_ops)?;
        let (nbf, exp) = (self.nbf.or(attributes.nbf), self.exp.or(attributes.exp));
        check_window(nbf, exp)?;
        *ops = new_ops;
        if let Some(new) = &self.tags {
            tags.clone_from(new);
        }
        attributes.enabled = self.enabled.unwrap_or(attributes.enabled);
        (attributes.nbf, attributes.exp) = (nbf, exp);
        attributes.updated = now;
        Ok(())
    }
}

fn check_window(nbf: Option<UnixTime>, exp: Option<UnixTime>) -> Result<(), Error> {
    if nbf.zip(exp).is_some_and(|(nbf, exp)| nbf > exp) {
        return Err(Error::invalid("nbf", Rule::Contradicts("exp")));
    }
    Ok(())
}

/// `key_ops` that this kind of key can have: its verbs, `export` and the derive uses
/// that are only carried; or `import`, on an RSA key and alone.
pub(super) fn check_ops(spec: KeySpec, ops: OpSet) -> Result<(), Error> {
    if ops.contains(KeyOp::Import) {
        if ops != OpSet::EMPTY.with(KeyOp::Import) {
            return Err(Error::invalid("key_ops", Rule::Contradicts("import")));
        }
        if !matches!(spec, KeySpec::Rsa { .. }) {
            return Err(Error::invalid("key_ops", Rule::NotWithKey));
        }
        return Ok(());
    }
    let possible = spec
        .verbs()
        .with(KeyOp::Export)
        .with(KeyOp::DeriveKey)
        .with(KeyOp::DeriveBits);
    if !ops.is_subset_of(possible) {
        return Err(Error::invalid("key_ops", Rule::NotWithKey));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::{Curve, Op};

    #[test]
    fn tag_limits() {
        let many = |n: usize| Tags::new((0..n).map(|i| (format!("t{i}"), "")));
        assert!(many(15).is_ok());
        assert!(many(16).is_err());
        assert!(Tags::new([("n".repeat(256), "v".repeat(256))]).is_ok());
        assert!(Tags::new([("n".repeat(257), "v")]).is_err());
        assert!(Tags::new([("n", "v".repeat(257))]).is_err());
        assert!(
            Tags::new([("ä".repeat(256), "")]).is_ok(),
            "characters, not bytes"
        );
        assert!(Tags::new([("", "v")]).is_err());
        assert!(Tags::new([("n", "1"), ("n", "2")]).is_err());
    }

    #[test]
    fn import_stands_alone_and_on_rsa() {
        let import = OpSet::EMPTY.with(KeyOp::Import);
        let rsa = KeySpec::Rsa { bits: 2048 };
        assert!(check_ops(rsa, import).is_ok());
        assert!(check_ops(rsa, import.with(Op::Sign)).is_err());
        assert!(check_ops(KeySpec::Ec(Curve::P256), import).is_err());
    }

    #[test]
    fn verbs_that_the_kind_lacks_are_refused() {
        let encrypt = OpSet::from_iter([Op::Encrypt]);
        assert!(check_ops(KeySpec::Ec(Curve::P256), encrypt).is_err());
        assert!(check_ops(KeySpec::Aes { bits: 256 }, encrypt).is_ok());
        assert!(check_ops(KeySpec::Aes { bits: 256 }, OpSet::EMPTY).is_ok());
    }

    #[test]
    fn a_refused_update_changes_nothing() {
        let spec = KeySpec::Ec(Curve::P256);
        let before = KeyOptions::new()
            .exp(UnixTime(10))
            .attributes(false, UnixTime(1))
            .unwrap();
        let (mut ops, mut attributes, mut tags) = (OpSet::SIGN_VERIFY, before, Tags::default());
        let update = KeyUpdate::new().enabled(false).nbf(UnixTime(11));
        let error = update.apply(spec, &mut ops, &mut attributes, &mut tags, UnixTime(5));
        assert!(error.is_err());
        assert_eq!(attributes, before);
    }
}
