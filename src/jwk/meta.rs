//! The members of a JWK that do not make the key.

use std::collections::HashSet;
use std::fmt;

use super::kty;
use super::members::Members;
use crate::alg::{Alg, KeyOp, Op, OpSet};
use crate::error::{Error, Rule};

/// The most values in `key_ops`; ten are registered.
const MAX_KEY_OPS: usize = 64;

/// What a JWK says besides the key itself (RFC 7517 section 4).
///
/// Reading a JWK checks that `use`, `key_ops` and `alg` agree with each other and with
/// the key. The setters here check nothing: who sets a contradiction writes a JWK that
/// will not be read again.
///
/// ```
/// use strongroom::jwk::SecretJwk;
/// use strongroom::OpSet;
///
/// let mut key = SecretJwk::from_oct(&[7; 32])?;
/// key.meta_mut().set_kid(Some("backup-1")).set_key_ops(Some(OpSet::SIGN_VERIFY));
/// assert_eq!(
///     key.public().to_json(),
///     r#"{"kty":"oct","kid":"backup-1","key_ops":["sign","verify"]}"#,
/// );
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Default, PartialEq)]
pub struct Meta {
    kid: Option<String>,
    key_use: Option<String>,
    key_ops: Option<OpSet>,
    other_ops: Vec<String>,
    alg: Option<String>,
    hsm: bool,
    key_hsm: Option<String>,
    unknown: Vec<(String, String)>,
}

impl Meta {
    /// `kid`: any text, compared byte for byte (RFC 7517 section 4.5).
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `use`: `sig`, `enc`, or a value that this crate does not know (RFC 7517
    /// section 4.2).
    #[must_use]
    pub fn key_use(&self) -> Option<&str> {
        self.key_use.as_deref()
    }

    /// The values of `key_ops` that this crate knows (RFC 7517 section 4.3). An empty
    /// set allows nothing; no set says nothing.
    #[must_use]
    pub fn key_ops(&self) -> Option<OpSet> {
        self.key_ops
    }

    /// The values of `key_ops` that this crate does not know, in their order.
    pub fn other_key_ops(&self) -> impl Iterator<Item = &str> {
        self.other_ops.iter().map(String::as_str)
    }

    /// `alg`: the algorithm that the key is meant for, perhaps one that this crate
    /// does not run (RFC 7517 section 4.4).
    #[must_use]
    pub fn alg(&self) -> Option<&str> {
        self.alg.as_deref()
    }

    /// Whether `kty` says `-HSM`.
    #[must_use]
    pub fn is_hsm(&self) -> bool {
        self.hsm
    }

    /// `key_hsm`: a token of the service for bringing a key, as it came. It is
    /// encrypted for the service's hardware.
    #[must_use]
    pub fn key_hsm(&self) -> Option<&str> {
        self.key_hsm.as_deref()
    }

    /// The members that this crate does not know, each with its JSON text, in their
    /// order. `x5u`, `x5c`, `x5t` and `jku` are among them: kept, and never used.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unknown
            .iter()
            .map(|(name, json)| (name.as_str(), json.as_str()))
    }

    /// Sets or removes `kid`.
    pub fn set_kid(&mut self, kid: Option<&str>) -> &mut Self {
        self.kid = kid.map(str::to_owned);
        self
    }

    /// Sets or removes `use`.
    pub fn set_key_use(&mut self, key_use: Option<&str>) -> &mut Self {
        self.key_use = key_use.map(str::to_owned);
        self
    }

    /// Sets or removes `key_ops`, with the values that this crate does not know.
    pub fn set_key_ops(&mut self, ops: Option<OpSet>) -> &mut Self {
        self.key_ops = ops;
        self.other_ops.clear();
        self
    }

    /// Sets or removes `alg`.
    pub fn set_alg(&mut self, alg: Option<&str>) -> &mut Self {
        self.alg = alg.map(str::to_owned);
        self
    }

    /// Sets whether `kty` is written with `-HSM`.
    pub fn set_hsm(&mut self, hsm: bool) -> &mut Self {
        self.hsm = hsm;
        self
    }

    /// Reads everything that is not the key.
    pub(super) fn read(members: &Members<'_>, hsm: bool) -> Result<Self, Error> {
        let ops = members.texts("key_ops")?;
        let known = |op: &String| op.parse::<KeyOp>().ok();
        let meta = Meta {
            kid: members.text("kid")?,
            key_use: members.text("use")?,
            key_ops: ops
                .as_ref()
                .map(|ops| ops.iter().filter_map(known).collect()),
            other_ops: other_ops(ops.unwrap_or_default())?,
            alg: members.text("alg")?,
            hsm,
            key_hsm: members.text("key_hsm")?,
            unknown: members.unknown("jwk", |name| kty::known_member(name).is_some())?,
        };
        if meta.key_use.as_deref() == Some("") {
            return Err(Error::invalid("use", Rule::Empty));
        }
        check_alg_name(meta.alg())?;
        check_key_hsm(meta.key_hsm())?;
        Ok(meta)
    }

    /// Checks that `use`, `key_ops` and `alg` agree with each other, and `alg` with
    /// the key, of which `fits` tells which algorithms it can run.
    pub(super) fn check(&self, fits: impl Fn(Alg) -> bool) -> Result<(), Error> {
        if let (Some(meant), Some(ops)) = (self.use_ops(), self.key_ops) {
            let verbs = ops
                .iter()
                .filter(|op| !matches!(op, KeyOp::Import | KeyOp::Export));
            if !OpSet::from_iter(verbs).is_subset_of(meant) {
                return Err(Error::invalid("use", Rule::Contradicts("key_ops")));
            }
        }
        let Some(alg) = self.alg() else { return Ok(()) };
        let known: Vec<Alg> = Alg::all().filter(|known| known.name() == alg).collect();
        if known.is_empty() {
            return Ok(());
        }
        if !known.iter().any(|alg| fits(*alg)) {
            return Err(Error::invalid("alg", Rule::NotWithKey));
        }
        let alg_ops: OpSet = known.iter().flat_map(|alg| alg.ops()).collect();
        let shared = |set: OpSet| alg_ops.iter().any(|op| set.contains(op));
        if self.use_ops().is_some_and(|meant| !shared(meant)) {
            return Err(Error::invalid("alg", Rule::Contradicts("use")));
        }
        let verbs = self
            .key_ops
            .map(|ops| ops.iter().filter(|op| matches!(op, KeyOp::Verb(_))));
        let verbs = verbs
            .map(OpSet::from_iter)
            .filter(|verbs| !verbs.is_empty());
        if verbs.is_some_and(|verbs| !shared(verbs)) {
            return Err(Error::invalid("alg", Rule::Contradicts("key_ops")));
        }
        Ok(())
    }

    /// What `use` allows, if it is one of the two registered values.
    fn use_ops(&self) -> Option<OpSet> {
        match self.key_use() {
            Some("sig") => Some(OpSet::SIGN_VERIFY),
            Some("enc") => {
                let verbs = [Op::WrapKey, Op::UnwrapKey, Op::Encrypt, Op::Decrypt];
                let set = OpSet::from_iter(verbs);
                Some(set.with(KeyOp::DeriveKey).with(KeyOp::DeriveBits))
            }
            _ => None,
        }
    }
}

/// The values that are none of ours; no value may stand twice (RFC 7517 section 4.3).
fn other_ops(ops: Vec<String>) -> Result<Vec<String>, Error> {
    if ops.len() > MAX_KEY_OPS {
        return Err(Error::invalid("key_ops", Rule::TooLong(MAX_KEY_OPS)));
    }
    let mut seen = HashSet::new();
    if !ops.iter().all(|op| seen.insert(op)) {
        return Err(Error::invalid("key_ops", Rule::Duplicate));
    }
    Ok(ops
        .into_iter()
        .filter(|op| op.parse::<KeyOp>().is_err())
        .collect())
}

/// An algorithm that this crate does not know is carried, but `none` is no algorithm,
/// and what differs from a known name in case alone is a mistake for it.
fn check_alg_name(alg: Option<&str>) -> Result<(), Error> {
    let Some(alg) = alg else { return Ok(()) };
    if alg.is_empty() {
        return Err(Error::invalid("alg", Rule::Empty));
    }
    if !alg.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(Error::invalid("alg", Rule::Character));
    }
    let misspelled = |known: Alg| known.name() != alg && known.name().eq_ignore_ascii_case(alg);
    if alg.eq_ignore_ascii_case("none") || Alg::all().any(misspelled) {
        return Err(Error::invalid("alg", Rule::UnknownName));
    }
    Ok(())
}

/// Writers differ in the alphabet and in padding; nothing here decodes it.
fn check_key_hsm(key_hsm: Option<&str>) -> Result<(), Error> {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"+/-_=".contains(&byte);
    match key_hsm {
        Some(token) if !token.bytes().all(allowed) => {
            Err(Error::invalid("key_hsm", Rule::Base64Url))
        }
        _ => Ok(()),
    }
}

impl fmt::Debug for Meta {
    /// Values of unknown members are not printed: nothing is known about them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown: Vec<&str> = self.unknown().map(|(name, _)| name).collect();
        f.debug_struct("Meta")
            .field("kid", &self.kid)
            .field("use", &self.key_use)
            .field("key_ops", &self.key_ops)
            .field("alg", &self.alg)
            .field("hsm", &self.hsm)
            .field("unknown", &unknown)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Meta, Error> {
        let meta = Meta::read(&Members::read("jwk", json)?, false)?;
        meta.check(|_| true)?;
        Ok(meta)
    }

    #[test]
    fn unknown_operations_are_kept_beside_the_known() {
        let meta = read(r#"{"key_ops":["zap","verify","sign"]}"#).unwrap();
        assert_eq!(meta.key_ops(), Some(OpSet::SIGN_VERIFY));
        assert_eq!(meta.other_key_ops().collect::<Vec<_>>(), ["zap"]);
    }

    #[test]
    fn contradictions_are_refused() {
        for json in [
            r#"{"use":"sig","key_ops":["sign","encrypt"]}"#,
            r#"{"use":"enc","key_ops":["verify"]}"#,
            r#"{"use":"enc","alg":"ES256"}"#,
            r#"{"use":"sig","alg":"A256GCM"}"#,
            r#"{"alg":"PS256","key_ops":["wrapKey"]}"#,
        ] {
            let error = read(json).unwrap_err();
            assert!(error.to_string().contains("contradicts"), "{json}");
        }
        for json in [
            r#"{"use":"sig","key_ops":["sign","export","zap"]}"#,
            r#"{"use":"enc","alg":"RSA-OAEP-256","key_ops":["wrapKey"]}"#,
            r#"{"use":"tls","alg":"ES256","key_ops":["sign"]}"#,
            r#"{"alg":"RS256","key_ops":[]}"#,
        ] {
            assert!(read(json).is_ok(), "{json}");
        }
    }

    #[test]
    fn algorithm_names() {
        for alg in ["", "none", "None", "es256", "ES256 ", "ES\\n256", "a256kw"] {
            assert!(read(&format!(r#"{{"alg":"{alg}"}}"#)).is_err(), "{alg}");
        }
        assert_eq!(read(r#"{"alg":"ECDH-ES"}"#).unwrap().alg(), Some("ECDH-ES"));
    }

    #[test]
    fn debug_shows_no_unknown_value() {
        let meta = read(r#"{"secret_thing":"canary"}"#).unwrap();
        let text = format!("{meta:?}");
        assert!(text.contains("secret_thing") && !text.contains("canary"));
    }
}
