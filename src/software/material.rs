//! What is sealed: the private numbers, in the least form.
//!
//! ```text
//! 01 || d || p || q      RSA: d as wide as the modulus, p and q half that
//! 01 || d                elliptic curves: as wide as the field
//! 01 || k                AES and HMAC
//! ```
//!
//! Big-endian. The first byte is the version; all widths follow from the kind of key,
//! which stands in the associated data, so nothing is left to be parsed. What can be
//! computed from the other numbers (`dp`, `dq`, `qi`, the public half) is not stored,
//! and so cannot contradict them: a key with one wrong CRT number gives itself away with
//! its first signature (Boneh, DeMillo, Lipton 1997).

use super::sealing::corrupt;
use crate::error::Error;
use crate::jwk::SecretKey;
use crate::secret::SecretBytes;

const VERSION: u8 = 1;

/// The payload of a private key.
pub(super) fn encode(secret: &SecretKey) -> SecretBytes {
    match secret {
        SecretKey::Rsa(key) => concat(&[&key.d, &key.p, &key.q]),
        SecretKey::Ec(key) => concat(&[&key.d]),
        SecretKey::Oct(key) => concat(&[&key.k]),
    }
}

/// The numbers of a payload, without the version.
pub(super) fn numbers(payload: &SecretBytes) -> Result<&[u8], Error> {
    payload
        .expose()
        .strip_prefix(&[VERSION])
        .ok_or_else(corrupt)
}

/// In one buffer of the right size: one that grew would leave copies behind.
fn concat(numbers: &[&SecretBytes]) -> SecretBytes {
    let len = numbers.iter().map(|number| number.len()).sum::<usize>();
    let mut out = SecretBytes::zeroed(1 + len);
    let bytes = numbers.iter().flat_map(|number| number.expose());
    out.expose_mut()
        .iter_mut()
        .zip(std::iter::once(&VERSION).chain(bytes))
        .for_each(|(to, from)| *to = *from);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::jwk::OctSecret;

    #[test]
    fn version_and_number() {
        let secret = SecretKey::Oct(OctSecret::from_bytes(&[7; 16]).unwrap());
        let payload = encode(&secret);
        assert_eq!(payload.len(), 17);
        assert_eq!(numbers(&payload).unwrap(), [7; 16]);
        for other in [&[][..], &[2, 7, 7]] {
            assert!(numbers(&SecretBytes::copy_of(other)).is_err());
        }
    }
}
