//! Where the PIN comes from. It is asked for when it is needed and kept nowhere.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroize;

use crate::error::{Error, ErrorKind, Rule};
use crate::secret::SecretBytes;

/// The most bytes of a PIN; no token takes as many.
const MOST: u64 = 1024;

/// Where a token's PIN comes from.
///
/// ```
/// use strongroom::SecretBytes;
/// use strongroom::pkcs11::PinSource;
///
/// let sources = [
///     PinSource::file("/run/secrets/hsm-pin"),
///     PinSource::environment("HSM_PIN"),
///     PinSource::value(b"1234"),
///     PinSource::callback(|| Ok(SecretBytes::copy_of(b"asked of a person"))),
///     PinSource::none(),
/// ];
/// // None of them shows a PIN.
/// assert!(!format!("{sources:?}").contains("1234"));
/// ```
#[derive(Clone)]
pub struct PinSource(Source);

type Callback = dyn Fn() -> Result<SecretBytes, Error> + Send + Sync;

#[derive(Clone)]
enum Source {
    None,
    Value(Arc<SecretBytes>),
    File(PathBuf),
    Environment(String),
    Callback(Arc<Callback>),
}

impl PinSource {
    /// No PIN: for a token that needs no login, or that has a keypad of its own
    /// (`CKF_PROTECTED_AUTHENTICATION_PATH`).
    #[must_use]
    pub fn none() -> Self {
        PinSource(Source::None)
    }

    /// This PIN. It stays in memory, and is erased with the last copy of the source.
    #[must_use]
    pub fn value(pin: &[u8]) -> Self {
        PinSource(Source::Value(Arc::new(SecretBytes::copy_of(pin))))
    }

    /// The content of a file, read at each login, less one line end.
    #[must_use]
    pub fn file(path: impl Into<PathBuf>) -> Self {
        PinSource(Source::File(path.into()))
    }

    /// The value of an environment variable, read at each login.
    #[must_use]
    pub fn environment(name: &str) -> Self {
        PinSource(Source::Environment(name.to_owned()))
    }

    /// Whatever the function gives, asked at each login. It may block: uses of the token that need
    /// the login wait for it, or fail with [`Unavailable`](crate::ErrorKind::Unavailable) after
    /// [`Builder::session_wait`](super::Builder::session_wait). With a key that wants the PIN for
    /// each use (`CKA_ALWAYS_AUTHENTICATE`) it is asked within the call, and so within its deadline.
    #[must_use]
    pub fn callback(ask: impl Fn() -> Result<SecretBytes, Error> + Send + Sync + 'static) -> Self {
        PinSource(Source::Callback(Arc::new(ask)))
    }

    pub(super) fn get(&self) -> Result<Option<Arc<SecretBytes>>, Error> {
        let pin = match &self.0 {
            Source::None => return Ok(None),
            Source::Value(pin) => Arc::clone(pin),
            Source::File(path) => Arc::new(from_file(path)?),
            Source::Environment(name) => {
                let value = std::env::var(name).map_err(|_| missing())?;
                Arc::new(SecretBytes::from_vec(value.into_bytes()))
            }
            Source::Callback(ask) => Arc::new(ask()?),
        };
        // Never sent: it would count as a wrong one.
        if pin.is_empty() {
            return Err(missing());
        }
        Ok(Some(pin))
    }
}

fn missing() -> Error {
    Error::invalid("pin", Rule::Missing)
}

fn from_file(path: &std::path::Path) -> Result<SecretBytes, Error> {
    let unreadable = |error| Error::with_source(ErrorKind::Unavailable { what: "pin file" }, error);
    let len = std::fs::metadata(path).map_err(unreadable)?.len();
    if len > MOST {
        return Err(Error::invalid("pin", Rule::TooLong(1024)));
    }
    let mut content = std::fs::read(path).map_err(unreadable)?;
    let end = content.strip_suffix(b"\n").unwrap_or(&content);
    let pin = SecretBytes::copy_of(end.strip_suffix(b"\r").unwrap_or(end));
    content.zeroize();
    Ok(pin)
}

impl fmt::Debug for PinSource {
    /// The kind of source, and what names it; never a PIN.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Source::None => f.write_str("none"),
            Source::Value(_) => f.write_str("a value"),
            Source::File(path) => write!(f, "file {}", path.display()),
            Source::Environment(name) => write!(f, "environment variable {name}"),
            Source::Callback(_) => f.write_str("a callback"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<SecretBytes, Error> {
        let path = std::env::temp_dir().join(format!("strongroom-pin-{}", std::process::id()));
        std::fs::write(&path, content).unwrap();
        let pin = PinSource::file(&path).get();
        std::fs::remove_file(&path).unwrap();
        pin.map(|pin| SecretBytes::copy_of(pin.unwrap().expose()))
    }

    #[test]
    fn a_files_line_end_is_not_part_of_the_pin() {
        for (content, pin) in [
            (&b"1234\n"[..], &b"1234"[..]),
            (b"1234\r\n", b"1234"),
            (b" 12\n\n", b" 12\n"),
        ] {
            assert_eq!(read(content).unwrap().expose(), pin);
        }
        assert!(read(b"\n").is_err());
        assert!(read(&[b'1'; 1025]).is_err());
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        assert!(PinSource::file("/nonexistent/pin").get().is_err());
        assert!(
            PinSource::environment("STRONGROOM_NO_SUCH_VARIABLE")
                .get()
                .is_err()
        );
        assert!(PinSource::none().get().unwrap().is_none());
        assert!(PinSource::value(b"").get().is_err());
    }
}
