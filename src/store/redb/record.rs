//! What stands in the file: records, and the state of the whole set, each sealed.
//!
//! docs/store-format.md has it byte by byte.

use super::error::{Place, corrupt_at};
use super::set::SetHash;
use crate::error::{Error, ErrorKind};
use crate::seal::{self, Randomness, SealingKey, field};

/// Chosen at random when a store is made, and part of everything that is sealed in it.
pub(super) type StoreId = [u8; 16];

const STORE_LABEL: &[u8] = b"strongroom 1 store";
const RECORD_LABEL: &[u8] = b"strongroom 1 store record";
const STATE_LABEL: &[u8] = b"strongroom 1 store state";
const SET_LABEL: &[u8] = b"strongroom 1 store set";

/// The keys of one store under one sealing key.
pub(super) struct StoreKeys {
    id: StoreId,
    root: SealingKey,
}

/// What the store is as a whole.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    pub(super) revision: u64,
    pub(super) records: u64,
    pub(super) set: SetHash,
}

impl State {
    /// One record more.
    pub(super) fn add(&mut self, element: SetHash) {
        self.set ^= element;
        self.records += 1;
    }

    /// One record less.
    pub(super) fn remove(&mut self, element: SetHash) {
        self.set ^= element;
        self.records = self.records.saturating_sub(1);
    }
}

impl StoreKeys {
    /// Derived, so that one sealing key can serve many stores, and `Software` too, and
    /// nothing sealed for the one opens as the other.
    pub(super) fn new(key: &SealingKey, id: StoreId) -> Self {
        let root = key.derived(&id, STORE_LABEL);
        StoreKeys { id, root }
    }

    pub(super) fn id(&self) -> &StoreId {
        &self.id
    }

    /// See [`SealingKey::check`].
    pub(super) fn check(&self, content: &[u8]) -> [u8; 32] {
        self.root.check(content)
    }

    /// Seals a record's value for its key and revision: in another place, or with another
    /// revision beside it, it does not open.
    pub(super) fn seal(&self, key: &str, revision: u64, value: &[u8]) -> Result<Vec<u8>, Error> {
        let bound = self.bound(key.as_bytes(), revision);
        let rng = Randomness::system();
        let sealed = seal::seal(&self.root, RECORD_LABEL, &bound, value, &rng)?;
        Ok([revision.to_be_bytes().as_slice(), &sealed].concat())
    }

    /// A record's revision and value.
    pub(super) fn open(&self, key: &str, stored: &[u8]) -> Result<(u64, Vec<u8>), Error> {
        let opened = split(stored).and_then(|(revision, sealed)| {
            let bound = self.bound(key.as_bytes(), revision);
            let value = seal::open(&self.root, RECORD_LABEL, &bound, sealed)?;
            Some((revision, value.expose().to_vec()))
        });
        opened.ok_or_else(|| corrupt_at("record", Place::Record(key.into())))
    }

    /// What a stored record adds to the hash of the set: a pseudo-random number that stands
    /// for its key, its revision and its salt. The salt is drawn anew for every sealing, so
    /// no two sealings have the same number, not even two of one revision (one of which a
    /// crash undid). That the rest of the record belongs to the salt is the seal's business.
    pub(super) fn element(&self, key: &[u8], stored: &[u8]) -> SetHash {
        let mut element = [0; 32];
        // The revision and the salt stand first; a record that is too short for them is
        // none of ours, and any number will do.
        let first = stored.get(..8 + seal::SALT_LEN).unwrap_or(stored);
        let mut content = Vec::with_capacity(key.len() + first.len() + 8);
        field(&mut content, key);
        field(&mut content, first);
        self.root.expand(None, &[SET_LABEL, &content], &mut element);
        SetHash::of(element)
    }

    pub(super) fn seal_state(&self, state: &State) -> Result<Vec<u8>, Error> {
        let set = state.set.to_bytes();
        let (revision, records) = (state.revision.to_be_bytes(), state.records.to_be_bytes());
        let payload = [revision.as_slice(), &records, &set].concat();
        let rng = Randomness::system();
        seal::seal(&self.root, STATE_LABEL, &self.id, &payload, &rng)
    }

    pub(super) fn open_state(&self, sealed: &[u8]) -> Result<State, Error> {
        let read = || {
            let payload = seal::open(&self.root, STATE_LABEL, &self.id, sealed)?;
            let (revision, rest) = payload.expose().split_first_chunk()?;
            let (records, set) = rest.split_first_chunk()?;
            Some(State {
                revision: u64::from_be_bytes(*revision),
                records: u64::from_be_bytes(*records),
                set: SetHash::of(set.try_into().ok()?),
            })
        };
        read().ok_or_else(|| {
            ErrorKind::Corrupt {
                what: "store state",
            }
            .into()
        })
    }

    fn bound(&self, key: &[u8], revision: u64) -> Vec<u8> {
        let mut out = Vec::with_capacity(self.id.len() + key.len() + 20);
        field(&mut out, &self.id);
        field(&mut out, key);
        field(&mut out, &revision.to_be_bytes());
        out
    }
}

/// The revision of a stored record and what is sealed in it. Nothing is authenticated by this.
fn split(stored: &[u8]) -> Option<(u64, &[u8])> {
    let (revision, sealed) = stored.split_first_chunk()?;
    Some((u64::from_be_bytes(*revision), sealed))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(key: u8, store: u8) -> StoreKeys {
        StoreKeys::new(&SealingKey::from_bytes([key; 32]), [store; 16])
    }

    fn assert_corrupt<T>(result: Result<T, Error>, what: &'static str) {
        let error = result.err().unwrap();
        assert_eq!(*error.kind(), ErrorKind::Corrupt { what });
    }

    #[test]
    fn a_record_opens_in_its_place_alone() {
        let (here, stored) = (keys(1, 1), keys(1, 1).seal("a", 7, b"value").unwrap());
        assert_eq!(here.open("a", &stored).unwrap(), (7, b"value".to_vec()));
        assert_corrupt(here.open("b", &stored), "record");
        assert_corrupt(keys(2, 1).open("a", &stored), "record");
        assert_corrupt(keys(1, 2).open("a", &stored), "record");
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_noticed() {
        let keys = keys(1, 1);
        let stored = keys.seal("a", 7, b"value").unwrap();
        let state = State {
            revision: 7,
            records: 1,
            set: keys.element(b"a", &stored),
        };
        let sealed = keys.seal_state(&state).unwrap();
        assert_eq!(keys.open_state(&sealed).unwrap(), state);
        for at in 0..stored.len() {
            let mut changed = stored.clone();
            changed[at] ^= 1 << (at % 8);
            assert_corrupt(keys.open("a", &changed), "record");
            assert_corrupt(keys.open("a", &stored[..at]), "record");
        }
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1 << (at % 8);
            assert_corrupt(keys.open_state(&changed), "store state");
            assert_corrupt(keys.open_state(&sealed[..at]), "store state");
        }
    }

    /// Two sealings of one revision, one of which a crash undid: not the same element.
    #[test]
    fn no_two_sealings_are_one_element() {
        let keys = keys(1, 1);
        let (one, two) = (keys.seal("a", 7, b"value"), keys.seal("a", 7, b"value"));
        let (one, two) = (one.unwrap(), two.unwrap());
        assert_ne!(keys.element(b"a", &one), keys.element(b"a", &two));
        assert_ne!(keys.element(b"a", &one), keys.element(b"b", &one));
    }
}
