//! base64url without padding, in its one canonical spelling (RFC 7515 section 2).
//!
//! Two spellings of a value would be two thumbprints of one key, so padding, the
//! `+` and `/` of plain base64, white space and non-zero trailing bits are refused.
//! Decoding and encoding are in constant time for a given length, and write straight
//! into a buffer that is erased: most values that pass here are secrets.

use base64ct::{Base64UrlUnpadded, Encoding};

use crate::error::{Error, Rule};
use crate::secret::SecretBytes;

/// Decodes the text of the member `field`.
pub(crate) fn decode(field: &'static str, text: &str) -> Result<SecretBytes, Error> {
    let mut out = SecretBytes::zeroed(decoded_len(text.len()));
    Base64UrlUnpadded::decode(text, out.expose_mut())
        .map_err(|_| Error::invalid(field, Rule::Base64Url))?;
    Ok(out)
}

/// Three bytes for four characters; of a last group of two or three characters, the
/// bytes that are complete.
fn decoded_len(text: usize) -> usize {
    text / 4 * 3 + (text % 4) * 3 / 4
}

/// The number of characters that `bytes` take.
pub(crate) fn encoded_len(bytes: &[u8]) -> usize {
    bytes.len() / 3 * 4 + (bytes.len() % 3 * 4).div_ceil(3)
}

/// Encodes into a buffer of [`encoded_len`] characters. (Into another it does nothing.)
pub(crate) fn encode_into(bytes: &[u8], out: &mut [u8]) {
    let written = Base64UrlUnpadded::encode(bytes, out);
    debug_assert!(written.is_ok(), "the caller sized the buffer");
}

/// Encodes what is not secret.
pub(crate) fn encode(bytes: &[u8]) -> String {
    Base64UrlUnpadded::encode_string(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_length_round_trips_at_its_predicted_size() {
        for len in 0..70 {
            let bytes: Vec<u8> = (0..len).map(|i: u8| i.wrapping_mul(37) ^ 251).collect();
            let text = encode(&bytes);
            assert_eq!(text.len(), encoded_len(&bytes));
            assert_eq!(decode("k", &text).unwrap().expose(), bytes);
            let mut out = vec![0; encoded_len(&bytes)];
            encode_into(&bytes, &mut out);
            assert_eq!(out, text.as_bytes());
        }
    }

    #[test]
    fn one_spelling_alone_is_read() {
        // Padding, the other alphabet, white space, a lone character, trailing bits.
        let wrong = [
            "AQ==", "AQ=", "=", "A+AA", "A/AA", "AQ AB", " AQAB", "AQAB\n", "AQ\tAB", "A", "AQABA",
            "AR", "AQAB AR", "AQB", "é", "AQ\0B", "AQ.B",
        ];
        for text in wrong {
            let error = decode("n", text).unwrap_err();
            assert_eq!(
                error.to_string(),
                "`n` is not base64url without padding",
                "{text}"
            );
        }
        // The last characters of a short group: one spelling of each byte.
        let all = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let read = |prefix: &str| {
            all.chars()
                .filter(|c| decode("n", &format!("{prefix}{c}")).is_ok())
                .count()
        };
        assert_eq!((read("A"), read("AA"), read("AAA")), (4, 16, 64));
    }
}
