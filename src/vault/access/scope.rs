//! Where a role is held.

use std::fmt;
use std::str::FromStr;

use crate::error::{Error, Rule};
use crate::vault::KeyName;

/// The part of a vault that a role assignment is for; wider ones include narrower ones.
///
/// ```
/// use strongroom::vault::access::Scope;
/// let key: Scope = "/keys/signing".parse()?;
/// assert!(Scope::Keys.includes(&key) && Scope::Vault.includes(&key));
/// assert!(!key.includes(&Scope::Keys));
/// assert_eq!(key.to_string(), "/keys/signing");
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Scope {
    /// `/`: everything.
    Vault,
    /// `/keys`: all keys.
    Keys,
    /// `/keys/{name}`: one key, all its versions.
    Key(KeyName),
}

impl Scope {
    /// Whether what is held here is held there.
    #[must_use]
    pub fn includes(&self, other: &Scope) -> bool {
        match (self, other) {
            (Scope::Vault, _) | (Scope::Keys, Scope::Keys | Scope::Key(_)) => true,
            (Scope::Key(a), Scope::Key(b)) => a == b,
            _ => false,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Scope::Vault => f.write_str("/"),
            Scope::Keys => f.write_str("/keys"),
            Scope::Key(name) => write!(f, "/keys/{name}"),
        }
    }
}

impl FromStr for Scope {
    type Err = Error;

    /// # Errors
    /// [`Rule::Encoding`] for `scope`, or a malformed `name`.
    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "/" => Ok(Scope::Vault),
            "/keys" => Ok(Scope::Keys),
            text => {
                let name = text.strip_prefix("/keys/");
                let name = name.ok_or_else(|| Error::invalid("scope", Rule::Encoding))?;
                Ok(Scope::Key(name.parse()?))
            }
        }
    }
}
