//! AES key wrap, KW (RFC 3394) and KWP with padding (RFC 5649); SP 800-38F.
//!
//! Written here, on top of [`key_wrap`](crate::public::key_wrap), because the crate that offers it scans KWP's
//! padding with an early exit on secret bytes and accepts wrapped keys of no length at
//! all. Which lengths are accepted is the requests' to say
//! ([`WrapRequest`](crate::fit::WrapRequest)); what comes out of an unwrapping is
//! judged here, as a whole and in constant time.

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq, ConstantTimeLess};

use super::aes::{Modes, failed};
use crate::alg::SEMIBLOCK;
use crate::error::Error;
use crate::public::key_wrap::{KWP_IV, padded};
use crate::secret::SecretBytes;

/// The initial value of KW (RFC 3394 section 2.2.3.1).
const IV: u64 = 0xA6A6_A6A6_A6A6_A6A6;

/// KW. The material is at least two semiblocks, and whole ones.
pub(super) fn wrap_kw(key: &dyn Modes, material: &[u8]) -> Vec<u8> {
    finish(key, IV, material)
}

/// KWP. The material has at least one byte.
pub(super) fn wrap_kwp(key: &dyn Modes, material: &[u8]) -> Vec<u8> {
    let (first, padded) = padded(material);
    finish(key, first, padded.expose())
}

/// The material becomes what is wrapped in the place where it is returned.
fn finish(key: &dyn Modes, first: u64, material: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(SEMIBLOCK + material.len());
    out.extend_from_slice(&[0; SEMIBLOCK]);
    out.extend_from_slice(material);
    if let Some((head, rest)) = out.split_first_chunk_mut() {
        *head = key.wrap(first, rest).to_be_bytes();
    }
    out
}

/// KW: whole semiblocks, three or more of them.
pub(super) fn unwrap_kw(key: &dyn Modes, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    let (first, material) = start(key, wrapped).ok_or_else(failed)?;
    let good = first.ct_eq(&IV) & Choice::from(u8::from(material.len() >= 2 * SEMIBLOCK));
    if bool::from(good) {
        return Ok(material);
    }
    Err(failed())
}

/// KWP: whole semiblocks, two or more of them.
pub(super) fn unwrap_kwp(key: &dyn Modes, wrapped: &[u8]) -> Result<SecretBytes, Error> {
    let (first, padded) = start(key, wrapped).ok_or_else(failed)?;
    let len = kwp_len(first, padded.expose()).ok_or_else(failed)?;
    let material = padded.expose().get(..len).ok_or_else(failed)?;
    Ok(SecretBytes::copy_of(material))
}

fn start(key: &dyn Modes, wrapped: &[u8]) -> Option<(u64, SecretBytes)> {
    let (first, rest) = wrapped.split_first_chunk::<SEMIBLOCK>()?;
    if rest.is_empty() || !rest.len().is_multiple_of(SEMIBLOCK) {
        return None;
    }
    let mut rest = SecretBytes::copy_of(rest);
    let first = key.unwrap(u64::from_be_bytes(*first), rest.expose_mut());
    Some((first, rest))
}

/// The length of the material if everything about it is right (RFC 5649 section 3,
/// steps 1 to 3 of the alternative initial value): looks at the same bytes whatever
/// they hold, and then says yes or no.
fn kwp_len(first: u64, padded: &[u8]) -> Option<usize> {
    let total = u64::try_from(padded.len()).ok()?;
    let len = first & 0xFFFF_FFFF;
    // How many bytes were filled up: 0 to 7, and a huge number if `len > total`.
    let fill = total.wrapping_sub(len);
    let mut good = (first >> 32).ct_eq(&KWP_IV) & fill.ct_lt(&8);
    for (at, byte) in (0u64..8).zip(padded.iter().rev()) {
        let is_fill = at.ct_lt(&fill);
        good &= u8::conditional_select(&0, byte, is_fill).ct_eq(&0);
    }
    if bool::from(good) {
        return usize::try_from(len).ok();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::aes::AesKey;
    use super::super::tests::hex;
    use super::*;

    fn key(text: &str) -> AesKey {
        AesKey::new(&hex(text)).unwrap()
    }

    /// RFC 3394 sections 4.1, 4.3 and 4.6.
    #[test]
    fn known_answers_of_kw() {
        let all = "000102030405060708090A0B0C0D0E0F101112131415161718191A1B1C1D1E1F";
        let data = "00112233445566778899AABBCCDDEEFF000102030405060708090A0B0C0D0E0F";
        let cases = [
            (16, 16, "1FA68B0A8112B447AEF34BD8FB5A7B829D3E862371D2CFE5"),
            (32, 16, "64E8C3F9CE0F5BA263E9777905818A2A93C8191E7D6E8AE7"),
            (
                32,
                32,
                "28C9F404C4B810F4CBCCB35CFB87F8263F5786E2D80ED326CBC7F0E71A99F43BFB988B9B7A02DD21",
            ),
        ];
        for (key_len, len, wrapped) in cases {
            let key = AesKey::new(&hex(all)[..key_len]).unwrap();
            let material = hex(data)[..len].to_vec();
            assert_eq!(wrap_kw(key.modes(), &material), hex(wrapped));
            let opened = unwrap_kw(key.modes(), &hex(wrapped)).unwrap();
            assert_eq!(opened.expose(), material);
        }
    }

    /// RFC 5649 section 6.
    #[test]
    fn known_answers_of_kwp() {
        let key = key("5840df6e29b02af1ab493b705bf16ea1ae8338f4dcc176a8");
        let cases = [
            (
                "c37b7e6492584340bed12207808941155068f738",
                "138bdeaa9b8fa7fc61f97742e72248ee5ae6ae5360d1ae6a5f54f373fa543b6a",
            ),
            ("466f7250617369", "afbeb0f07dfbf5419200f2ccb50bb24f"),
        ];
        for (material, wrapped) in cases {
            assert_eq!(wrap_kwp(key.modes(), &hex(material)), hex(wrapped));
            let opened = unwrap_kwp(key.modes(), &hex(wrapped)).unwrap();
            assert_eq!(opened.expose(), hex(material));
        }
    }

    #[test]
    fn the_same_as_the_crate_for_all_lengths() {
        use aes::cipher::KeyInit;
        let bytes = [3; 24];
        let ours = AesKey::new(&bytes).unwrap();
        let kwp = aes_kw::KwpAes192::new(&bytes.into());
        let kw = aes_kw::KwAes192::new(&bytes.into());
        let material: Vec<u8> = (0..=255).collect();
        for len in 1..material.len() {
            let material = &material[..len];
            let mut out = vec![0; len + 16];
            let theirs = kwp.wrap_key(material, &mut out).unwrap().to_vec();
            assert_eq!(wrap_kwp(ours.modes(), material), theirs);
            let opened = unwrap_kwp(ours.modes(), &theirs).unwrap();
            assert_eq!(opened.expose(), material);
            if len >= 16 && len % 8 == 0 {
                let theirs = kw.wrap_key(material, &mut out).unwrap().to_vec();
                assert_eq!(wrap_kw(ours.modes(), material), theirs);
            }
        }
    }

    #[test]
    fn every_wrong_length_field_and_filling_is_refused() {
        let key = key("000102030405060708090A0B0C0D0E0F");
        let wrapped = |first: u64, rest: &[u8]| {
            let mut rest = rest.to_vec();
            let first = key.modes().wrap(first, &mut rest);
            [first.to_be_bytes().as_slice(), &rest].concat()
        };
        let aiv = |len: u64| (KWP_IV << 32) | len;
        let mut rest = [7; 24];
        for len in [0, 1, 15, 16, 25, 32, 0xFFFF_FFFF] {
            assert!(unwrap_kwp(key.modes(), &wrapped(aiv(len), &rest)).is_err());
        }
        // Without filling up every content is right; with it the fill must be zero.
        assert!(unwrap_kwp(key.modes(), &wrapped(aiv(24), &rest)).is_ok());
        assert!(unwrap_kwp(key.modes(), &wrapped(aiv(17), &rest)).is_err());
        rest[17..].fill(0);
        assert!(unwrap_kwp(key.modes(), &wrapped(aiv(17), &rest)).is_ok());
        for at in 17..24 {
            rest[at] = 1;
            assert!(unwrap_kwp(key.modes(), &wrapped(aiv(17), &rest)).is_err());
            rest[at] = 0;
        }
        assert!(unwrap_kwp(key.modes(), &wrapped(IV, &rest)).is_err());
        assert!(unwrap_kw(key.modes(), &wrapped(aiv(24), &rest)).is_err());
        assert!(unwrap_kw(key.modes(), &wrapped(IV, &[7; 8])).is_err());
        for bad in [&[][..], &[0; 8], &[0; 17], &[0xA6; 24]] {
            assert!(unwrap_kw(key.modes(), bad).is_err());
            assert!(unwrap_kwp(key.modes(), bad).is_err());
        }
    }
}
