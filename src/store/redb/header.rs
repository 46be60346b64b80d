//! The one thing in the file that can be read without a key: what it is, and under which
//! key.

use subtle::ConstantTimeEq;

use super::record::{StoreId, StoreKeys};
use crate::error::{Error, ErrorKind};
use crate::seal::{Randomness, SealingKey};

/// The format that this version of the crate writes.
pub(super) const FORMAT: u32 = 1;

const MAGIC: &[u8; 4] = b"srst";
/// Everything that the check value covers.
const CHECKED: usize = 4 + 4 + 16 + 8;

/// ```text
/// offset  bytes  what
///      0      4  "srst"
///      4      4  format, big-endian
///      8     16  store id
///     24      8  id of the sealing key
///     32     32  check value
/// ```
#[derive(Debug)]
pub(super) struct Header {
    pub(super) format: u32,
    id: StoreId,
    sealing_key: [u8; 8],
    check: [u8; 32],
}

impl Header {
    /// That of a new store.
    pub(super) fn new(key: &SealingKey) -> Result<(Self, StoreKeys), Error> {
        let mut id = [0; 16];
        Randomness::system().fill(&mut id)?;
        let keys = StoreKeys::new(key, id);
        Ok((Header::of(key, &keys), keys))
    }

    /// That of the store with these keys, which come from this one.
    pub(super) fn of(key: &SealingKey, keys: &StoreKeys) -> Self {
        let mut header = Header {
            format: FORMAT,
            id: *keys.id(),
            sealing_key: key.id(),
            check: [0; 32],
        };
        header.check = keys.check(&header.checked());
        header
    }

    /// The store's keys, if this is the key that it is sealed under.
    pub(super) fn open(&self, key: &SealingKey) -> Result<StoreKeys, Error> {
        if self.sealing_key != key.id() {
            let rule = "the store is sealed under another key than the one given";
            return Err(ErrorKind::Misconfigured { rule }.into());
        }
        let keys = StoreKeys::new(key, self.id);
        let ours: bool = keys.check(&self.checked()).ct_eq(&self.check).into();
        ours.then_some(keys).ok_or_else(damaged)
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [self.checked().as_slice(), &self.check].concat()
    }

    /// Reads the bytes. What they say is authenticated by [`Header::open`]. A format that
    /// is not known is refused before anything else is believed of it.
    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self, Error> {
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (format, rest) = rest.split_first_chunk().ok_or_else(damaged)?;
        let format = u32::from_be_bytes(*format);
        if format > FORMAT {
            let rule = "the store is of a later format; open it with a later release";
            return Err(ErrorKind::Misconfigured { rule }.into());
        }
        let read = || {
            let (id, rest) = rest.split_first_chunk()?;
            let (sealing_key, check) = rest.split_first_chunk()?;
            let check = check.try_into().ok()?;
            Some((*id, *sealing_key, check))
        };
        let (id, sealing_key, check) = read().ok_or_else(damaged)?;
        if format == 0 {
            return Err(damaged());
        }
        Ok(Header {
            format,
            id,
            sealing_key,
            check,
        })
    }

    fn checked(&self) -> [u8; CHECKED] {
        let mut out = [0; CHECKED];
        let parts: [&[u8]; 4] = [
            MAGIC,
            &self.format.to_be_bytes(),
            &self.id,
            &self.sealing_key,
        ];
        for (to, from) in out.iter_mut().zip(parts.concat()) {
            *to = from;
        }
        out
    }
}

pub(super) fn damaged() -> Error {
    ErrorKind::Corrupt {
        what: "store header",
    }
    .into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let key = SealingKey::from_bytes([7; 32]);
        let (header, keys) = Header::new(&key).unwrap();
        let bytes = header.to_bytes();
        let read = |bytes: &[u8]| Header::from_bytes(bytes).and_then(|header| header.open(&key));
        assert_eq!(read(&bytes).unwrap().id(), keys.id());
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1 << bit;
                let error = read(&bytes).err().unwrap();
                let known = matches!(
                    error.kind(),
                    ErrorKind::Corrupt { .. } | ErrorKind::Misconfigured { .. }
                );
                assert!(known, "{at}: {error}");
            }
            assert!(read(&bytes[..at]).is_err());
        }
        assert!(read(&[bytes.as_slice(), &[0]].concat()).is_err());
    }

    #[test]
    fn a_later_format_is_named_as_one() {
        let (header, _) = Header::new(&SealingKey::from_bytes([7; 32])).unwrap();
        let mut bytes = header.to_bytes();
        bytes[4..8].copy_from_slice(&(FORMAT + 1).to_be_bytes());
        // Whatever follows: a later format may have it otherwise.
        for bytes in [&bytes[..], &bytes[..8]] {
            let error = Header::from_bytes(bytes).unwrap_err();
            assert!(error.to_string().contains("later format"), "{error}");
        }
    }
}
