//! Bytes that must not outlive their use, be printed, or be compared in a hurry.

use std::fmt;

use subtle::{Choice, ConstantTimeEq};
use zeroize::{Zeroize, ZeroizeOnDrop, optimization_barrier};

/// Secret bytes: erased on drop, redacted in `Debug`, compared in constant time.
///
/// The length is public; the content is reachable only through [`expose`]
/// (so that each place that reads a secret can be found by its name). There is
/// deliberately no `Clone`, `Deref`, `Display` or `Serialize`.
///
/// The buffer is allocated once at its final size and never grows: a growing
/// vector would leave unerased copies behind in the heap.
///
/// ```
/// use strongroom::SecretBytes;
///
/// let secret = SecretBytes::copy_of(b"attack at dawn");
/// assert_eq!(secret.expose(), b"attack at dawn");
/// assert_eq!(format!("{secret:?}"), "SecretBytes(14 bytes)");
/// assert!(secret == SecretBytes::copy_of(b"attack at dawn"));
/// ```
///
/// [`expose`]: SecretBytes::expose
pub struct SecretBytes(Box<[u8]>);

impl SecretBytes {
    /// Copies a slice. The caller's own copy stays the caller's to erase.
    #[must_use]
    pub fn copy_of(bytes: &[u8]) -> Self {
        SecretBytes(bytes.into())
    }

    /// Takes over a vector. Where it has spare capacity its content is moved to a
    /// buffer of the right size and the old one is erased.
    #[must_use]
    pub fn from_vec(mut bytes: Vec<u8>) -> Self {
        if bytes.capacity() == bytes.len() {
            return SecretBytes(bytes.into_boxed_slice());
        }
        let secret = SecretBytes::copy_of(&bytes);
        bytes.zeroize();
        secret
    }

    /// `len` zero bytes, to be filled in place.
    #[must_use]
    pub fn zeroed(len: usize) -> Self {
        SecretBytes(vec![0; len].into_boxed_slice())
    }

    /// The bytes.
    #[must_use]
    pub fn expose(&self) -> &[u8] {
        &self.0
    }

    /// The bytes, to be written in place.
    #[must_use]
    pub fn expose_mut(&mut self) -> &mut [u8] {
        &mut self.0
    }

    /// The number of bytes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<Vec<u8>> for SecretBytes {
    fn from(bytes: Vec<u8>) -> Self {
        SecretBytes::from_vec(bytes)
    }
}

impl PartialEq for SecretBytes {
    /// In constant time for equal lengths; lengths are public.
    fn eq(&self, other: &Self) -> bool {
        equal(&self.0, &other.0).into()
    }
}

impl Eq for SecretBytes {}

/// Whether two slices are the same: in constant time for equal lengths, which are public.
/// By words: byte by byte, as `subtle` does it, comparing two MACs takes a third of the time
/// that making one does.
pub(crate) fn equal(a: &[u8], b: &[u8]) -> Choice {
    let ((a_words, a_rest), (b_words, b_rest)) = (a.as_chunks(), b.as_chunks());
    let words = a_words.iter().zip(b_words).fold(0, |differing, (a, b)| {
        differing | (u64::from_ne_bytes(*a) ^ u64::from_ne_bytes(*b))
    });
    let rest = a_rest.iter().zip(b_rest);
    let rest = rest.fold(0, |differing, (a, b)| differing | (a ^ b));
    (words | u64::from(rest) | u64::from(a.len() != b.len())).ct_eq(&0)
}

impl fmt::Debug for SecretBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretBytes({} bytes)", self.len())
    }
}

impl Drop for SecretBytes {
    /// At once, and not byte by byte as [`Zeroize`] writes: of a large plaintext erasing
    /// took longer than decrypting. The barrier keeps the compiler from leaving it out.
    #[inline]
    fn drop(&mut self) {
        self.0.fill(0);
        optimization_barrier(&*self.0);
    }
}

impl ZeroizeOnDrop for SecretBytes {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debug_shows_the_length_alone() {
        let secret = SecretBytes::copy_of(&[0xA5; 32]);
        assert_eq!(format!("{secret:?}"), "SecretBytes(32 bytes)");
    }

    #[test]
    fn spare_capacity_is_not_kept() {
        let mut vec = Vec::with_capacity(100);
        vec.extend_from_slice(b"abc");
        assert_eq!(SecretBytes::from_vec(vec).expose(), b"abc");
    }

    #[test]
    fn every_bit_of_every_length_counts() {
        for len in 0..40 {
            let mut bytes = vec![0x5A; len];
            let same = bytes.clone();
            assert!(bool::from(equal(&bytes, &same)));
            assert!(!bool::from(equal(&bytes, &vec![0x5A; len + 1])));
            for bit in 0..8 * len {
                bytes[bit / 8] ^= 1 << (bit % 8);
                assert!(!bool::from(equal(&bytes, &same)), "{len}, {bit}");
                bytes[bit / 8] ^= 1 << (bit % 8);
            }
        }
    }

    #[test]
    fn lengths_differ_content_differs() {
        assert!(SecretBytes::copy_of(b"a") != SecretBytes::copy_of(b"ab"));
        assert!(SecretBytes::copy_of(b"ab") != SecretBytes::copy_of(b"ac"));
    }
}
