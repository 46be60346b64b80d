//! Each path that AES can take on this processor, chosen by hand: for vectors and fuzzing.

use super::aes::AesKey;
use super::{cbc, key_wrap};
use crate::fit::{GCM_IV_LEN, GCM_TAG_LEN, Sealed};
use crate::secret::SecretBytes;

/// An AES key on one of the paths.
///
/// Not for use: it lets the caller choose GCM's IV, and one repeated IV gives the
/// authentication key away.
pub struct AesPath(AesKey);

impl AesPath {
    /// The key once for each path, the RustCrypto crates' last. None unless it has 16, 24
    /// or 32 bytes.
    pub fn all(k: &[u8]) -> Vec<Self> {
        AesKey::on_every_path(k).into_iter().map(AesPath).collect()
    }

    /// GCM; `None` if lengths are beyond its bounds.
    pub fn gcm_encrypt(
        &self,
        iv: [u8; GCM_IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Option<(Vec<u8>, [u8; GCM_TAG_LEN])> {
        let encrypted = self.0.gcm_encrypt(iv, aad, plaintext);
        let (ciphertext, sealed) = encrypted.ok()?;
        Some((ciphertext, sealed.tag))
    }

    /// GCM; `None` if the tag is another.
    pub fn gcm_decrypt(
        &self,
        iv: [u8; GCM_IV_LEN],
        aad: &[u8],
        ciphertext: &[u8],
        tag: [u8; GCM_TAG_LEN],
    ) -> Option<SecretBytes> {
        let sealed = Sealed { iv, tag };
        self.0.gcm_decrypt(&sealed, aad, ciphertext).ok()
    }

    /// CBC with PKCS #7 padding.
    pub fn cbc_encrypt(&self, iv: &[u8; 16], plaintext: &[u8]) -> Vec<u8> {
        cbc::encrypt_padded(self.0.modes(), iv, plaintext)
    }

    /// CBC with PKCS #7 padding; `None` if the padding is wrong. Whole blocks, one or more.
    pub fn cbc_decrypt(&self, iv: &[u8; 16], ciphertext: &[u8]) -> Option<SecretBytes> {
        cbc::decrypt_padded(self.0.modes(), iv, ciphertext).ok()
    }

    /// RFC 3394. Whole semiblocks, two or more.
    pub fn kw_wrap(&self, material: &[u8]) -> Vec<u8> {
        key_wrap::wrap_kw(self.0.modes(), material)
    }

    /// RFC 3394; `None` if it is not what was wrapped.
    pub fn kw_unwrap(&self, wrapped: &[u8]) -> Option<SecretBytes> {
        key_wrap::unwrap_kw(self.0.modes(), wrapped).ok()
    }

    /// RFC 5649. One byte or more.
    pub fn kwp_wrap(&self, material: &[u8]) -> Vec<u8> {
        key_wrap::wrap_kwp(self.0.modes(), material)
    }

    /// RFC 5649; `None` if it is not what was wrapped.
    pub fn kwp_unwrap(&self, wrapped: &[u8]) -> Option<SecretBytes> {
        key_wrap::unwrap_kwp(self.0.modes(), wrapped).ok()
    }
}

impl std::fmt::Debug for AesPath {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("AesPath")
    }
}
