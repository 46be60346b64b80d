//! What is sealed: the private numbers, in the least form.
//!
//! ```text
//! 01 || d || p || q      RSA: d as wide as the modulus, p and q half that
//! 01 || d                elliptic curves: as wide as the field
//! 01 || k                AES and HMAC
//! ```
//!
//! Big-endian. The first byte is the version: 01, or 02 for a key that may leave in wrapped
//! form. That stands here because nobody can change it here: a record that says so would
//! be believed. All widths follow from the kind of key,
//! which stands in the associated data, so nothing is left to be parsed. What can be
//! computed from the other numbers (`dp`, `dq`, `qi`, the public half) is not stored,
//! and so cannot contradict them: a key with one wrong CRT number gives itself away with
//! its first signature (Boneh, DeMillo, Lipton 1997).

use super::sealing::corrupt;
use crate::alg::KeySpec;
use crate::error::Error;
use crate::jwk::{EcSecret, Jwk, PublicKey, RsaPublic, RsaSecret, SecretJwk, SecretKey};
use crate::secret::SecretBytes;

const STAYS: u8 = 1;
const EXPORTABLE: u8 = 2;

/// The payload of a private key.
pub(super) fn encode(secret: &SecretKey, exportable: bool) -> SecretBytes {
    let version = if exportable { EXPORTABLE } else { STAYS };
    match secret {
        SecretKey::Rsa(key) => concat(version, &[&key.d, &key.p, &key.q]),
        SecretKey::Ec(key) => concat(version, &[&key.d]),
        SecretKey::Oct(key) => concat(version, &[&key.k]),
    }
}

/// The numbers of a payload, without the version.
pub(super) fn numbers(payload: &SecretBytes) -> Result<&[u8], Error> {
    match payload.expose().split_first() {
        Some((&(STAYS | EXPORTABLE), numbers)) => Ok(numbers),
        _ => Err(corrupt()),
    }
}

/// Whether the key may leave in wrapped form.
pub(super) fn is_exportable(payload: &SecretBytes) -> bool {
    payload.expose().first() == Some(&EXPORTABLE)
}

/// The private key of a payload, complete as for import.
pub(super) fn decode(
    spec: KeySpec,
    public: Option<&Jwk>,
    payload: &SecretBytes,
) -> Result<SecretJwk, Error> {
    let numbers = numbers(payload)?;
    let read = match (spec, public.map(Jwk::key)) {
        (KeySpec::Rsa { .. }, Some(PublicKey::Rsa(public))) => {
            let [d, p, q] = rsa_numbers(public, numbers)?.map(SecretBytes::copy_of);
            RsaSecret::assemble(public, d, p, q).map(SecretKey::Rsa)
        }
        (KeySpec::Ec(_), Some(PublicKey::Ec(public))) => {
            EcSecret::for_public(public, numbers).map(SecretKey::Ec)
        }
        (KeySpec::Aes { .. } | KeySpec::Hmac { .. }, None) => {
            return SecretJwk::from_oct(numbers).map_err(|_| corrupt());
        }
        _ => return Err(corrupt()),
    };
    let (secret, public) = read.ok().zip(public).ok_or_else(corrupt)?;
    Ok(SecretJwk::from_parts(public.clone(), secret))
}

/// `d`, `p` and `q` of a payload's numbers.
pub(super) fn rsa_numbers<'a>(
    public: &RsaPublic,
    numbers: &'a [u8],
) -> Result<[&'a [u8]; 3], Error> {
    let width = public.byte_len();
    let (d, primes) = numbers.split_at_checked(width).ok_or_else(corrupt)?;
    let (p, q) = primes.split_at_checked(width / 2).ok_or_else(corrupt)?;
    match q.len() == p.len() {
        true => Ok([d, p, q]),
        false => Err(corrupt()),
    }
}

/// In one buffer of the right size: one that grew would leave copies behind.
fn concat(version: u8, numbers: &[&SecretBytes]) -> SecretBytes {
    let len = numbers.iter().map(|number| number.len()).sum::<usize>();
    let mut out = SecretBytes::zeroed(1 + len);
    let bytes = numbers.iter().flat_map(|number| number.expose());
    out.expose_mut()
        .iter_mut()
        .zip(std::iter::once(&version).chain(bytes))
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
        for exportable in [false, true] {
            let payload = encode(&secret, exportable);
            assert_eq!(payload.len(), 17);
            assert_eq!(numbers(&payload).unwrap(), [7; 16]);
            assert_eq!(is_exportable(&payload), exportable);
        }
        for other in [&[][..], &[0, 7, 7], &[3, 7, 7]] {
            assert!(numbers(&SecretBytes::copy_of(other)).is_err());
        }
    }
}
