//! The `pkcs11:` URI of RFC 7512.

use std::fmt;
use std::path::Path;
use std::str::FromStr;

use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

mod value;

use value::{Component, Percent};

/// A `pkcs11:` URI: which token, which module, where the PIN is (RFC 7512).
///
/// What an attribute of the path says must be so, and each narrows the choice; what it
/// does not say may be anything. `pkcs11:` alone matches every token. An attribute with
/// an empty value is not an absent one: it matches only what is empty (section 2.3).
///
/// ```
/// use strongroom::pkcs11::Pkcs11Uri;
///
/// let uri: Pkcs11Uri = "pkcs11:token=dev%20keys;serial=4711\
///                       ?module-path=/usr/lib/softhsm/libsofthsm2.so&pin-source=file:/run/pin"
///     .parse()?;
/// assert_eq!(uri.token(), Some("dev keys"));
/// assert_eq!(uri.serial(), Some("4711"));
/// assert_eq!(uri.module_path(), Some("/usr/lib/softhsm/libsofthsm2.so".as_ref()));
/// assert_eq!(uri.pin_file(), Some("/run/pin".as_ref()));
///
/// // The PIN never gets out by printing.
/// let uri: Pkcs11Uri = "pkcs11:token=dev?pin-value=1234".parse()?;
/// assert_eq!(uri.to_string(), "pkcs11:token=dev");
/// assert!(!format!("{uri:?}").contains("1234"));
/// # Ok::<(), strongroom::Error>(())
/// ```
///
/// # What is read
/// The grammar of section 2.3, and nothing looser: what may not stand unencoded is
/// refused, and so is an empty attribute (`;;`) or one without `=`. Scheme, names and
/// `type` are read in either case, as quoted strings of an ABNF are (RFC 5234 section
/// 2.3). Text is UTF-8 without U+0000; only `id` is bytes.
///
/// * An attribute stands at most once. One that belongs to the other component is
///   refused there, such as a `pin-value` in the path.
/// * A path attribute that is not in the RFC, a vendor's included, is refused: it would
///   make the URI match nothing (section 2.5). One in the query is ignored, however often
///   it stands (sections 2.3 and 2.5), and not kept.
/// * Values that PKCS#11 could not hold are refused (section 2.3 demands it): a label of
///   more than 32 bytes, a serial number with characters that `CK_CHAR` lacks.
/// * `pin-source` with `pin-value` is refused, and a relative `module-path` (both section
///   2.4). `module-name` with `module-path` is refused too: the RFC leaves open what it
///   would mean.
/// * `pin-source` is a file: `file:/path`, or `/path` as it is. A program to run
///   (`|/path`) is not supported and never will be, and neither is another kind of URI.
///
/// `slot-id` is read and shown, but a slot number alone does not select a token: modules
/// hand out other numbers after the next start (section 2.3).
///
/// The PIN is held in memory that is erased. The string that was parsed is the
/// caller's to erase, and so a PIN is better kept in a file (section 6).
#[derive(Default, PartialEq, Eq)]
pub struct Pkcs11Uri {
    token: Option<String>,
    manufacturer: Option<String>,
    serial: Option<String>,
    model: Option<String>,
    library_manufacturer: Option<String>,
    library_description: Option<String>,
    library_version: Option<(u8, u8)>,
    slot_id: Option<u64>,
    slot_manufacturer: Option<String>,
    slot_description: Option<String>,
    object: Option<String>,
    object_type: Option<ObjectType>,
    id: Option<Vec<u8>>,
    pin_source: Option<String>,
    pin_value: Option<SecretBytes>,
    module_name: Option<String>,
    module_path: Option<String>,
}

/// The class of an object: `type` (RFC 7512 table 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ObjectType {
    /// `public`: `CKO_PUBLIC_KEY`.
    Public,
    /// `private`: `CKO_PRIVATE_KEY`.
    Private,
    /// `cert`: `CKO_CERTIFICATE`.
    Cert,
    /// `secret-key`: `CKO_SECRET_KEY`.
    SecretKey,
    /// `data`: `CKO_DATA`.
    Data,
}

impl Pkcs11Uri {
    /// The most bytes of a URI.
    pub const MAX_LEN: usize = 4096;

    /// `token`: the label of the token.
    #[must_use]
    pub fn token(&self) -> Option<&str> {
        self.token.as_deref()
    }

    /// `manufacturer` of the token.
    #[must_use]
    pub fn manufacturer(&self) -> Option<&str> {
        self.manufacturer.as_deref()
    }

    /// `serial`: the serial number of the token.
    #[must_use]
    pub fn serial(&self) -> Option<&str> {
        self.serial.as_deref()
    }

    /// `model` of the token.
    #[must_use]
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// `library-manufacturer`: who made the module.
    #[must_use]
    pub fn library_manufacturer(&self) -> Option<&str> {
        self.library_manufacturer.as_deref()
    }

    /// `library-description` of the module.
    #[must_use]
    pub fn library_description(&self) -> Option<&str> {
        self.library_description.as_deref()
    }

    /// `library-version` of the module, major and minor. `3` is 3.0.
    #[must_use]
    pub fn library_version(&self) -> Option<(u8, u8)> {
        self.library_version
    }

    /// `slot-id`. It selects no token by itself.
    #[must_use]
    pub fn slot_id(&self) -> Option<u64> {
        self.slot_id
    }

    /// `slot-manufacturer`: who made the reader.
    #[must_use]
    pub fn slot_manufacturer(&self) -> Option<&str> {
        self.slot_manufacturer.as_deref()
    }

    /// `slot-description` of the reader.
    #[must_use]
    pub fn slot_description(&self) -> Option<&str> {
        self.slot_description.as_deref()
    }

    /// `object`: the label of an object (`CKA_LABEL`).
    #[must_use]
    pub fn object(&self) -> Option<&str> {
        self.object.as_deref()
    }

    /// `type`: the class of an object (`CKA_CLASS`).
    #[must_use]
    pub fn object_type(&self) -> Option<ObjectType> {
        self.object_type
    }

    /// `id` of an object (`CKA_ID`), any bytes.
    #[must_use]
    pub fn id(&self) -> Option<&[u8]> {
        self.id.as_deref()
    }

    /// `pin-source`, as it was written.
    #[must_use]
    pub fn pin_source(&self) -> Option<&str> {
        self.pin_source.as_deref()
    }

    /// The file that `pin-source` names.
    #[must_use]
    pub fn pin_file(&self) -> Option<&Path> {
        self.pin_source().and_then(value::pin_file)
    }

    /// `pin-value`: the PIN itself.
    #[must_use]
    pub fn pin_value(&self) -> Option<&SecretBytes> {
        self.pin_value.as_ref()
    }

    /// Takes the PIN out. What is left is what is shown.
    pub fn take_pin_value(&mut self) -> Option<SecretBytes> {
        self.pin_value.take()
    }

    /// `module-name`: the module without directory, `lib` and `.so`. Case does not count.
    #[must_use]
    pub fn module_name(&self) -> Option<&str> {
        self.module_name.as_deref()
    }

    /// `module-path`: the module's file. Absolute.
    #[must_use]
    pub fn module_path(&self) -> Option<&Path> {
        self.module_path.as_deref().map(Path::new)
    }

    /// Sets what stands in the path as `name`, one of [`NAMES`].
    fn set_path(&mut self, name: &'static str, raw: &str) -> Result<(), Error> {
        let text = |max| value::path_text(name, raw, max).map(Some);
        match name {
            "token" => self.token = text(LABEL)?,
            "manufacturer" => self.manufacturer = text(MANUFACTURER)?,
            "serial" => self.serial = Some(value::serial(name, raw, SERIAL)?),
            "model" => self.model = text(MODEL)?,
            "library-manufacturer" => self.library_manufacturer = text(MANUFACTURER)?,
            "library-description" => self.library_description = text(LIBRARY_DESCRIPTION)?,
            "library-version" => self.library_version = Some(value::version(name, raw)?),
            "slot-id" => self.slot_id = Some(value::number(name, raw)?),
            "slot-manufacturer" => self.slot_manufacturer = text(MANUFACTURER)?,
            "slot-description" => self.slot_description = text(SLOT_DESCRIPTION)?,
            "object" => self.object = text(Pkcs11Uri::MAX_LEN)?,
            "type" => self.object_type = Some(ObjectType::read(name, raw)?),
            "id" => self.id = Some(value::bytes(name, raw)?),
            _ => return Err(Error::invalid(name, Rule::Unexpected)),
        }
        Ok(())
    }

    /// Sets what stands in the query as `name`, one of [`NAMES`].
    fn set_query(&mut self, name: &'static str, raw: &str) -> Result<(), Error> {
        match name {
            "pin-source" => self.pin_source = Some(value::pin_source(name, raw)?),
            "pin-value" => self.pin_value = Some(value::secret(name, raw)?),
            "module-name" => self.module_name = Some(value::module_name(name, raw)?),
            "module-path" => self.module_path = Some(value::module_path(name, raw)?),
            _ => return Err(Error::invalid(name, Rule::Unexpected)),
        }
        Ok(())
    }

    /// What attributes may not stand together (section 2.4).
    fn check(&self) -> Result<(), Error> {
        if self.pin_value.is_some() && self.pin_source.is_some() {
            let rule = Rule::Contradicts("pin-source");
            return Err(Error::invalid("pin-value", rule));
        }
        if self.module_path.is_some() && self.module_name.is_some() {
            let rule = Rule::Contradicts("module-name");
            return Err(Error::invalid("module-path", rule));
        }
        Ok(())
    }
}

impl FromStr for Pkcs11Uri {
    type Err = Error;

    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for the attribute, or for `pkcs11
    /// uri`, with
    /// [`Rule::Encoding`] where it is not this grammar, not percent-encoded or not UTF-8;
    /// [`Rule::Character`], [`Rule::TooLong`], [`Rule::Empty`] or [`Rule::OutOfRange`]
    /// for a value; [`Rule::Duplicate`], [`Rule::UnknownName`], [`Rule::Unexpected`] (in
    /// the other component) or [`Rule::Contradicts`] for an attribute;
    /// [`Rule::Unsupported`] for a relative path and for a PIN that is not in a file.
    fn from_str(uri: &str) -> Result<Self, Error> {
        if uri.len() > Pkcs11Uri::MAX_LEN {
            return Err(invalid(Rule::TooLong(Pkcs11Uri::MAX_LEN)));
        }
        let (scheme, rest) = uri.split_once(':').ok_or_else(|| invalid(Rule::Encoding))?;
        if !scheme.eq_ignore_ascii_case("pkcs11") {
            return Err(invalid(Rule::Encoding));
        }
        // `?` may not stand in the path, and may in the query.
        let (path, query) = rest.split_once('?').unwrap_or((rest, ""));

        let mut uri = Pkcs11Uri::default();
        let mut seen = Vec::new();
        for attribute in attributes(path, ';') {
            let (name, raw) = attribute?;
            let known = known(name).ok_or_else(|| invalid(Rule::UnknownName))?;
            once(&mut seen, known)?;
            uri.set_path(known, raw)?;
        }
        for attribute in attributes(query, '&') {
            let (name, raw) = attribute?;
            let Some(known) = known(name) else {
                value::check_query(URI, raw)?;
                continue;
            };
            once(&mut seen, known)?;
            uri.set_query(known, raw)?;
        }
        uri.check()?;
        Ok(uri)
    }
}

impl fmt::Display for Pkcs11Uri {
    /// One spelling for all that mean the same, without the PIN: it is read again as the
    /// same URI, less a `pin-value`. (An `id` is encoded as a whole, so that one of more
    /// than 1,300 bytes can be too long to be read again.)
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("pkcs11:")?;
        let version = self.library_version.map(|(a, b)| format!("{a}.{b}"));
        let slot_id = self.slot_id.map(|id| id.to_string());
        let path = [
            ("token", self.token()),
            ("manufacturer", self.manufacturer()),
            ("model", self.model()),
            ("serial", self.serial()),
            ("library-manufacturer", self.library_manufacturer()),
            ("library-description", self.library_description()),
            ("library-version", version.as_deref()),
            ("slot-manufacturer", self.slot_manufacturer()),
            ("slot-description", self.slot_description()),
            ("slot-id", slot_id.as_deref()),
            ("object", self.object()),
            ("type", self.object_type.map(ObjectType::as_str)),
        ];
        let mut before = "";
        for (name, value) in path {
            let Some(value) = value else { continue };
            write!(f, "{before}{name}={}", Percent::of(value, Component::Path))?;
            before = ";";
        }
        if let Some(id) = self.id() {
            write!(f, "{before}id={}", Percent::all(id))?;
        }
        let query = [
            ("module-name", self.module_name()),
            ("module-path", self.module_path.as_deref()),
            ("pin-source", self.pin_source()),
        ];
        before = "?";
        for (name, value) in query {
            let Some(value) = value else { continue };
            write!(f, "{before}{name}={}", Percent::of(value, Component::Query))?;
            before = "&";
        }
        Ok(())
    }
}

impl fmt::Debug for Pkcs11Uri {
    /// As it is displayed, and whether there is a PIN besides.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pin = match self.pin_value {
            Some(_) => ", with a pin-value",
            None => "",
        };
        write!(f, "Pkcs11Uri({self}{pin})")
    }
}

impl ObjectType {
    const ALL: [ObjectType; 5] = [
        ObjectType::Public,
        ObjectType::Private,
        ObjectType::Cert,
        ObjectType::SecretKey,
        ObjectType::Data,
    ];

    /// Its name in a URI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            ObjectType::Public => "public",
            ObjectType::Private => "private",
            ObjectType::Cert => "cert",
            ObjectType::SecretKey => "secret-key",
            ObjectType::Data => "data",
        }
    }

    fn read(field: &'static str, raw: &str) -> Result<Self, Error> {
        let mut all = ObjectType::ALL.into_iter();
        all.find(|one| one.as_str().eq_ignore_ascii_case(raw))
            .ok_or_else(|| Error::invalid(field, Rule::UnknownName))
    }
}

impl fmt::Display for ObjectType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The names and raw values in a component, which may be empty (section 2.3).
fn attributes(
    component: &str,
    delimiter: char,
) -> impl Iterator<Item = Result<(&str, &str), Error>> {
    let some = (!component.is_empty()).then(|| component.split(delimiter));
    some.into_iter().flatten().map(|attribute| {
        let (name, raw) = attribute
            .split_once('=')
            .ok_or_else(|| invalid(Rule::Encoding))?;
        if name.is_empty() {
            return Err(invalid(Rule::Encoding));
        }
        // pk11-v-attr-nm-char; the RFC's own names are of it.
        let allowed = |c: u8| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'_');
        if !name.bytes().all(allowed) {
            return Err(invalid(Rule::Character));
        }
        Ok((name, raw))
    })
}

/// The RFC's spelling of a name that the RFC knows.
fn known(name: &str) -> Option<&'static str> {
    let mut names = NAMES.into_iter();
    names.find(|known| known.eq_ignore_ascii_case(name))
}

/// Refuses a name that was there before (sections 2.3 and 2.4).
fn once(seen: &mut Vec<&'static str>, name: &'static str) -> Result<(), Error> {
    if seen.contains(&name) {
        return Err(Error::invalid(name, Rule::Duplicate));
    }
    seen.push(name);
    Ok(())
}

fn invalid(rule: Rule) -> Error {
    Error::invalid(URI, rule)
}

/// What errors call the whole.
const URI: &str = "pkcs11 uri";

/// The attributes of section 2.3, path and query.
const NAMES: [&str; 17] = [
    "token",
    "manufacturer",
    "serial",
    "model",
    "library-manufacturer",
    "library-description",
    "library-version",
    "slot-id",
    "slot-manufacturer",
    "slot-description",
    "object",
    "type",
    "id",
    "pin-source",
    "pin-value",
    "module-name",
    "module-path",
];

// The sizes of the members of CK_TOKEN_INFO, CK_SLOT_INFO and CK_INFO in bytes (PKCS#11
// 2.40 sections 3.1 and 3.2).
const LABEL: usize = 32;
const MANUFACTURER: usize = 32;
const MODEL: usize = 16;
const SERIAL: usize = 16;
const LIBRARY_DESCRIPTION: usize = 32;
const SLOT_DESCRIPTION: usize = 64;

#[cfg(test)]
mod tests;
