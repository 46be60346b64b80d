//! The members of a JWK that do not make the key.

use crate::alg::OpSet;

/// What a JWK says besides the key itself (RFC 7517 section 4).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Meta {
    pub(crate) kid: Option<String>,
    pub(crate) key_ops: Option<OpSet>,
    pub(crate) hsm: bool,
}

impl Meta {
    /// `kid`.
    #[must_use]
    pub fn kid(&self) -> Option<&str> {
        self.kid.as_deref()
    }

    /// `key_ops`.
    #[must_use]
    pub fn key_ops(&self) -> Option<OpSet> {
        self.key_ops
    }

    /// Whether `kty` says `-HSM`.
    #[must_use]
    pub fn is_hsm(&self) -> bool {
        self.hsm
    }

    /// draft
    pub fn set_kid(&mut self, kid: Option<String>) {
        self.kid = kid;
    }
    /// draft
    pub fn set_key_ops(&mut self, ops: Option<OpSet>) {
        self.key_ops = ops;
    }
    /// draft
    pub fn set_hsm(&mut self, hsm: bool) {
        self.hsm = hsm;
    }
}
