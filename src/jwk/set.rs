//! Sets of public keys (RFC 7517 section 5).

use std::collections::HashSet;
use std::fmt;

use serde_json::value::RawValue;

use super::Jwk;
use super::kty::{self, Kty};
use super::members::Members;
use super::write::Object;
use crate::error::{Error, ErrorKind, Rule};

/// The longest set read, in bytes.
pub const MAX_SET_LEN: usize = 1024 * 1024;

/// The most keys that a set may have.
pub const MAX_SET_KEYS: usize = 1000;

/// A set of public JWKs.
///
/// One key that cannot be used does not sink the set: it stands in its place as what
/// is wrong with it, and the others work.
///
/// ```
/// use strongroom::jwk::{JwkSet, SetEntry};
///
/// let set = JwkSet::from_json(br#"{"keys":[
///     {"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},
///     {"kty":"oct","k":"c2VjcmV0"},
///     {"kty":"EC","crv":"P-256","kid":"1",
///      "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
///      "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#)?;
/// assert!(set.find("1").is_some());
/// assert_eq!(set.keys().count(), 1);
/// assert!(matches!(set.entries(), [
///     SetEntry::Unknown { .. },
///     SetEntry::Invalid { index: 1, .. },
///     SetEntry::Key(_),
/// ]));
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Default)]
pub struct JwkSet {
    entries: Vec<SetEntry>,
    unknown: Vec<(String, String)>,
}

/// One member of `keys`.
#[non_exhaustive]
pub enum SetEntry {
    /// A key to use. (Boxed: it is much larger than the others.)
    Key(Box<Jwk>),
    /// A key of a type that this crate does not know.
    Unknown {
        /// What it says it is.
        kty: String,
        /// Its JSON text.
        raw: String,
    },
    /// What is no public JWK, or a broken one. A private key where a public one is due
    /// is here too, and nothing of it is kept.
    Invalid {
        /// Its place in `keys`, from 0.
        index: usize,
        /// What is wrong with it.
        error: Error,
    },
}

impl JwkSet {
    /// A set of these keys.
    ///
    /// # Errors
    /// [`Rule::Duplicate`] for `kid`; [`Rule::TooLong`] for `keys`.
    pub fn new(keys: impl IntoIterator<Item = Jwk>) -> Result<Self, Error> {
        let entries: Vec<_> = keys
            .into_iter()
            .map(|key| SetEntry::Key(Box::new(key)))
            .collect();
        if entries.len() > MAX_SET_KEYS {
            return Err(Error::invalid("keys", Rule::TooLong(MAX_SET_KEYS)));
        }
        let set = JwkSet {
            entries,
            unknown: Vec::new(),
        };
        check_kids(set.keys().filter_map(|key| key.meta().kid()))?;
        Ok(set)
    }

    /// Reads a set. Members beside `keys` are kept.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`] for `jwks`, `keys`, or `kid` where two keys share one:
    /// which of them a signature names would be a guess.
    pub fn from_json(json: &[u8]) -> Result<Self, Error> {
        if json.len() > MAX_SET_LEN {
            return Err(Error::invalid("jwks", Rule::TooLong(MAX_SET_LEN)));
        }
        let json = str::from_utf8(json).map_err(|_| Error::invalid("jwks", Rule::Syntax))?;
        let members = Members::read("jwks", json)?;
        let keys = members
            .raw("keys")
            .ok_or_else(|| Error::invalid("keys", Rule::Missing))?;
        let keys: Vec<&RawValue> =
            serde_json::from_str(keys).map_err(|_| Error::invalid("keys", Rule::Syntax))?;
        if keys.len() > MAX_SET_KEYS {
            return Err(Error::invalid("keys", Rule::TooLong(MAX_SET_KEYS)));
        }
        let read = |(index, key): (usize, &&RawValue)| {
            SetEntry::read(key.get()).unwrap_or_else(|error| SetEntry::Invalid { index, error })
        };
        let entries: Vec<SetEntry> = keys.iter().enumerate().map(read).collect();
        let set = JwkSet {
            entries,
            unknown: members.unknown("jwks", |name| name == "keys")?,
        };
        check_kids(set.keys().filter_map(|key| key.meta().kid()))?;
        Ok(set)
    }

    /// Everything that stood in `keys`, in its order.
    #[must_use]
    pub fn entries(&self) -> &[SetEntry] {
        &self.entries
    }

    /// The keys to use.
    pub fn keys(&self) -> impl Iterator<Item = &Jwk> {
        self.entries.iter().filter_map(|entry| match entry {
            SetEntry::Key(key) => Some(key.as_ref()),
            _ => None,
        })
    }

    /// The key with this `kid`.
    #[must_use]
    pub fn find(&self, kid: &str) -> Option<&Jwk> {
        self.keys().find(|key| key.meta().kid() == Some(kid))
    }

    /// The members beside `keys`, each with its JSON text.
    pub fn unknown(&self) -> impl Iterator<Item = (&str, &str)> {
        self.unknown
            .iter()
            .map(|(name, json)| (name.as_str(), json.as_str()))
    }

    /// Writes the set: keys, and keys of unknown types as they came. Invalid entries
    /// are left out.
    #[must_use]
    pub fn to_json(&self) -> String {
        let entries = self.entries.iter().filter_map(|entry| match entry {
            SetEntry::Key(key) => Some(key.to_json()),
            SetEntry::Unknown { raw, .. } => Some(raw.clone()),
            SetEntry::Invalid { .. } => None,
        });
        let keys: Vec<String> = entries.collect();
        let mut object = Object::begin();
        object.json("keys", format!("[{}]", keys.join(",")));
        for (name, json) in self.unknown() {
            object.json(name, json);
        }
        object.end().into_text()
    }
}

impl fmt::Debug for JwkSet {
    /// Values of unknown members are not printed: nothing is known about them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unknown: Vec<&str> = self.unknown().map(|(name, _)| name).collect();
        f.debug_struct("JwkSet")
            .field("entries", &self.entries)
            .field("unknown", &unknown)
            .finish()
    }
}

impl fmt::Debug for SetEntry {
    /// Nor the text of unknown keys, for the same reason.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SetEntry::Key(key) => key.fmt(f),
            // Escaped and cut: it is somebody else's text on its way into a log.
            SetEntry::Unknown { kty, raw } => {
                let kty: String = kty.chars().take(32).collect();
                write!(f, "Unknown({kty:?}, {} bytes)", raw.len())
            }
            SetEntry::Invalid { index, error } => f
                .debug_struct("Invalid")
                .field("index", index)
                .field("error", error)
                .finish(),
        }
    }
}

impl SetEntry {
    fn read(json: &str) -> Result<Self, Error> {
        if json.len() > super::MAX_JWK_LEN {
            return Err(Error::invalid("jwk", Rule::TooLong(super::MAX_JWK_LEN)));
        }
        let members = Members::read("jwk", json)?;
        let kty = members
            .text("kty")?
            .ok_or_else(|| Error::invalid("kty", Rule::Missing))?;
        let unknown = Error::invalid("kty", Rule::UnknownName);
        match Kty::read(&kty) {
            Err(error) if error.kind() == unknown.kind() => {
                // A secret of a type that we do not know must not be written again.
                if let Some(name) = kty::PRIVATE.iter().find(|name| members.has(name)) {
                    return Err(Error::invalid(name, Rule::Private));
                }
                members.unknown("jwk", |_| false)?;
                Ok(SetEntry::Unknown {
                    kty,
                    raw: json.to_owned(),
                })
            }
            _ => Ok(SetEntry::Key(Box::new(Jwk::from_members(&members)?))),
        }
    }
}

fn check_kids<'a>(mut kids: impl Iterator<Item = &'a str>) -> Result<(), Error> {
    let mut seen = HashSet::new();
    match kids.find(|kid| !seen.insert(*kid)) {
        Some(_) => Err(ErrorKind::Invalid {
            field: "kid",
            rule: Rule::Duplicate,
        }
        .into()),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alg::Curve;
    use crate::jwk::SecretJwk;

    fn key(kid: &str, d: u8) -> Jwk {
        let mut key = SecretJwk::from_ec_scalar(Curve::P256, &[d; 32]).unwrap();
        key.meta_mut().set_kid(Some(kid));
        key.public().clone()
    }

    #[test]
    fn sets_round_trip() {
        let set = JwkSet::new([key("a", 1), key("b", 2)]).unwrap();
        let json = set
            .to_json()
            .replace("}]}", r#"},{"kty":"OKP","x":1}],"iss":"me"}"#);
        let read = JwkSet::from_json(json.as_bytes()).unwrap();
        assert_eq!(read.find("b"), Some(&key("b", 2)));
        assert_eq!(read.find("c"), None);
        assert_eq!(read.to_json(), json);
    }

    #[test]
    fn a_kid_names_one_key() {
        assert!(JwkSet::new([key("a", 1), key("a", 2)]).is_err());
        let json = format!(r#"{{"keys":[{0},{0}]}}"#, key("a", 1).to_json());
        let error = JwkSet::from_json(json.as_bytes()).unwrap_err();
        assert_eq!(error.to_string(), "`kid` stands more than once");
    }

    #[test]
    fn unknown_types_with_private_members_are_not_kept() {
        for member in ["d", "k", "priv", "p"] {
            let json = format!(r#"{{"keys":[{{"kty":"AKP","{member}":"canary"}}]}}"#);
            let set = JwkSet::from_json(json.as_bytes()).unwrap();
            assert!(matches!(
                set.entries(),
                [SetEntry::Invalid { index: 0, .. }]
            ));
            assert!(!format!("{set:?}").contains("canary"));
            assert_eq!(set.to_json(), r#"{"keys":[]}"#);
        }
    }

    #[test]
    fn what_is_no_set_is_refused() {
        let many = format!(r#"{{"keys":[{}1]}}"#, "1,".repeat(MAX_SET_KEYS));
        for json in [
            "[]",
            "{}",
            r#"{"keys":{}}"#,
            r#"{"keys":[],"keys":[]}"#,
            many.as_str(),
        ] {
            assert!(JwkSet::from_json(json.as_bytes()).is_err(), "{json:.30}");
        }
        let blank = vec![b' '; MAX_SET_LEN + 1];
        assert!(JwkSet::from_json(&blank).is_err());
        let odd = JwkSet::from_json(br#"{"keys":[null,1,[],"",{}]}"#).unwrap();
        assert_eq!(odd.entries().len(), 5);
        assert_eq!(odd.keys().count(), 0);
    }
}
