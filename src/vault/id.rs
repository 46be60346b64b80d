//! Names, versions and key identifiers.

use std::cell::Cell;
use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;
use std::sync::Arc;

use crate::encoding::hex::{Hex, sixteen_bytes};
use crate::error::{Error, Rule};

/// A key's name: 1 to 127 of `0-9A-Za-z-`.
///
/// Compared without regard to ASCII case, as the service does, and kept as spelled.
///
/// ```
/// use strongroom::vault::KeyName;
/// let name: KeyName = "Signing-2026".parse()?;
/// assert_eq!(name, "signing-2026".parse()?);
/// assert_eq!(name.as_str(), "Signing-2026");
/// assert!("../etc/passwd".parse::<KeyName>().is_err());
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone)]
pub struct KeyName {
    spelled: Arc<str>,
    folded: Arc<str>,
}

impl KeyName {
    /// The most characters in a name.
    pub const MAX_LEN: usize = 127;

    /// The name as it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.spelled
    }

    /// The spelling that names are compared and stored by: ASCII lower case.
    #[must_use]
    pub fn folded(&self) -> &str {
        &self.folded
    }
}

impl FromStr for KeyName {
    type Err = Error;

    /// # Errors
    /// [`Rule::Empty`], [`Rule::TooLong`] or [`Rule::Character`] for `name`.
    fn from_str(name: &str) -> Result<Self, Error> {
        if name.is_empty() {
            return Err(Error::invalid("name", Rule::Empty));
        }
        if name.len() > KeyName::MAX_LEN {
            return Err(Error::invalid("name", Rule::TooLong(KeyName::MAX_LEN)));
        }
        if !name.bytes().all(|c| c.is_ascii_alphanumeric() || c == b'-') {
            return Err(Error::invalid("name", Rule::Character));
        }
        let spelled: Arc<str> = name.into();
        let folded = if name.bytes().any(|c| c.is_ascii_uppercase()) {
            name.to_ascii_lowercase().into()
        } else {
            Arc::clone(&spelled)
        };
        Ok(KeyName { spelled, folded })
    }
}

impl PartialEq for KeyName {
    fn eq(&self, other: &Self) -> bool {
        self.folded == other.folded
    }
}

impl Eq for KeyName {}

impl Hash for KeyName {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.folded.hash(state);
    }
}

impl PartialOrd for KeyName {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for KeyName {
    /// By the folded spelling, as they are listed.
    fn cmp(&self, other: &Self) -> Ordering {
        self.folded.cmp(&other.folded)
    }
}

impl fmt::Display for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelled)
    }
}

impl fmt::Debug for KeyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.spelled)
    }
}

/// A key's version: 16 random bytes, written as 32 lower-case hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyVersion([u8; 16]);

impl KeyVersion {
    /// The version with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        KeyVersion(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for KeyVersion {
    type Err = Error;

    /// Reads 32 hexadecimal digits in either case.
    ///
    /// # Errors
    /// [`Rule::Length`] or [`Rule::Character`] for `version`.
    fn from_str(version: &str) -> Result<Self, Error> {
        if version.len() != 32 {
            let rule = Rule::Length {
                expected: 32,
                actual: version.len(),
            };
            return Err(Error::invalid("version", rule));
        }
        let bytes = sixteen_bytes(version);
        bytes
            .map(KeyVersion)
            .ok_or_else(|| Error::invalid("version", Rule::Character))
    }
}

impl fmt::Display for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for KeyVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The host part of key identifiers: a name or address, with an optional port.
#[derive(Clone)]
pub struct VaultHost(Arc<str>);

impl VaultHost {
    /// The most characters in a host: a DNS name and a port.
    pub const MAX_LEN: usize = 260;

    /// The host as it was spelled.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for VaultHost {
    type Err = Error;

    /// # Errors
    /// [`Rule::Empty`], [`Rule::TooLong`] or [`Rule::Character`] for `host`.
    fn from_str(host: &str) -> Result<Self, Error> {
        if host.is_empty() {
            return Err(Error::invalid("host", Rule::Empty));
        }
        if host.len() > VaultHost::MAX_LEN {
            return Err(Error::invalid("host", Rule::TooLong(VaultHost::MAX_LEN)));
        }
        let allowed = |c: u8| c.is_ascii_alphanumeric() || b".-:[]".contains(&c);
        let begins = host.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '[');
        if !begins || !host.bytes().all(allowed) {
            return Err(Error::invalid("host", Rule::Character));
        }
        Ok(VaultHost(host.into()))
    }
}

impl PartialEq for VaultHost {
    fn eq(&self, other: &Self) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl Eq for VaultHost {}

impl Hash for VaultHost {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0
            .bytes()
            .for_each(|c| state.write_u8(c.to_ascii_lowercase()));
    }
}

impl fmt::Display for VaultHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for VaultHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One version of one key of one vault: `https://{host}/keys/{name}/{version}`, the
/// `kid` of every result. Compared without regard to case.
///
/// ```
/// use strongroom::vault::KeyId;
/// let id = "https://vault.example:8443/keys/signing/0123456789abcdef0123456789abcdef";
/// let kid: KeyId = id.parse()?;
/// assert_eq!(kid.name().as_str(), "signing");
/// assert_eq!(kid.to_string(), id);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(PartialEq, Eq, Hash)]
pub struct KeyId(Option<Arc<Parts>>);

#[derive(PartialEq, Eq, Hash)]
struct Parts {
    host: VaultHost,
    name: KeyName,
    version: KeyVersion,
}

thread_local! {
    /// What this thread dropped last. Every verb takes an identifier, most often that of the
    /// verb before it: then nothing is counted, and threads that use one key do not pass the
    /// line of a count around.
    static SPARE: Cell<Option<Arc<Parts>>> = const { Cell::new(None) };
}

impl Clone for KeyId {
    #[inline]
    fn clone(&self) -> Self {
        let spare = SPARE.try_with(Cell::take).ok().flatten();
        KeyId(match (spare, &self.0) {
            (Some(spare), Some(parts)) if Arc::ptr_eq(&spare, parts) => Some(spare),
            (_, parts) => parts.clone(),
        })
    }
}

impl Drop for KeyId {
    #[inline]
    fn drop(&mut self) {
        let parts = self.0.take();
        // At the end of a thread there is no place for it.
        let _ = SPARE.try_with(|spare| spare.replace(parts));
    }
}

impl KeyId {
    /// The identifier of these parts.
    #[must_use]
    pub fn new(host: VaultHost, name: KeyName, version: KeyVersion) -> Self {
        KeyId(Some(Arc::new(Parts {
            host,
            name,
            version,
        })))
    }

    fn parts(&self) -> &Parts {
        match &self.0 {
            Some(parts) => parts,
            None => unreachable!("they are taken when it is dropped"),
        }
    }

    /// The vault.
    #[must_use]
    pub fn host(&self) -> &VaultHost {
        &self.parts().host
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &KeyName {
        &self.parts().name
    }

    /// The key's version.
    #[must_use]
    pub fn version(&self) -> KeyVersion {
        self.parts().version
    }
}

impl FromStr for KeyId {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `kid` or for the part
    /// that is wrong.
    fn from_str(kid: &str) -> Result<Self, Error> {
        let wrong = || Error::invalid("kid", Rule::Encoding);
        let (scheme, rest) = kid.split_once("://").ok_or_else(wrong)?;
        let mut parts = rest.split('/');
        let (host, keys) = parts.next().zip(parts.next()).ok_or_else(wrong)?;
        if !scheme.eq_ignore_ascii_case("https") || !keys.eq_ignore_ascii_case("keys") {
            return Err(wrong());
        }
        let (name, version) = parts.next().zip(parts.next()).ok_or_else(wrong)?;
        if parts.next().is_some() {
            return Err(wrong());
        }
        Ok(KeyId::new(host.parse()?, name.parse()?, version.parse()?))
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Parts {
            host,
            name,
            version,
        } = self.parts();
        write!(f, "https://{host}/keys/{name}/{version}")
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_could_hurt_someone_are_refused() {
        let long = "a".repeat(128);
        let names = [
            "",
            "a b",
            "a/b",
            "..",
            "a\n",
            "a\0",
            "ä",
            "a_b",
            "\u{202e}a",
            &long,
        ];
        for name in names {
            assert!(name.parse::<KeyName>().is_err(), "{name:?}");
        }
        assert!("a".repeat(127).parse::<KeyName>().is_ok());
    }

    #[test]
    fn identifiers_compare_without_case() {
        let id: KeyId = "https://v.example/keys/Sign/0123456789ABCDEF0123456789abcdef"
            .parse()
            .unwrap();
        let same: KeyId = "HTTPS://V.EXAMPLE/KEYS/sign/0123456789abcdef0123456789abcdef"
            .parse()
            .unwrap();
        assert_eq!(id, same);
    }

    #[test]
    fn a_clone_is_the_same_whatever_was_dropped_before() {
        let id = |version| {
            let (host, name) = ("v.example".parse().unwrap(), "sign".parse().unwrap());
            KeyId::new(host, name, KeyVersion::from_bytes([version; 16]))
        };
        let (one, other) = (id(1), id(2));
        for dropped in [None, Some(&one), Some(&other)] {
            drop(dropped.cloned());
            let clones = (one.clone(), other.clone(), one.clone());
            assert_eq!(clones, (id(1), id(2), id(1)));
        }
        // Another thread's spare is not this one's.
        let moved = one.clone();
        std::thread::spawn(move || drop(moved)).join().unwrap();
        assert_eq!(one.clone(), id(1));
        // It, and what this thread has dropped; no thread that has ended has one.
        assert_eq!(Arc::strong_count(one.0.as_ref().unwrap()), 2);
    }

    #[test]
    fn malformed_identifiers_are_refused() {
        let version = "0123456789abcdef0123456789abcdef";
        for kid in [
            String::new(),
            format!("http://v/keys/a/{version}"),
            format!("https://v/secrets/a/{version}"),
            format!("https://v/keys/a/{version}/sign"),
            "https://v/keys/a".into(),
            "https://v/keys/a/".into(),
            "https:///keys/a/0123".into(),
            format!("https://v/keys/a/{}", version.replace('0', "g")),
            format!("https://v/keys/a/+{}", &version[1..]),
        ] {
            assert!(kid.parse::<KeyId>().is_err(), "{kid}");
        }
    }
}
