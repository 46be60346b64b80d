//! The curves, `y^2 = x^3 - 3 x + b` (SP 800-186 section 3.2.1) and secp256k1, where `y^2 = x^3 + 7`
//! (SEC 2 section 2.4.1), and how the compiler makes from them what it is worth to know of a
//! prime. Limbs are of `bits` bits, least first.

// Indices are of arrays of a fixed size; nothing here runs.
#![allow(clippy::as_conversions, clippy::indexing_slicing)]

/// A curve as it is written: its field's prime, its order, and its generator.
pub(super) struct Constants {
    pub(super) p: &'static str,
    pub(super) n: &'static str,
    pub(super) x: &'static str,
    pub(super) y: &'static str,
}

pub(super) const P256: Constants = Constants {
    p: "ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
    n: "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    x: "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
    y: "4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
};

pub(super) const P256K: Constants = Constants {
    p: "fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f",
    n: "fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141",
    x: "79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798",
    y: "483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8",
};

pub(super) const P384: Constants = Constants {
    p: concat!(
        "ffffffffffffffffffffffffffffffffffffffffffffffff",
        "fffffffffffffffeffffffff0000000000000000ffffffff"
    ),
    n: concat!(
        "ffffffffffffffffffffffffffffffffffffffffffffffff",
        "c7634d81f4372ddf581a0db248b0a77aecec196accc52973"
    ),
    x: concat!(
        "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b98",
        "59f741e082542a385502f25dbf55296c3a545e3872760ab7"
    ),
    y: concat!(
        "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147c",
        "e9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f"
    ),
};

pub(super) const P521: Constants = Constants {
    p: concat!(
        "1ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
    ),
    n: concat!(
        "1fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "a51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409"
    ),
    x: concat!(
        "0c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3d",
        "baa14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66"
    ),
    y: concat!(
        "11839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e66",
        "2c97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650"
    ),
};

/// Limbs of a number written as usual.
pub(super) const fn parse<const L: usize>(hex: &str, bits: usize) -> [u64; L] {
    let hex = hex.as_bytes();
    let mut limbs = [0; L];
    let mut i = 0;
    while i < hex.len() {
        let digit = match hex[hex.len() - 1 - i] {
            c @ b'0'..=b'9' => c - b'0',
            c => c - b'a' + 10,
        };
        limbs[4 * i / bits] |= (digit as u64) << (4 * i % bits);
        i += 1;
    }
    limbs
}

/// `2^exponent mod m`, by doubling.
pub(super) const fn power_of_two<const L: usize>(
    m: &[u64; L],
    bits: usize,
    exponent: usize,
) -> [u64; L] {
    let mut power = [0; L];
    power[0] = 1;
    let mut n = 0;
    while n < exponent {
        let (mut carry, mut borrow) = (0, false);
        let (mut doubled, mut reduced) = ([0; L], [0; L]);
        let mut i = 0;
        while i < L {
            doubled[i] = ((power[i] << 1) | carry) & mask(bits);
            carry = power[i] >> (bits - 1);
            let (difference, below) = doubled[i].overflowing_sub(m[i]);
            let (difference, below_too) = difference.overflowing_sub(borrow as u64);
            reduced[i] = difference & mask(bits);
            borrow = below | below_too;
            i += 1;
        }
        power = if carry == 0 && borrow {
            doubled
        } else {
            reduced
        };
        n += 1;
    }
    power
}

const fn mask(bits: usize) -> u64 {
    u64::MAX >> (64 - bits)
}
