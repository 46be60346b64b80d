//! HMAC (RFC 2104, RFC 7518 section 3.2), for HMAC and AES keys.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Sha384, Sha512};

use crate::alg::Hash;
use crate::engine::hmac::HmacSha256;

/// A key for HMAC with the inner and outer state of each hash computed: half the work
/// of a short message. Which hash a key is long enough for is a request's to say.
pub(super) struct MacKey {
    sha256: HmacSha256,
    sha384: Hmac<Sha384>,
    sha512: Hmac<Sha512>,
}

impl MacKey {
    /// HMAC takes keys of all lengths, so this is never `None`.
    pub(super) fn new(k: &[u8]) -> Option<Self> {
        Some(MacKey {
            sha256: HmacSha256::new(k),
            sha384: Hmac::new_from_slice(k).ok()?,
            sha512: Hmac::new_from_slice(k).ok()?,
        })
    }

    /// The MAC; `None` for a hash that no HS* algorithm has.
    pub(super) fn mac(&self, hash: Hash, data: &[u8]) -> Option<Vec<u8>> {
        match hash {
            Hash::Sha1 => None,
            Hash::Sha256 => Some(self.sha256.mac(data).to_vec()),
            Hash::Sha384 => Some(run(&self.sha384, data)),
            Hash::Sha512 => Some(run(&self.sha512, data)),
        }
    }
}

fn run<M: Mac + Clone>(keyed: &M, data: &[u8]) -> Vec<u8> {
    keyed
        .clone()
        .chain_update(data)
        .finalize()
        .into_bytes()
        .to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 test case 1.
    #[test]
    fn known_answers() {
        let key = MacKey::new(&[0x0b; 20]).unwrap();
        let starts = [
            (Hash::Sha256, [0xb0, 0x34, 0x4c, 0x61]),
            (Hash::Sha384, [0xaf, 0xd0, 0x39, 0x44]),
            (Hash::Sha512, [0x87, 0xaa, 0x7c, 0xde]),
        ];
        for (hash, start) in starts {
            let mac = key.mac(hash, b"Hi There").unwrap();
            assert_eq!(mac.len(), hash.len());
            assert_eq!(mac[..4], start);
        }
        assert!(key.mac(Hash::Sha1, b"Hi There").is_none());
    }
}
