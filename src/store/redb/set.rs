//! A keyed hash over the set of records, brought up to date with each change.

use std::ops::BitXorAssign;

/// The exclusive or of pseudo-random numbers, one for each record of a set.
///
/// It is the set hash of Bellare and Micciancio (1997) in its simplest form, which is
/// broken by linear algebra for whoever knows the numbers. Nobody does: they come from a
/// keyed function, and the hash itself stands in the file sealed, so that no difference of
/// two hashes shows any. For whoever has not the key, every set but the right one has a
/// hash that he can only guess, one in 2^256. An older hash that he puts back is that of
/// an older set, and fits no other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct SetHash([u8; 32]);

impl SetHash {
    /// The hash of a set of one, from its number.
    pub(super) fn of(number: [u8; 32]) -> Self {
        SetHash(number)
    }

    pub(super) fn to_bytes(self) -> [u8; 32] {
        self.0
    }
}

impl BitXorAssign for SetHash {
    /// Adds what is not in the set and removes what is.
    fn bitxor_assign(&mut self, other: SetHash) {
        for (mine, theirs) in self.0.iter_mut().zip(other.0) {
            *mine ^= theirs;
        }
    }
}
