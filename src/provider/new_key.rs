//! What a backend is told about a key to make, and keys in wrapped form.

use std::fmt;

use crate::alg::{KeySpec, OpSet, TransferAlg};
use crate::error::{Error, Rule};
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::jwk::{Jwk, PublicKey, SecretJwk};

/// A key to make or take over.
///
/// ```
/// use strongroom::provider::NewKey;
/// use strongroom::{Curve, KeySpec, OpSet, ProviderKeyId};
///
/// let id = ProviderKeyId::from_bytes(*b"chosen by caller");
/// let new = NewKey::new(id, KeySpec::Ec(Curve::P256))?.with_label("signing");
/// assert_eq!(new.ops(), OpSet::SIGN_VERIFY);
/// # Ok::<(), strongroom::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewKey {
    id: ProviderKeyId,
    spec: KeySpec,
    label: String,
    ops: OpSet,
    exportable: bool,
}

impl NewKey {
    /// A key of this kind, not exportable, for every verb that its kind can serve.
    ///
    /// # Errors
    /// [`Rule::Size`] for `key_size`.
    pub fn new(id: ProviderKeyId, spec: KeySpec) -> Result<Self, Error> {
        Ok(NewKey {
            id,
            spec: spec.check()?,
            label: String::new(),
            ops: spec.verbs(),
            exportable: false,
        })
    }

    /// Whether a private JWK is of this kind. A symmetric one does not tell what it is for; its
    /// size must agree.
    pub(crate) fn check_kind(&self, key: &SecretJwk) -> Result<(), Error> {
        let (agrees, field) = match (self.spec, key.public().key()) {
            (KeySpec::Aes { bits } | KeySpec::Hmac { bits }, PublicKey::Oct(Some(size))) => {
                (bits == *size, "key_size")
            }
            (KeySpec::Rsa { bits }, PublicKey::Rsa(public)) => (bits == public.bits(), "key_size"),
            (KeySpec::Ec(curve), PublicKey::Ec(public)) => (curve == public.curve(), "crv"),
            _ => (false, "kty"),
        };
        match agrees {
            true => Ok(()),
            false => Err(Error::invalid(field, Rule::Inconsistent)),
        }
    }

    /// With a label for people: on a token, `CKA_LABEL`.
    #[must_use]
    pub fn with_label(mut self, label: &str) -> Self {
        label.clone_into(&mut self.label);
        self
    }

    /// For these operations alone: on a token, `CKA_SIGN` and the like.
    ///
    /// # Errors
    /// [`Rule::NotWithKey`] for `key_ops` if they hold a verb that the kind cannot serve.
    pub fn with_ops(mut self, ops: OpSet) -> Result<Self, Error> {
        let verbs = ops.iter().filter(|op| OpSet::SIX_VERBS.contains(*op));
        if !OpSet::from_iter(verbs).is_subset_of(self.spec.verbs()) {
            return Err(Error::invalid("key_ops", Rule::NotWithKey));
        }
        self.ops = ops;
        Ok(self)
    }

    /// May leave the backend in wrapped form.
    #[must_use]
    pub fn with_exportable(mut self, exportable: bool) -> Self {
        self.exportable = exportable;
        self
    }

    /// The id that the key will have.
    #[must_use]
    pub fn id(&self) -> ProviderKeyId {
        self.id
    }

    /// The kind of key.
    #[must_use]
    pub fn spec(&self) -> KeySpec {
        self.spec
    }

    /// The label.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The operations.
    #[must_use]
    pub fn ops(&self) -> OpSet {
        self.ops
    }

    /// Whether it may leave the backend in wrapped form.
    #[must_use]
    pub fn exportable(&self) -> bool {
        self.exportable
    }
}

/// A key in wrapped form: `CKM_RSA_AES_KEY_WRAP` (PKCS #11 v3.1 section 6.1.29) as the service
/// has it, or one of its [siblings](TransferAlg). As many bytes as the RSA modulus are an AES
/// key of 256 bits, encrypted by RSA-OAEP with the algorithm's hash in both places and no
/// label. The rest is the target key, wrapped under the AES key (RFC 5649): an RSA or EC key
/// as PKCS #8, a symmetric key as its bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct WrappedKey {
    alg: TransferAlg,
    bytes: Vec<u8>,
}

impl WrappedKey {
    /// The blob with these bytes, of `CKM_RSA_AES_KEY_WRAP`.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        WrappedKey {
            alg: TransferAlg::default(),
            bytes,
        }
    }

    /// The same bytes, of this algorithm.
    #[must_use]
    pub fn with_alg(mut self, alg: TransferAlg) -> Self {
        self.alg = alg;
        self
    }

    /// The algorithm.
    #[must_use]
    pub fn alg(&self) -> TransferAlg {
        self.alg
    }

    /// The bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for WrappedKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WrappedKey({}, {} bytes)", self.alg, self.bytes.len())
    }
}

/// What a key is wrapped under when it leaves.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum WrappingKey<'a> {
    /// A key of the same backend.
    Own(&'a KeyHandle),
    /// Somebody else's public RSA key.
    Public(&'a Jwk),
}
