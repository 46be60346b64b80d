//! AES keys: GCM here, CBC in [`cbc`](super::cbc), key wrap in [`key_wrap`](super::key_wrap).
//!
//! The key schedule and GCM's hash key are computed once, when a key is opened. Where the
//! processor has AES instructions a key is one of [`engine::aes`](crate::engine), elsewhere
//! one of the RustCrypto crates, with a type for each length; [`AesKey`] forgets which.

use aes::cipher::consts::{U12, U16};
use aes::cipher::{BlockCipherDecrypt, BlockCipherEncrypt, BlockSizeUser};
use aes::{Aes128, Aes192, Aes256};
use aes_gcm::aead::AeadInOut;
use aes_gcm::{AesGcm, KeyInit};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::cbc;
#[cfg(target_arch = "x86_64")]
use crate::engine;
use crate::error::{Error, ErrorKind};
use crate::fit::{GCM_IV_LEN, GCM_TAG_LEN, Sealed};
use crate::public::key_wrap;
use crate::secret::SecretBytes;

/// The AES block, in bytes.
pub(super) const BLOCK: usize = 16;

/// An AES key of any length, ready for every mode.
pub(super) struct AesKey(Box<dyn Modes>);

impl AesKey {
    /// `None` unless there are 16, 24 or 32 bytes.
    pub(super) fn new(k: &[u8]) -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if let Some(key) = engine::aes::Key::new(k) {
            return Some(AesKey(key));
        }
        AesKey::portable(k)
    }

    /// As [`new`](Self::new), whatever the processor has.
    fn portable(k: &[u8]) -> Option<Self> {
        let modes: Box<dyn Modes> = match k.len() {
            16 => Box::new(Keyed::<Aes128>::new(k)?),
            24 => Box::new(Keyed::<Aes192>::new(k)?),
            32 => Box::new(Keyed::<Aes256>::new(k)?),
            _ => return None,
        };
        Some(AesKey(modes))
    }

    /// As [`new`](Self::new), once for each path that this processor has; the portable one
    /// is the last.
    pub(super) fn on_every_path(k: &[u8]) -> Vec<Self> {
        let mut keys = Vec::new();
        #[cfg(target_arch = "x86_64")]
        for width in engine::aes::Width::ALL {
            let key = engine::aes::Key::with_width(k, width);
            keys.extend(key.map(|key| AesKey(key)));
        }
        keys.extend(AesKey::portable(k));
        keys
    }

    /// GCM (SP 800-38D section 7.1). The IV comes from the backend's generator and is
    /// never the caller's to choose: one repeated IV gives the authentication key away.
    ///
    /// The plaintext becomes the ciphertext in the place where that is returned. A copy is
    /// quicker to get than zeros: the allocator keeps no short blocks of zeros at hand.
    pub(super) fn gcm_encrypt(
        &self,
        iv: [u8; GCM_IV_LEN],
        aad: &[u8],
        plaintext: &[u8],
    ) -> Result<(Vec<u8>, Sealed), Error> {
        let mut out = plaintext.to_vec();
        let sealed = self.gcm_encrypt_in_place(iv, aad, &mut out);
        if sealed.is_err() {
            out.zeroize();
        }
        Ok((out, sealed?))
    }

    /// GCM (SP 800-38D section 7.2): the tag is compared, in constant time, before a byte
    /// of plaintext can be seen, and a failure leaves none anywhere (CVE-2023-42811).
    pub(super) fn gcm_decrypt(
        &self,
        sealed: &Sealed,
        aad: &[u8],
        ciphertext: &[u8],
    ) -> Result<SecretBytes, Error> {
        let mut out = SecretBytes::copy_of(ciphertext);
        self.gcm_decrypt_in_place(sealed, aad, out.expose_mut())?;
        Ok(out)
    }

    /// Like [`gcm_encrypt`](Self::gcm_encrypt), in the caller's buffer.
    pub(super) fn gcm_encrypt_in_place(
        &self,
        iv: [u8; GCM_IV_LEN],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<Sealed, Error> {
        let tag = self.0.gcm_seal(&iv, aad, buffer).ok_or_else(fault)?;
        Ok(Sealed { iv, tag })
    }

    /// Like [`gcm_decrypt`](Self::gcm_decrypt), in the caller's buffer, which a failure
    /// leaves as it was.
    pub(super) fn gcm_decrypt_in_place(
        &self,
        sealed: &Sealed,
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Result<(), Error> {
        self.0.gcm_open(sealed, aad, buffer).ok_or_else(failed)
    }

    /// The other modes.
    pub(super) fn modes(&self) -> &dyn Modes {
        self.0.as_ref()
    }
}

/// The raw modes, for a key of any length, in place where nothing else is said.
pub(super) trait Modes: Send + Sync {
    /// The tag. `None` if the lengths are beyond GCM's (64 GiB; requests end at 1 GiB); the
    /// buffer is then unchanged.
    fn gcm_seal(
        &self,
        iv: &[u8; GCM_IV_LEN],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Option<[u8; GCM_TAG_LEN]>;
    /// `None` if the tag is another. The buffer is then unchanged.
    fn gcm_open(&self, sealed: &Sealed, aad: &[u8], buffer: &mut [u8]) -> Option<()>;
    /// Whole blocks.
    fn cbc_encrypt(&self, iv: &[u8; BLOCK], buffer: &mut [u8]);
    /// One block.
    fn cbc_decrypt_block(&self, iv: &[u8; BLOCK], block: &mut [u8; BLOCK]);
    /// Whole blocks, onto the end of a vector that has room for them.
    fn cbc_decrypt(&self, iv: &[u8; BLOCK], from: &[u8], to: &mut Vec<u8>);
    /// `W` of SP 800-38F: `first` and whole semiblocks.
    fn wrap(&self, first: u64, rest: &mut [u8]) -> u64;
    /// The inverse of [`wrap`](Modes::wrap).
    fn unwrap(&self, first: u64, rest: &mut [u8]) -> u64;
}

struct Keyed<C> {
    cipher: C,
    gcm: AesGcm<C, U12>,
}

impl<C> Keyed<C>
where
    C: KeyInit + Clone + BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>,
{
    fn new(k: &[u8]) -> Option<Self> {
        let cipher = C::new_from_slice(k).ok()?;
        let gcm = AesGcm::from(cipher.clone());
        Some(Keyed { cipher, gcm })
    }
}

impl<C> Modes for Keyed<C>
where
    C: BlockCipherEncrypt<BlockSize = U16>
        + BlockCipherDecrypt<BlockSize = U16>
        + ZeroizeOnDrop
        + Send
        + Sync,
{
    fn gcm_seal(
        &self,
        iv: &[u8; GCM_IV_LEN],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Option<[u8; GCM_TAG_LEN]> {
        let sealed = self
            .gcm
            .encrypt_inout_detached(iv.into(), aad, buffer.into());
        sealed.ok().map(Into::into)
    }

    fn gcm_open(&self, sealed: &Sealed, aad: &[u8], buffer: &mut [u8]) -> Option<()> {
        let (iv, tag) = ((&sealed.iv).into(), (&sealed.tag).into());
        let opened = self.gcm.decrypt_inout_detached(iv, aad, buffer.into(), tag);
        opened.ok()
    }

    fn cbc_encrypt(&self, iv: &[u8; BLOCK], buffer: &mut [u8]) {
        cbc::encrypt_blocks(&self.cipher, iv, buffer);
    }

    fn cbc_decrypt_block(&self, iv: &[u8; BLOCK], block: &mut [u8; BLOCK]) {
        cbc::decrypt_blocks(&self.cipher, iv, block);
    }

    fn cbc_decrypt(&self, iv: &[u8; BLOCK], from: &[u8], to: &mut Vec<u8>) {
        let end = to.len();
        to.extend_from_slice(from);
        cbc::decrypt_blocks(&self.cipher, iv, to.split_at_mut(end).1);
    }

    fn wrap(&self, first: u64, rest: &mut [u8]) -> u64 {
        key_wrap::w(&self.cipher, first, rest)
    }

    fn unwrap(&self, first: u64, rest: &mut [u8]) -> u64 {
        key_wrap::w_inverse(&self.cipher, first, rest)
    }
}

#[cfg(target_arch = "x86_64")]
impl Modes for engine::aes::Key {
    fn gcm_seal(
        &self,
        iv: &[u8; GCM_IV_LEN],
        aad: &[u8],
        buffer: &mut [u8],
    ) -> Option<[u8; GCM_TAG_LEN]> {
        Some(self.gcm_seal(iv, aad, buffer))
    }

    fn gcm_open(&self, sealed: &Sealed, aad: &[u8], buffer: &mut [u8]) -> Option<()> {
        self.gcm_open(&sealed.iv, aad, buffer, &sealed.tag)
            .then_some(())
    }

    fn cbc_encrypt(&self, iv: &[u8; BLOCK], buffer: &mut [u8]) {
        self.cbc_encrypt(iv, buffer);
    }

    fn cbc_decrypt_block(&self, iv: &[u8; BLOCK], block: &mut [u8; BLOCK]) {
        self.cbc_decrypt_block(iv, block);
    }

    fn cbc_decrypt(&self, iv: &[u8; BLOCK], from: &[u8], to: &mut Vec<u8>) {
        self.cbc_decrypt(iv, from, to);
    }

    fn wrap(&self, first: u64, rest: &mut [u8]) -> u64 {
        self.wrap(first, rest)
    }

    fn unwrap(&self, first: u64, rest: &mut [u8]) -> u64 {
        self.unwrap(first, rest)
    }
}

/// Every decryption that fails, whatever failed.
pub(super) fn failed() -> Error {
    ErrorKind::DecryptFailed.into()
}

/// What cannot happen with the lengths that requests have.
fn fault() -> Error {
    ErrorKind::FaultDetected.into()
}

#[cfg(test)]
mod tests {
    use super::super::tests::hex;
    use super::*;

    #[test]
    fn a_wrong_tag_leaves_the_buffer_as_it_was() {
        let key = AesKey::new(&[1; 32]).unwrap();
        let mut buffer = *b"some content that is longer than a block";
        let sealed = key
            .gcm_encrypt_in_place([2; 12], b"aad", &mut buffer)
            .unwrap();
        let ciphertext = buffer;
        for at in 0..GCM_TAG_LEN {
            let mut wrong = sealed;
            wrong.tag[at] ^= 0x80;
            let error = key.gcm_decrypt_in_place(&wrong, b"aad", &mut buffer);
            assert_eq!(*error.unwrap_err().kind(), ErrorKind::DecryptFailed);
            assert_eq!(buffer, ciphertext);
        }
        key.gcm_decrypt_in_place(&sealed, b"aad", &mut buffer)
            .unwrap();
        assert!(buffer.starts_with(b"some content"));
    }

    #[test]
    fn other_lengths_are_no_keys() {
        for len in (0..70).filter(|len| ![16, 24, 32].contains(len)) {
            assert!(AesKey::new(&vec![1; len]).is_none());
        }
    }

    /// SP 800-38D test case 4 of the original submission (McGrew and Viega 2004).
    #[test]
    fn a_known_answer() {
        let key = hex("feffe9928665731c6d6a8f9467308308");
        let iv = hex("cafebabefacedbaddecaf888").try_into().unwrap();
        let aad = hex("feedfacedeadbeeffeedfacedeadbeefabaddad2");
        let plaintext = hex(concat!(
            "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a72",
            "1c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39"
        ));
        let key = AesKey::new(&key).unwrap();
        let (ciphertext, sealed) = key.gcm_encrypt(iv, &aad, &plaintext).unwrap();
        assert_eq!(ciphertext[..8], hex("42831ec221777424"));
        assert_eq!(sealed.tag[..], hex("5bc94fbc3221a5db94fae95ae7121a47"));
    }
}
