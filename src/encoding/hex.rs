//! Hexadecimal digits (RFC 4648 section 8), as identifiers are written.

use std::fmt;

use base16ct::{lower, mixed};

/// Writes bytes as lower-case digits.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 64];
        for bytes in self.0.chunks(digits.len() / 2) {
            let digits = lower::encode_str(bytes, &mut digits).map_err(|_| fmt::Error)?;
            f.write_str(digits)?;
        }
        Ok(())
    }
}

/// What 32 digits in either case stand for.
pub(crate) fn sixteen_bytes(digits: &str) -> Option<[u8; 16]> {
    let mut bytes = [0; 16];
    let read = mixed::decode(digits, &mut bytes).ok()?.len();
    (read == bytes.len()).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_every_length() {
        for len in [0, 1, 16, 31, 32, 33, 64, 100] {
            let bytes: Vec<u8> = (0..len).map(|at| 0xF7_u8.wrapping_mul(at)).collect();
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(Hex(&bytes).to_string(), expected);
        }
    }

    #[test]
    fn sixteen_and_no_others() {
        let bytes = [
            0x01, 0x23, 0x45, 0x67, 0x89, 0xAB, 0xCD, 0xEF, 0, 1, 2, 3, 4, 5, 6, 7,
        ];
        let digits = "0123456789abcdef0001020304050607";
        assert_eq!(sixteen_bytes(digits), Some(bytes));
        assert_eq!(sixteen_bytes(&digits.to_uppercase()), Some(bytes));
        assert_eq!(sixteen_bytes(""), None);
        assert_eq!(sixteen_bytes(&digits[1..]), None);
        assert_eq!(sixteen_bytes(&digits[2..]), None);
        assert_eq!(sixteen_bytes(&format!("{digits}00")), None);
        for wrong in ["g", "+", " ", "\0", "/", ":", "@", "`"] {
            assert_eq!(sixteen_bytes(&format!("{wrong}{}", &digits[1..])), None);
        }
    }
}
