//! The values of attributes: what may stand in them, and percent-encoding.

use std::fmt;
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// Where a value stands, which decides what may stand in it unencoded.
#[derive(Clone, Copy)]
pub(super) enum Component {
    Path,
    Query,
}

impl Component {
    /// `pk11-pchar` and `pk11-qchar` of RFC 7512 section 2.3, less `pct-encoded`.
    fn allows(self, c: u8) -> bool {
        match c {
            // `unreserved` of RFC 3986 section 2.3
            b'-' | b'.' | b'_' | b'~' => true,
            // `pk11-res-avail`
            b':' | b'[' | b']' | b'@' | b'!' | b'$' | b'\'' => true,
            b'(' | b')' | b'*' | b'+' | b',' | b'=' => true,
            b'&' => matches!(self, Component::Path),
            b'/' | b'?' | b'|' => matches!(self, Component::Query),
            _ => c.is_ascii_alphanumeric(),
        }
    }
}

/// Text of the path of at most so many bytes.
pub(super) fn path_text(field: &'static str, raw: &str, max: usize) -> Result<String, Error> {
    let text = text(field, raw, Component::Path)?;
    if text.len() > max {
        return Err(Error::invalid(field, Rule::TooLong(max)));
    }
    Ok(text)
}

/// A serial number: of the character set of `CK_CHAR`, which is that of C and lacks `$`,
/// `@` and the backtick (PKCS#11 2.40 section 1.4).
pub(super) fn serial(field: &'static str, raw: &str, max: usize) -> Result<String, Error> {
    let text = path_text(field, raw, max)?;
    let allowed = |c: u8| matches!(c, b' '..=b'~') && !matches!(c, b'$' | b'@' | b'`');
    if !text.bytes().all(allowed) {
        return Err(Error::invalid(field, Rule::Character));
    }
    Ok(text)
}

/// Any bytes.
pub(super) fn bytes(field: &'static str, raw: &str) -> Result<Vec<u8>, Error> {
    decode(field, raw, Component::Path).map(|bytes| bytes.to_vec())
}

/// `1*DIGIT`, never percent-encoded.
pub(super) fn number(field: &'static str, raw: &str) -> Result<u64, Error> {
    if raw.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if !raw.bytes().all(|c| c.is_ascii_digit()) {
        return Err(Error::invalid(field, Rule::Character));
    }
    raw.parse()
        .map_err(|_| Error::invalid(field, Rule::OutOfRange))
}

/// `M` or `M.N`, one byte each (section 2.3).
pub(super) fn version(field: &'static str, raw: &str) -> Result<(u8, u8), Error> {
    let (major, minor) = raw.split_once('.').unwrap_or((raw, "0"));
    let byte = |raw| {
        let number = number(field, raw)?;
        u8::try_from(number).map_err(|_| Error::invalid(field, Rule::OutOfRange))
    };
    Ok((byte(major)?, byte(minor)?))
}

/// A PIN.
pub(super) fn secret(field: &'static str, raw: &str) -> Result<SecretBytes, Error> {
    let bytes = decode(field, raw, Component::Query)?;
    as_text(field, &bytes)?;
    Ok(SecretBytes::copy_of(&bytes))
}

/// Where a PIN is: a file, by an absolute path.
pub(super) fn pin_source(field: &'static str, raw: &str) -> Result<String, Error> {
    let text = text(field, raw, Component::Query)?;
    if text.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if pin_file(&text).is_none() {
        return Err(Error::invalid(field, Rule::Unsupported));
    }
    Ok(text)
}

/// The file that a `pin-source` names, if it names one.
///
/// A `file:` URI (RFC 8089) inside of this one would be percent-encoded once more, which
/// hardly anybody does who writes one or reads one. So a `%` in it could mean two files,
/// and it is not taken; nor is what would start a query or a fragment. As a plain path
/// any of them can be written.
pub(super) fn pin_file(text: &str) -> Option<&Path> {
    let path = match text.split_at_checked(5) {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("file:") => {
            if rest.contains(['%', '?', '#']) {
                return None;
            }
            match rest.strip_prefix("//") {
                None => rest,
                // Of a host, only this one.
                Some(rest) => rest.strip_prefix("localhost").unwrap_or(rest),
            }
        }
        _ => text,
    };
    // A path that starts otherwise is another URI, a program (`|...`), or depends on the
    // working directory.
    Some(Path::new(path)).filter(|path| path.is_absolute())
}

/// The name of a module: neither a path nor empty (section 2.4).
pub(super) fn module_name(field: &'static str, raw: &str) -> Result<String, Error> {
    let text = text(field, raw, Component::Query)?;
    if text.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if text.contains(['/', '\\']) {
        return Err(Error::invalid(field, Rule::Character));
    }
    Ok(text)
}

/// The path of a module: a relative one is refused, as it would load code from where the
/// process happens to be (section 2.4).
pub(super) fn module_path(field: &'static str, raw: &str) -> Result<String, Error> {
    let text = text(field, raw, Component::Query)?;
    if text.is_empty() {
        return Err(Error::invalid(field, Rule::Empty));
    }
    if !Path::new(&text).is_absolute() {
        return Err(Error::invalid(field, Rule::Unsupported));
    }
    Ok(text)
}

/// Checks a value of the query that nobody reads.
pub(super) fn check_query(field: &'static str, raw: &str) -> Result<(), Error> {
    decode(field, raw, Component::Query).map(drop)
}

fn text(field: &'static str, raw: &str, component: Component) -> Result<String, Error> {
    let bytes = decode(field, raw, component)?;
    as_text(field, &bytes).map(str::to_owned)
}

/// UTF-8 without U+0000: a path and a PIN would end there for a module, and no label of a
/// token can hold one.
fn as_text<'a>(field: &'static str, bytes: &'a [u8]) -> Result<&'a str, Error> {
    let text = str::from_utf8(bytes).map_err(|_| Error::invalid(field, Rule::Encoding))?;
    if text.contains('\0') {
        return Err(Error::invalid(field, Rule::Character));
    }
    Ok(text)
}

/// Undoes percent-encoding. Erased when dropped, since it may be a PIN.
fn decode(
    field: &'static str,
    raw: &str,
    component: Component,
) -> Result<Zeroizing<Vec<u8>>, Error> {
    // Never longer than what was encoded: the buffer does not grow.
    let mut bytes = Zeroizing::new(Vec::with_capacity(raw.len()));
    let mut rest = raw.as_bytes();
    while let Some((&c, after)) = rest.split_first() {
        rest = after;
        if c != b'%' {
            if !component.allows(c) {
                return Err(Error::invalid(field, Rule::Character));
            }
            bytes.push(c);
            continue;
        }
        let (byte, after) = hex_byte(after).ok_or_else(|| Error::invalid(field, Rule::Encoding))?;
        bytes.push(byte);
        rest = after;
    }
    Ok(bytes)
}

/// Two hexadecimal digits in either case, and what follows.
fn hex_byte(text: &[u8]) -> Option<(u8, &[u8])> {
    let ([high, low], rest) = text.split_first_chunk()?;
    Some((hex_digit(*high)? << 4 | hex_digit(*low)?, rest))
}

fn hex_digit(c: u8) -> Option<u8> {
    match c {
        b'0'..=b'9' => Some(c - b'0'),
        b'A'..=b'F' => Some(c - b'A' + 10),
        b'a'..=b'f' => Some(c - b'a' + 10),
        _ => None,
    }
}

/// Shows bytes percent-encoded: with upper-case digits (RFC 3986 section 2.1), and only
/// where it must be, or all of them.
pub(super) struct Percent<'a> {
    bytes: &'a [u8],
    plain: Option<Component>,
}

impl<'a> Percent<'a> {
    /// What may not stand in the component unencoded.
    pub(super) fn of(text: &'a str, component: Component) -> Self {
        Percent {
            bytes: text.as_bytes(),
            plain: Some(component),
        }
    }

    /// All bytes, as an `id` should be (RFC 7512 section 2.3).
    pub(super) fn all(bytes: &'a [u8]) -> Self {
        Percent { bytes, plain: None }
    }
}

impl fmt::Display for Percent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for &byte in self.bytes {
            match self.plain {
                Some(component) if component.allows(byte) => write!(f, "{}", char::from(byte))?,
                _ => write!(f, "%{byte:02X}")?,
            }
        }
        Ok(())
    }
}
