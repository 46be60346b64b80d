//! How a sealing key is kept: nothing secret, stored beside what it seals.
//!
//! ```text
//! offset  bytes  what
//!      0      4  "srh1": form and version
//!      4      1  1 = passphrase, 2 = wrapped
//!
//! 1:   5     16  salt
//!     21      4  memory in KiB      (argon2id version 1.3, RFC 9106; numbers big-endian)
//!     25      4  passes
//!     29      4  lanes
//!
//! 2:   5      1  length of the provider id
//!      6      a  provider id
//!    6+a     16  key id in that provider
//!   22+a      1  length of the algorithm's name
//!   23+a      b  the algorithm's name, such as "A256KW"
//! 23+a+b      2  length of the wrapped key
//! 25+a+b      c  wrapped key
//!
//! both: last 32  check value
//! ```
//!
//! The check value is `HKDF-SHA-256(sealing key, info = "strongroom 1 check" || all that
//! precedes it)`. It tells a wrong passphrase at once, and it covers the costs, so they
//! cannot be edited behind the owner's back. It lets nobody guess faster: a guess at the
//! passphrase costs an argon2id either way.

use std::fmt;

use subtle::ConstantTimeEq;

use super::key::SealingKey;
use super::passphrase::{PassphraseCosts, stretch};
use super::random::Randomness;
use crate::alg::{WrapAlg, WrapScheme};
use crate::error::{Error, ErrorKind, Rule};
use crate::fit::{UnwrapRequest, WrapRequest};
use crate::handle::{KeyHandle, ProviderId, ProviderKeyId};
use crate::provider::KeyProvider;

const MAGIC: &[u8; 4] = b"srh1";
const PASSPHRASE: u8 = 1;
const WRAPPED: u8 = 2;
const SALT_LEN: usize = 16;
const CHECK_LEN: usize = 32;

/// How to get at a [`SealingKey`]: from a passphrase, or by unwrapping it with another
/// backend's key. Holds nothing secret; keep it beside the handles.
///
/// ```
/// use strongroom::seal::{PassphraseCosts, SealingHeader};
/// use strongroom::software::Software;
/// use strongroom::{ErrorKind, Rule};
///
/// let costs = PassphraseCosts::default();
/// let (header, key) = SealingHeader::from_passphrase(b"correct horse", costs)?;
/// let software = Software::new(key)?;
/// let stored = header.to_bytes();
///
/// // At the next start:
/// let header = SealingHeader::from_bytes(&stored)?;
/// let software = Software::new(header.open_with_passphrase(b"correct horse")?)?;
///
/// let error = header.open_with_passphrase(b"battery staple").unwrap_err();
/// let wrong = ErrorKind::Invalid { field: "passphrase", rule: Rule::Password };
/// assert_eq!(*error.kind(), wrong);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct SealingHeader {
    way: Way,
    check: [u8; CHECK_LEN],
}

#[derive(Clone, PartialEq, Eq)]
enum Way {
    Passphrase {
        salt: [u8; SALT_LEN],
        costs: PassphraseCosts,
    },
    Wrapped {
        provider: ProviderId,
        key: ProviderKeyId,
        alg: WrapAlg,
        wrapped: Vec<u8>,
    },
}

impl SealingHeader {
    /// A new header and the key that the passphrase gives with it.
    ///
    /// # Errors
    /// [`Rule::Empty`] for `passphrase`; [`Randomness`](ErrorKind::Randomness);
    /// [`Unavailable`](ErrorKind::Unavailable) if there is not enough memory.
    pub fn from_passphrase(
        passphrase: &[u8],
        costs: PassphraseCosts,
    ) -> Result<(Self, SealingKey), Error> {
        let mut salt = [0; SALT_LEN];
        Randomness::system().fill(&mut salt)?;
        let key = stretch(passphrase, &salt, costs)?;
        let way = Way::Passphrase { salt, costs };
        Ok((SealingHeader::new(way, &key), key))
    }

    /// The key, from the passphrase.
    ///
    /// # Errors
    /// [`Rule::Password`] for `passphrase` if it is wrong or the header was altered,
    /// which look the same; [`Rule::Unexpected`] if the header is not of this kind; as
    /// [`SealingHeader::from_passphrase`] otherwise.
    pub fn open_with_passphrase(&self, passphrase: &[u8]) -> Result<SealingKey, Error> {
        let Way::Passphrase { salt, costs } = &self.way else {
            return Err(Error::invalid("passphrase", Rule::Unexpected));
        };
        let key = stretch(passphrase, salt, *costs)?;
        if !self.accepts(&key) {
            return Err(Error::invalid("passphrase", Rule::Password));
        }
        Ok(key)
    }

    /// A new random key, and a header that holds it wrapped under another backend's key:
    /// with a token below, nothing on disk opens without the token. The key is unwrapped
    /// once before this returns, so a key that wraps and cannot unwrap is found now and
    /// not at the next start.
    ///
    /// # Errors
    /// [`Rule::Unsupported`] for `alg` with RSA, of which anyone with the public key could
    /// make a header (and then knows every key that is sealed from then on); what the backend says to wrapping and
    /// unwrapping; [`Randomness`](ErrorKind::Randomness).
    pub fn wrapped_by(
        provider: &dyn KeyProvider,
        key: &KeyHandle,
        alg: WrapAlg,
    ) -> Result<(Self, SealingKey), Error> {
        if !is_authenticated(alg) {
            return Err(Error::invalid("alg", Rule::Unsupported));
        }
        let sealing = SealingKey::random()?;
        let request = WrapRequest::new(key, alg, sealing.root().expose())?;
        let way = Way::Wrapped {
            provider: key.provider().clone(),
            key: key.id(),
            alg,
            wrapped: provider.wrap_key(&request)?,
        };
        let header = SealingHeader::new(way, &sealing);
        header.open_with_key(provider, key)?;
        Ok((header, sealing))
    }

    /// The key, unwrapped by the backend that wrapped it.
    ///
    /// # Errors
    /// [`NotFound`](ErrorKind::NotFound) if `key` is not the one
    /// [named](SealingHeader::wrapping_key); [`Corrupt`](ErrorKind::Corrupt) if what
    /// comes out is not the sealing key; [`Rule::Unexpected`] for `key` if the header is
    /// not of this kind; what the backend says to unwrapping otherwise.
    pub fn open_with_key(
        &self,
        provider: &dyn KeyProvider,
        key: &KeyHandle,
    ) -> Result<SealingKey, Error> {
        let Way::Wrapped { alg, wrapped, .. } = &self.way else {
            return Err(Error::invalid("key", Rule::Unexpected));
        };
        if self.wrapping_key() != Some((key.provider(), key.id())) {
            return Err(ErrorKind::NotFound.into());
        }
        let root = provider.unwrap_key(&UnwrapRequest::new(key, *alg, wrapped)?)?;
        let key = SealingKey::from_secret(root).map_err(|_| corrupt())?;
        if !self.accepts(&key) {
            return Err(corrupt());
        }
        Ok(key)
    }

    /// Backend and id of the key that this header needs, if it is of that kind.
    #[must_use]
    pub fn wrapping_key(&self) -> Option<(&ProviderId, ProviderKeyId)> {
        match &self.way {
            Way::Passphrase { .. } => None,
            Way::Wrapped { provider, key, .. } => Some((provider, *key)),
        }
    }

    /// The stored form.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.way.to_bytes();
        out.extend_from_slice(&self.check);
        out
    }

    /// Reads the stored form. Nothing is authenticated before it is opened.
    ///
    /// # Errors
    /// [`Corrupt`](ErrorKind::Corrupt), for costs out of bounds too.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let read = || {
            let (way, check) = bytes.split_last_chunk()?;
            let way = Way::from_bytes(way)?;
            let check = *check;
            Some(SealingHeader { way, check })
        };
        read().ok_or_else(corrupt)
    }

    fn new(way: Way, key: &SealingKey) -> Self {
        let check = key.check(&way.to_bytes());
        SealingHeader { way, check }
    }

    fn accepts(&self, key: &SealingKey) -> bool {
        key.check(&self.way.to_bytes()).ct_eq(&self.check).into()
    }
}

impl Way {
    fn to_bytes(&self) -> Vec<u8> {
        let mut out = MAGIC.to_vec();
        match self {
            Way::Passphrase { salt, costs } => {
                out.push(PASSPHRASE);
                out.extend_from_slice(salt);
                for cost in [costs.memory_kib, costs.passes, costs.lanes] {
                    out.extend_from_slice(&cost.to_be_bytes());
                }
            }
            Way::Wrapped {
                provider,
                key,
                alg,
                wrapped,
            } => {
                out.push(WRAPPED);
                // Both names are far below 256 bytes, by construction.
                let provider = provider.as_str().as_bytes();
                out.push(u8::try_from(provider.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(provider);
                out.extend_from_slice(key.as_bytes());
                let alg = alg.row().name.as_bytes();
                out.push(u8::try_from(alg.len()).unwrap_or(u8::MAX));
                out.extend_from_slice(alg);
                let len = u16::try_from(wrapped.len()).unwrap_or(u16::MAX);
                out.extend_from_slice(&len.to_be_bytes());
                out.extend_from_slice(wrapped);
            }
        }
        out
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let rest = bytes.strip_prefix(MAGIC)?;
        let (kind, rest) = rest.split_first()?;
        match *kind {
            PASSPHRASE => {
                let (salt, rest) = rest.split_first_chunk()?;
                let (memory, rest) = number(rest)?;
                let (passes, rest) = number(rest)?;
                let (lanes, rest) = number(rest)?;
                let costs = PassphraseCosts::new(memory, passes, lanes).ok()?;
                let salt = *salt;
                rest.is_empty().then_some(Way::Passphrase { salt, costs })
            }
            WRAPPED => {
                let (provider, rest) = name(rest)?;
                let provider = ProviderId::new(provider).ok()?;
                let (key, rest) = rest.split_first_chunk()?;
                let key = ProviderKeyId::from_bytes(*key);
                let (alg, rest) = name(rest)?;
                let alg = alg.parse().ok().filter(|alg| is_authenticated(*alg))?;
                let (len, wrapped) = rest.split_first_chunk()?;
                let whole = usize::from(u16::from_be_bytes(*len)) == wrapped.len();
                let wrapped = wrapped.to_vec();
                whole.then_some(Way::Wrapped {
                    provider,
                    key,
                    alg,
                    wrapped,
                })
            }
            _ => None,
        }
    }
}

/// Whether only a holder of the wrapping key can have wrapped: AES key wrap is symmetric and
/// checks its result (SP 800-38F section 3.2), RSA encryption is anybody's.
fn is_authenticated(alg: WrapAlg) -> bool {
    matches!(alg.row().scheme, WrapScheme::AesKw(_) | WrapScheme::AesKwp)
}

fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

fn name(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let (len, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(*len))?;
    Some((std::str::from_utf8(name).ok()?, rest))
}

fn corrupt() -> Error {
    ErrorKind::Corrupt {
        what: "sealing header",
    }
    .into()
}

impl fmt::Debug for SealingHeader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.way {
            Way::Passphrase { costs, .. } => write!(f, "SealingHeader({costs:?})"),
            Way::Wrapped { provider, key, .. } => write!(f, "SealingHeader({provider}:{key})"),
        }
    }
}
