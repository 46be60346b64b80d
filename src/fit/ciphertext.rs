//! What encryption and decryption take besides the data, and what encryption gives.

use std::fmt;

use crate::error::{Error, Rule};

/// The length of a GCM IV, in bytes: the one that needs no GHASH (SP 800-38D section 5.2.1.1).
pub const GCM_IV_LEN: usize = 12;

/// The length of a GCM tag, in bytes. Shorter tags are not accepted.
pub const GCM_TAG_LEN: usize = 16;

/// The AES block, and so the CBC IV, in bytes.
pub(super) const BLOCK: usize = 16;

/// What encryption needs besides the plaintext.
///
/// ```
/// use strongroom::EncryptParams;
/// let params = EncryptParams::none().with_aad(b"invoice 7");
/// # let _ = params;
/// ```
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct EncryptParams<'a> {
    /// The IV: required with CBC, which never repeats it for a key; refused with GCM,
    /// whose IV the backend makes (one repeated IV gives the authentication key away).
    pub iv: Option<&'a [u8]>,
    /// Associated data: authenticated with GCM, refused with RSA. With CBC it is
    /// accepted and **ignored**, as the service does: CBC authenticates nothing.
    pub aad: Option<&'a [u8]>,
}

impl<'a> EncryptParams<'a> {
    /// Neither IV nor associated data.
    #[must_use]
    pub fn none() -> Self {
        EncryptParams::default()
    }

    /// With this IV.
    #[must_use]
    pub fn with_iv(mut self, iv: &'a [u8]) -> Self {
        self.iv = Some(iv);
        self
    }

    /// With this associated data.
    #[must_use]
    pub fn with_aad(mut self, aad: &'a [u8]) -> Self {
        self.aad = Some(aad);
        self
    }
}

impl fmt::Debug for EncryptParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EncryptParams").finish_non_exhaustive()
    }
}

/// What decryption needs besides the ciphertext. [`Ciphertext::params`] gives what
/// encryption returned.
#[derive(Clone, Copy, Default)]
#[non_exhaustive]
pub struct DecryptParams<'a> {
    /// The IV: required with GCM (12 bytes) and CBC (16 bytes).
    pub iv: Option<&'a [u8]>,
    /// The tag: required with GCM (16 bytes), refused otherwise.
    pub tag: Option<&'a [u8]>,
    /// The associated data; see [`EncryptParams::aad`].
    pub aad: Option<&'a [u8]>,
}

impl<'a> DecryptParams<'a> {
    /// Nothing.
    #[must_use]
    pub fn none() -> Self {
        DecryptParams::default()
    }

    /// With this IV.
    #[must_use]
    pub fn with_iv(mut self, iv: &'a [u8]) -> Self {
        self.iv = Some(iv);
        self
    }

    /// With this tag.
    #[must_use]
    pub fn with_tag(mut self, tag: &'a [u8]) -> Self {
        self.tag = Some(tag);
        self
    }

    /// With this associated data.
    #[must_use]
    pub fn with_aad(mut self, aad: &'a [u8]) -> Self {
        self.aad = Some(aad);
        self
    }
}

impl fmt::Debug for DecryptParams<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DecryptParams").finish_non_exhaustive()
    }
}

/// What encryption gives.
#[derive(Clone, PartialEq, Eq)]
pub struct Ciphertext {
    bytes: Vec<u8>,
    iv: Option<Iv>,
    tag: Option<[u8; GCM_TAG_LEN]>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Iv {
    Gcm([u8; GCM_IV_LEN]),
    Cbc([u8; BLOCK]),
}

impl Ciphertext {
    /// For backends: an RSA ciphertext.
    #[must_use]
    pub fn rsa(bytes: Vec<u8>) -> Self {
        Ciphertext {
            bytes,
            iv: None,
            tag: None,
        }
    }

    /// For backends: a CBC ciphertext with the IV that the caller gave.
    #[must_use]
    pub fn cbc(bytes: Vec<u8>, iv: [u8; BLOCK]) -> Self {
        Ciphertext {
            bytes,
            iv: Some(Iv::Cbc(iv)),
            tag: None,
        }
    }

    /// For backends: a GCM ciphertext with the IV that the backend made.
    #[must_use]
    pub fn gcm(bytes: Vec<u8>, sealed: Sealed) -> Self {
        Ciphertext {
            bytes,
            iv: Some(Iv::Gcm(sealed.iv)),
            tag: Some(sealed.tag),
        }
    }

    /// The ciphertext, without IV and tag.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The ciphertext, owned.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// The IV, with GCM and CBC.
    #[must_use]
    pub fn iv(&self) -> Option<&[u8]> {
        match &self.iv {
            Some(Iv::Gcm(iv)) => Some(iv),
            Some(Iv::Cbc(iv)) => Some(iv),
            None => None,
        }
    }

    /// The tag, with GCM.
    #[must_use]
    pub fn tag(&self) -> Option<&[u8]> {
        self.tag.as_ref().map(<[u8; GCM_TAG_LEN]>::as_slice)
    }

    /// IV and tag of GCM.
    #[must_use]
    pub fn sealed(&self) -> Option<Sealed> {
        match (self.iv, self.tag) {
            (Some(Iv::Gcm(iv)), Some(tag)) => Some(Sealed { iv, tag }),
            _ => None,
        }
    }

    /// IV and tag as decryption takes them. Associated data is the caller's to add.
    #[must_use]
    pub fn params(&self) -> DecryptParams<'_> {
        DecryptParams {
            iv: self.iv(),
            tag: self.tag(),
            aad: None,
        }
    }
}

impl fmt::Debug for Ciphertext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Ciphertext({} bytes)", self.bytes.len())
    }
}

/// What in-place encryption gives besides the buffer: IV and tag of GCM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The IV that the backend made.
    pub iv: [u8; GCM_IV_LEN],
    /// The tag.
    pub tag: [u8; GCM_TAG_LEN],
}

/// A parameter that must be there and have exactly this length. By reference: arrays of 12 and
/// 16 bytes in a `Result` take longer to move than a short message to decrypt.
#[inline]
pub(super) fn exactly<'a, const N: usize>(
    field: &'static str,
    bytes: Option<&'a [u8]>,
) -> Result<&'a [u8; N], Error> {
    let bytes = bytes.ok_or_else(|| Error::invalid(field, Rule::Missing))?;
    bytes.try_into().map_err(|_| {
        let rule = Rule::Length {
            expected: N,
            actual: bytes.len(),
        };
        Error::invalid(field, rule)
    })
}
