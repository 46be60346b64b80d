//! Handles: which key, where, and what kind; plain data and nothing that lives.

use std::any::Any;
use std::fmt;
use std::sync::{Arc, OnceLock};

use crate::alg::KeySpec;
use crate::encoding::hex::Hex;
use crate::error::{Error, Rule};
use crate::jwk::Jwk;

/// The name of a backend, such as `software`. It stands in records and in the
/// associated data of sealed keys, so it must stay the same as long as they live.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderId(Arc<str>);

impl ProviderId {
    /// The most characters in an id.
    pub const MAX_LEN: usize = 64;

    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) for `provider` unless it has
    /// 1 to 64 characters of `a-z`, `0-9`, `-`, `_` and `.`.
    ///
    /// ```
    /// use strongroom::ProviderId;
    /// assert_eq!(ProviderId::new("software")?.as_str(), "software");
    /// assert!(ProviderId::new("two words").is_err());
    /// # Ok::<(), strongroom::Error>(())
    /// ```
    pub fn new(id: &str) -> Result<Self, Error> {
        if id.is_empty() {
            return Err(Error::invalid("provider", Rule::Empty));
        }
        if id.len() > ProviderId::MAX_LEN {
            return Err(Error::invalid(
                "provider",
                Rule::TooLong(ProviderId::MAX_LEN),
            ));
        }
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.".contains(c);
        if !id.chars().all(allowed) {
            return Err(Error::invalid("provider", Rule::Character));
        }
        Ok(ProviderId(id.into()))
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ProviderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A key's id within its backend: 16 bytes chosen by whoever creates the key, so that
/// it can be found again after a crash. On a token it is `CKA_ID`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ProviderKeyId([u8; 16]);

impl ProviderKeyId {
    /// The id with these bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        ProviderKeyId(bytes)
    }

    /// The bytes.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl fmt::Display for ProviderKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&Hex(&self.0), f)
    }
}

impl fmt::Debug for ProviderKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Names one key of one backend. Cheap to clone, plain data: no session, login or
/// object number is in it, so it outlives all of them and can be stored.
///
/// Where the backend has no durable place of its own, [`blob`](KeyHandle::blob) is the
/// sealed key itself: whoever keeps the handle keeps the key.
#[derive(Clone, PartialEq)]
pub struct KeyHandle(Arc<Inner>);

#[derive(PartialEq)]
struct Inner {
    provider: ProviderId,
    id: ProviderKeyId,
    spec: KeySpec,
    public: Option<Jwk>,
    blob: Box<[u8]>,
    memo: Memo,
}

/// What a backend has made of this very handle, so that it need not be looked up for each use.
/// No part of what a handle says: it is not stored and not shown.
#[derive(Default)]
struct Memo(OnceLock<Arc<dyn Any + Send + Sync>>);

impl KeyHandle {
    /// Puts a handle together: for backends, and for stores that read one back.
    ///
    /// # Errors
    /// [`ErrorKind::Invalid`](crate::ErrorKind::Invalid) if the size is not a supported
    /// one, or if the public half is absent, superfluous or of another kind.
    pub fn new(
        provider: ProviderId,
        id: ProviderKeyId,
        spec: KeySpec,
        public: Option<Jwk>,
        blob: Vec<u8>,
    ) -> Result<Self, Error> {
        spec.check()?;
        match &public {
            None if !spec.is_symmetric() => return Err(Error::invalid("public", Rule::Missing)),
            Some(_) if spec.is_symmetric() => {
                return Err(Error::invalid("public", Rule::Unexpected));
            }
            Some(jwk) if jwk.spec()? != spec => {
                return Err(Error::invalid("public", Rule::Inconsistent));
            }
            _ => {}
        }
        Ok(KeyHandle(Arc::new(Inner {
            provider,
            id,
            spec,
            public,
            blob: blob.into(),
            memo: Memo::default(),
        })))
    }

    /// The backend that holds the key.
    #[must_use]
    pub fn provider(&self) -> &ProviderId {
        &self.0.provider
    }

    /// The key's id in that backend.
    #[must_use]
    pub fn id(&self) -> ProviderKeyId {
        self.0.id
    }

    /// What kind of key it is.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        self.0.spec
    }

    /// The public half; symmetric keys have none.
    #[must_use]
    pub fn public(&self) -> Option<&Jwk> {
        self.0.public.as_ref()
    }

    /// What was remembered.
    #[inline]
    pub(crate) fn recall<T: Any + Send + Sync>(&self) -> Option<&T> {
        self.0.memo.0.get()?.downcast_ref()
    }

    /// Remembers something with this handle and its clones, once and for all: what takes its
    /// place later is not. A handle may outlive its backend, which sees to it that what is
    /// remembered then holds no secret.
    pub(crate) fn remember<T: Any + Send + Sync>(&self, made: &Arc<T>) {
        let made: Arc<T> = Arc::clone(made);
        self.0.memo.0.get_or_init(|| made);
    }

    /// Whether both are clones of one: equal, and cheaper to find out.
    pub(crate) fn is_same(&self, other: &KeyHandle) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// What the backend needs to find or open the key; opaque to everyone else.
    #[must_use]
    pub fn blob(&self) -> &[u8] {
        &self.0.blob
    }
}

impl PartialEq for Memo {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl fmt::Debug for KeyHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "KeyHandle({}:{}, {})",
            self.provider(),
            self.id(),
            self.spec()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn handle(spec: KeySpec, public: Option<Jwk>) -> Result<KeyHandle, Error> {
        let id = ProviderKeyId::from_bytes([0xAB; 16]);
        KeyHandle::new(
            ProviderId::new("software")?,
            id,
            spec,
            public,
            vec![1, 2, 3],
        )
    }

    #[test]
    fn debug_shows_the_ids_alone() {
        let shown = format!("{:?}", handle(KeySpec::Aes { bits: 256 }, None).unwrap());
        let id = "ab".repeat(16);
        assert_eq!(shown, format!("KeyHandle(software:{id}, AES-256)"));
    }

    #[test]
    fn a_handle_agrees_with_itself() {
        assert!(handle(KeySpec::Rsa { bits: 2048 }, None).is_err());
        assert!(handle(KeySpec::Aes { bits: 100 }, None).is_err());
    }
}
