//! The members of a JSON object, read without copying any value.
//!
//! A general JSON tree would leave unerased copies of a private key's members in the
//! heap. Here each value stays the slice of the input that it is, until something
//! asks for it by name and by kind.

use std::borrow::Cow;
use std::collections::HashSet;
use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor,
};
use serde_json::value::RawValue;

use super::{base64url, kty};
use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// The longest JWK read, in bytes. The largest that this crate writes (RSA-4096 with
/// all private members) has about 4,000.
pub const MAX_JWK_LEN: usize = 64 * 1024;

/// The most members that a JWK may have, unknown ones included.
pub const MAX_MEMBERS: usize = 256;

/// An object's members in their order, each name once.
pub(crate) struct Members<'a> {
    /// Names are decoded: `\u006e` is `n`.
    list: Vec<(Cow<'a, str>, &'a RawValue)>,
}

impl<'a> Members<'a> {
    /// Reads an object. `field` is what errors about the whole of it name.
    pub(super) fn read(field: &'static str, json: &'a str) -> Result<Self, Error> {
        Members::read_with(field, json, kty::known_member)
    }

    /// The same for an object that is no JWK: `known` has the members that errors name.
    pub(crate) fn read_with(
        field: &'static str,
        json: &'a str,
        known: impl Fn(&str) -> Option<&'static str>,
    ) -> Result<Self, Error> {
        let syntax = |_| Error::invalid(field, Rule::Syntax);
        let mut reader = serde_json::Deserializer::from_str(json);
        let found = reader.deserialize_map(ObjectVisitor).map_err(syntax)?;
        reader.end().map_err(syntax)?;
        let Some(list) = found else {
            return Err(Error::invalid(field, Rule::TooLong(MAX_MEMBERS)));
        };
        let mut seen = HashSet::new();
        for (name, _) in &list {
            if !seen.insert(name.as_ref()) {
                let field = known(name).unwrap_or(field);
                return Err(Error::invalid(field, Rule::Duplicate));
            }
        }
        Ok(Members { list })
    }

    /// The members' names.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.list.iter().map(|(name, _)| name.as_ref())
    }

    /// A member's JSON text.
    pub(crate) fn raw(&self, name: &str) -> Option<&'a str> {
        let found = self.list.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.get())
    }

    /// Whether there is such a member.
    pub(super) fn has(&self, name: &str) -> bool {
        self.raw(name).is_some()
    }

    /// A member that is a string, and no secret.
    pub(crate) fn text(&self, name: &'static str) -> Result<Option<String>, Error> {
        let read = |raw| serde_json::from_str(raw).map_err(|_| Error::invalid(name, Rule::Syntax));
        self.raw(name).map(read).transpose()
    }

    /// A member that is an array of strings.
    pub(super) fn texts(&self, name: &'static str) -> Result<Option<Vec<String>>, Error> {
        let read = |raw| serde_json::from_str(raw).map_err(|_| Error::invalid(name, Rule::Syntax));
        self.raw(name).map(read).transpose()
    }

    /// A member that is base64url, decoded into a buffer that is erased.
    ///
    /// No base64url value needs a backslash escape, and undoing one would take another
    /// copy of the secret: a value that has one is refused.
    pub(super) fn bytes(&self, name: &'static str) -> Result<Option<SecretBytes>, Error> {
        let Some(raw) = self.raw(name) else {
            return Ok(None);
        };
        let quoted = raw.strip_prefix('"').and_then(|raw| raw.strip_suffix('"'));
        let text = quoted.ok_or_else(|| Error::invalid(name, Rule::Syntax))?;
        base64url::decode(name, text).map(Some)
    }

    /// Like [`Members::bytes`] for a member that must be there.
    pub(super) fn required(&self, name: &'static str) -> Result<SecretBytes, Error> {
        let missing = || Error::invalid(name, Rule::Missing);
        self.bytes(name)?.ok_or_else(missing)
    }

    /// The members that `is_known` does not know, with their values as they stand:
    /// valid JSON, no name twice in any object, nested no deeper than serde_json goes.
    pub(super) fn unknown(
        &self,
        field: &'static str,
        is_known: impl Fn(&str) -> bool,
    ) -> Result<Vec<(String, String)>, Error> {
        let unknown = self.list.iter().filter(|(name, _)| !is_known(name));
        unknown
            .map(|(name, value)| {
                check_strictly(field, value.get())?;
                Ok((name.as_ref().to_owned(), value.get().to_owned()))
            })
            .collect()
    }
}

/// Checks a value that is kept as text.
fn check_strictly(field: &'static str, json: &str) -> Result<(), Error> {
    let mut reader = serde_json::Deserializer::from_str(json);
    StrictValue.deserialize(&mut reader).map_err(|error| {
        // The one error of the visitor's own is a name that stands twice.
        let rule = match error.classify() {
            serde_json::error::Category::Data => Rule::Duplicate,
            _ => Rule::Syntax,
        };
        Error::invalid(field, rule)
    })
}

/// Collects names and raw values; `None` if there are too many.
struct ObjectVisitor;

impl<'de> Visitor<'de> for ObjectVisitor {
    type Value = Option<Vec<(Cow<'de, str>, &'de RawValue)>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut list = Vec::new();
        while let Some(name) = map.next_key_seed(Name)? {
            if list.len() == MAX_MEMBERS {
                map.next_value::<IgnoredAny>()?;
                while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
                return Ok(None);
            }
            list.push((name, map.next_value()?));
        }
        Ok(Some(list))
    }
}

/// A member's name: borrowed, unless it is spelled with escapes.
struct Name;

impl<'de> DeserializeSeed<'de> for Name {
    type Value = Cow<'de, str>;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Self::Value, D::Error> {
        reader.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Name {
    type Value = Cow<'de, str>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_borrowed_str<E>(self, name: &'de str) -> Result<Self::Value, E> {
        Ok(Cow::Borrowed(name))
    }

    fn visit_str<E>(self, name: &str) -> Result<Self::Value, E> {
        Ok(Cow::Owned(name.to_owned()))
    }
}

/// Any JSON value in which no object has a name twice. It looks at strings as
/// strings, so that a lone surrogate is found, and keeps nothing.
struct StrictValue;

impl<'de> DeserializeSeed<'de> for StrictValue {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<(), D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for StrictValue {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        while items.next_element_seed(StrictValue)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = HashSet::new();
        while let Some(name) = map.next_key_seed(Name)? {
            map.next_value_seed(StrictValue)?;
            if !seen.insert(name) {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> Result<Members<'_>, Error> {
        Members::read("jwk", json)
    }

    #[test]
    fn values_are_slices_of_the_input() {
        let json = r#"{"k":"AQAB","\u0078":1}"#;
        let members = read(json).unwrap();
        let raw = members.raw("k").unwrap();
        assert!(json.as_bytes().as_ptr_range().contains(&raw.as_ptr()));
        assert_eq!(members.bytes("k").unwrap().unwrap().expose(), [1, 0, 1]);
        assert_eq!(members.raw("x"), Some("1"));
    }

    #[test]
    fn a_name_stands_once_however_it_is_spelled() {
        for json in [
            r#"{"n":1,"n":1}"#,
            r#"{"n":1,"\u006e":2}"#,
            r#"{"\u006e":1,"\u006E":2}"#,
        ] {
            let error = read(json).err().unwrap();
            assert_eq!(error.to_string(), "`n` stands more than once");
        }
        let error = read(r#"{"a":1,"a":2}"#).err().unwrap();
        assert_eq!(error.to_string(), "`jwk` stands more than once");
    }

    #[test]
    fn escaped_secrets_are_refused() {
        let members = read(r#"{"k":"\u0041QAB"}"#).unwrap();
        assert!(members.bytes("k").is_err());
        assert!(read(r#"{"k":7}"#).unwrap().bytes("k").is_err());
    }

    #[test]
    fn unknown_values_are_checked_all_the_way_down() {
        let unknown = |json: &str| read(json).unwrap().unknown("jwk", |_| false);
        assert!(unknown(r#"{"a":[{"b":{"c":[1,2.5,-3,true,null,"x"]}}]}"#).is_ok());
        for json in [
            r#"{"a":[{"b":1,"b":2}]}"#.to_owned(),
            r#"{"a":{"b":1,"\u0062":2}}"#.to_owned(),
            r#"{"a":"\ud800"}"#.to_owned(),
            format!(r#"{{"a":{}{}}}"#, "[".repeat(5000), "]".repeat(5000)),
        ] {
            assert!(unknown(&json).is_err(), "{json:.40}");
        }
    }

    #[test]
    fn members_are_counted() {
        let object = |count: usize| {
            let list: Vec<String> = (0..count).map(|i| format!(r#""m{i}":{i}"#)).collect();
            format!("{{{}}}", list.join(","))
        };
        assert!(read(&object(MAX_MEMBERS)).is_ok());
        assert!(read(&object(MAX_MEMBERS + 1)).is_err());
        assert!(read(&object(100_000)).is_err());
    }
}
