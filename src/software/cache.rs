//! Opened keys, kept by id, so that a key is unsealed and precomputed once and not per
//! operation.
//!
//! A handle remembers the key that was opened from it, so most uses take neither a lock
//! nor a look at the map, and count nothing. The cache alone keeps keys: what it lets go is
//! [withdrawn](Revocable::withdraw), whoever remembers it.
//!
//! An id is a name and no proof: a hit counts only if the handle presented is the one
//! that was opened, to the last byte. Otherwise someone who knows an id could use the
//! key behind it with a blob he made up, or with a public half of his own.
//!
//! The bound is in bytes. When it is passed, the keys used longest ago go, a part of the bound
//! at a time, so that waiting for whoever uses one is paid for by many insertions. Time is the
//! number of insertions so far: a hit writes only when that has changed, and most often only
//! reads. So the order of age is that of the last look at it, and a key that was used since is
//! put in its place when its turn has come.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::opened::Opened;
use crate::engine::revocable::{self, Borrowed, Revocable, Withdrawn};
use crate::handle::{KeyHandle, ProviderKeyId};

/// What an entry takes besides key and blob.
const OVERHEAD: usize = 512;

/// The part of the bound that is made free at a time.
const PART: usize = 64;

pub(super) struct Cache {
    max_bytes: usize,
    /// Different from that of every other cache, whose keys are not for this one's users:
    /// another backend may lack the sealing key.
    serial: u64,
    now: AtomicU64,
    inner: RwLock<Inner>,
}

#[derive(Default)]
struct Inner {
    bytes: usize,
    /// Ordered, not hashed: a hash that nobody can aim collisions at costs more than
    /// comparing ids does.
    entries: BTreeMap<ProviderKeyId, Entry>,
    /// The same, by when they were used as far as was looked.
    by_age: BTreeSet<(u64, ProviderKeyId)>,
}

struct Entry {
    handle: KeyHandle,
    kept: Arc<Kept>,
    bytes: usize,
    /// Its place by age.
    aged: u64,
}

/// An opened key, as a cache and the handles that it was opened from share it: those have it as
/// long as this cache does.
struct Kept {
    key: Revocable<Opened>,
    serial: u64,
    used: AtomicU64,
}

/// An opened key for one operation. Whoever has one does not open keys or let go of any: what is
/// borrowed is waited for.
pub(super) enum Lease<'a> {
    Borrowed(Borrowed<'a, Opened>),
    Held(Arc<Opened>),
}

impl Cache {
    pub(super) fn new(max_bytes: usize) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        revocable::prepare();
        Cache {
            max_bytes,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            now: AtomicU64::new(0),
            inner: RwLock::default(),
        }
    }

    /// For one operation.
    pub(super) fn get<'a>(&self, handle: &'a KeyHandle) -> Option<Lease<'a>> {
        if let Some(kept) = self.recall(handle)
            && let Some(key) = kept.key.borrow()
        {
            self.touch(kept);
            return Some(Lease::Borrowed(key));
        }
        self.hold(handle).map(Lease::Held)
    }

    /// For as long as it takes.
    pub(super) fn hold(&self, handle: &KeyHandle) -> Option<Arc<Opened>> {
        if let Some(kept) = self.recall(handle)
            && let Some(key) = kept.key.hold()
        {
            self.touch(kept);
            return Some(key);
        }
        let inner = self.read();
        let Entry {
            handle: same, kept, ..
        } = inner.entries.get(&handle.id())?;
        if !same.is_same(handle) && same != handle {
            return None;
        }
        self.touch(kept);
        handle.remember(kept);
        kept.key.hold()
    }

    fn recall<'a>(&self, handle: &'a KeyHandle) -> Option<&'a Kept> {
        let kept = handle.recall::<Kept>()?;
        (kept.serial == self.serial).then_some(kept)
    }

    fn touch(&self, kept: &Kept) {
        let now = self.now.load(Ordering::Relaxed);
        if kept.used.load(Ordering::Relaxed) != now {
            // Not stored: another thread may have come with a later one.
            kept.used.fetch_max(now, Ordering::Relaxed);
        }
    }

    /// Keeps a key that has just been opened, in place of another of the same id. Where another
    /// thread was faster to open it, what that one keeps is used by all.
    pub(super) fn put(&self, handle: &KeyHandle, key: Opened) -> Arc<Opened> {
        let bytes = OVERHEAD + handle.blob().len() + key.weight(handle.spec());
        if bytes > self.max_bytes {
            return Arc::new(key);
        }
        let now = self.now.fetch_add(1, Ordering::Relaxed) + 1;
        let key = Arc::new(key);
        let kept = Arc::new(Kept {
            key: Revocable::new(Arc::clone(&key)),
            serial: self.serial,
            used: AtomicU64::new(now),
        });
        let entry = Entry {
            handle: handle.clone(),
            kept,
            bytes,
            aged: now,
        };
        let (kept, gone) = self.write().put(entry, self.max_bytes);
        // The lock is free again: erasing keys, and waiting for those who use them, is not done
        // under it.
        Withdrawn::drop_unused(gone);
        handle.remember(&kept);
        kept.key.hold().unwrap_or(key)
    }

    pub(super) fn evict(&self, id: ProviderKeyId) {
        let gone = self.write().remove(id);
        Withdrawn::drop_unused(gone.into_iter().collect());
    }

    /// A panic under the lock cannot leave it half-changed: nothing under it panics, and
    /// an entry is judged by its own content.
    fn read(&self) -> RwLockReadGuard<'_, Inner> {
        self.inner.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Inner> {
        self.inner.write().unwrap_or_else(PoisonError::into_inner)
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        let inner = self.read();
        assert_eq!(inner.by_age.len(), inner.entries.len());
        assert_eq!(
            inner.bytes,
            inner
                .entries
                .values()
                .map(|entry| entry.bytes)
                .sum::<usize>()
        );
        inner.bytes
    }

    #[cfg(test)]
    pub(super) fn holds(&self, id: ProviderKeyId) -> bool {
        self.read().entries.contains_key(&id)
    }
}

impl Inner {
    /// What is kept, and what had to go.
    fn put(&mut self, entry: Entry, max_bytes: usize) -> (Arc<Kept>, Vec<Withdrawn<Opened>>) {
        if let Some(present) = self.entries.get(&entry.handle.id())
            && present.handle == entry.handle
        {
            return (Arc::clone(&present.kept), Vec::new());
        }
        let id = entry.handle.id();
        let mut gone: Vec<_> = self.remove(id).into_iter().collect();
        if self.bytes + entry.bytes > max_bytes {
            let room = max_bytes.saturating_sub(max_bytes / PART);
            self.shrink(room.saturating_sub(entry.bytes), &mut gone);
        }
        self.bytes += entry.bytes;
        let kept = Arc::clone(&entry.kept);
        self.by_age.insert((entry.aged, id));
        self.entries.insert(id, entry);
        (kept, gone)
    }

    fn shrink(&mut self, target: usize, gone: &mut Vec<Withdrawn<Opened>>) {
        while self.bytes > target {
            let Some((aged, id)) = self.by_age.pop_first() else {
                return;
            };
            let Some(entry) = self.entries.get_mut(&id) else {
                continue;
            };
            let used = entry.kept.used.load(Ordering::Relaxed);
            if used > aged {
                entry.aged = used;
                self.by_age.insert((used, id));
            } else {
                gone.extend(self.remove(id));
            }
        }
    }

    /// Under the lock, so that no operation begins with a key that was destroyed.
    fn remove(&mut self, id: ProviderKeyId) -> Option<Withdrawn<Opened>> {
        let entry = self.entries.remove(&id)?;
        self.by_age.remove(&(entry.aged, id));
        self.bytes -= entry.bytes;
        entry.kept.key.withdraw()
    }
}

impl Drop for Inner {
    /// Handles that live on remember what is not there any more.
    fn drop(&mut self) {
        let kept = self.entries.values();
        let gone = kept.filter_map(|entry| entry.kept.key.withdraw());
        Withdrawn::drop_unused(gone.collect());
    }
}

impl Deref for Lease<'_> {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        match self {
            Lease::Borrowed(key) => key,
            Lease::Held(key) => key,
        }
    }
}

impl fmt::Debug for Cache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let inner = self.read();
        write!(
            f,
            "Cache({} keys, {} of {} bytes)",
            inner.entries.len(),
            inner.bytes,
            self.max_bytes
        )
    }
}

#[cfg(test)]
mod tests {
    use super::super::hmac::MacKey;
    use super::*;
    use crate::alg::KeySpec;
    use crate::handle::ProviderId;

    fn handle(id: u8, blob: &[u8]) -> KeyHandle {
        let id = ProviderKeyId::from_bytes([id; 16]);
        let here = ProviderId::new("here").unwrap();
        KeyHandle::new(here, id, KeySpec::Hmac { bits: 256 }, None, blob.into()).unwrap()
    }

    fn key() -> Opened {
        Opened::Hmac(Box::new(MacKey::new(&[1; 32]).unwrap()))
    }

    fn one() -> usize {
        OVERHEAD + 4 + key().weight(KeySpec::Hmac { bits: 256 })
    }

    #[test]
    fn a_hit_needs_the_handle_that_was_opened() {
        let cache = Cache::new(1 << 20);
        cache.put(&handle(1, b"blob"), key());
        assert!(cache.get(&handle(1, b"blob")).is_some());
        assert!(cache.get(&handle(1, b"blub")).is_none());
        assert!(cache.get(&handle(1, b"")).is_none());
        assert!(cache.get(&handle(2, b"blob")).is_none());
    }

    /// Elsewhere it is held, and not borrowed.
    #[cfg(target_os = "linux")]
    #[test]
    fn a_handle_remembers_its_key_as_long_as_this_cache_keeps_it() {
        let (cache, other) = (Cache::new(1 << 20), Cache::new(1 << 20));
        let first = handle(1, b"blob");
        let key = cache.put(&first, key());
        let is_same = |handle: &KeyHandle| {
            let borrowed = cache.recall(handle).unwrap().key.borrow().unwrap();
            std::ptr::eq(&raw const *borrowed, Arc::as_ptr(&key))
        };
        assert!(is_same(&first));
        let second = handle(1, b"blob");
        assert!(cache.recall(&second).is_none());
        assert!(matches!(cache.get(&second), Some(Lease::Held(_))));
        assert!(matches!(cache.get(&second), Some(Lease::Borrowed(_))));
        for handle in [&first, &first.clone(), &second] {
            assert!(is_same(handle));
            assert!(other.get(handle).is_none(), "the key of another cache");
        }
        cache.evict(first.id());
        assert!(cache.get(&first).is_none());
        assert!(cache.get(&second).is_none());
        assert_eq!(Arc::strong_count(&key), 1, "nobody else has it");
        // The next one is found without being remembered.
        cache.put(&first, self::key());
        assert!(matches!(cache.get(&first), Some(Lease::Held(_))));
    }

    #[test]
    fn a_handle_that_outlives_the_cache_has_no_key() {
        let cache = Cache::new(1 << 20);
        let handle = handle(1, b"blob");
        let key = cache.put(&handle, key());
        drop(cache);
        assert_eq!(Arc::strong_count(&key), 1);
    }

    #[test]
    fn the_bound_holds_and_the_oldest_go_first() {
        let cache = Cache::new(16 * one());
        for id in 0..16 {
            cache.put(&handle(id, b"blob"), key());
        }
        assert_eq!(cache.bytes(), 16 * one());
        assert!(cache.get(&handle(0, b"blob")).is_some());
        for id in 16..18 {
            cache.put(&handle(id, b"blob"), key());
            assert!(cache.bytes() <= 16 * one());
        }
        assert!(
            cache.get(&handle(0, b"blob")).is_some(),
            "used a moment ago"
        );
        assert!(cache.get(&handle(1, b"blob")).is_none(), "the oldest");
        assert!(cache.get(&handle(17, b"blob")).is_some(), "the newest");
    }

    #[test]
    fn a_key_in_use_outlives_any_number_of_others() {
        let cache = Cache::new(8 * one());
        for id in 0..200 {
            cache.put(&handle(id, b"blob"), key());
            assert!(cache.get(&handle(0, b"blob")).is_some());
            let holds = |id: &u8| cache.holds(handle(*id, b"blob").id());
            let kept: Vec<_> = (1..=id).rev().filter(holds).collect();
            let newest: Vec<_> = (1..=id).rev().take(kept.len()).collect();
            assert_eq!(kept, newest);
            assert!(kept.len() >= usize::from(id.min(6)), "no more than needed");
            assert!(cache.bytes() <= 8 * one());
        }
    }

    #[test]
    fn replacing_and_evicting_keep_count() {
        let cache = Cache::new(1 << 20);
        cache.put(&handle(1, b"blob"), key());
        cache.put(&handle(1, b"blub"), key());
        assert_eq!(cache.bytes(), one());
        assert!(cache.get(&handle(1, b"blob")).is_none());
        cache.evict(ProviderKeyId::from_bytes([1; 16]));
        cache.evict(ProviderKeyId::from_bytes([1; 16]));
        assert_eq!(cache.bytes(), 0);
    }

    #[test]
    fn no_room_keeps_nothing() {
        for max in [0, one() - 1] {
            let cache = Cache::new(max);
            cache.put(&handle(1, b"blob"), key());
            assert_eq!(cache.bytes(), 0);
        }
    }

    #[test]
    fn an_evicted_key_is_dropped() {
        let cache = Cache::new(1 << 20);
        let key = cache.put(&handle(1, b"blob"), key());
        let weak = Arc::downgrade(&key);
        drop(key);
        assert!(weak.upgrade().is_some());
        cache.evict(ProviderKeyId::from_bytes([1; 16]));
        assert!(weak.upgrade().is_none());
    }
}
