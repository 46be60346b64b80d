//! Opened keys, kept by id, so that a key is unsealed and precomputed once and not per
//! operation.
//!
//! A handle remembers the key that was opened from it, so most uses take neither a lock
//! nor a look at the map. The cache alone keeps keys: what it lets go is forgotten. Users are
//! counted in [`stripes`](crate::stripes), so that threads that use one key do not wait for each
//! other.
//!
//! An id is a name and no proof: a hit counts only if the handle presented is the one
//! that was opened, to the last byte. Otherwise someone who knows an id could use the
//! key behind it with a blob he made up, or with a public half of his own.
//!
//! The bound is in bytes. When it is passed, the keys used longest ago go, an eighth of
//! the bound at a time, so that the scan for them is paid for by many insertions. Time is
//! the number of insertions so far: a hit writes only when that has changed, and most
//! often only reads.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::opened::Opened;
use crate::handle::{KeyHandle, ProviderKeyId};
use crate::stripes::Striped;

/// What an entry takes besides key and blob: most of it are its leases, if all are made.
const OVERHEAD: usize = 1536;

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
}

struct Entry {
    handle: KeyHandle,
    key: Arc<Kept>,
    /// One for each group of threads, made when it first asks.
    leases: Striped<OnceLock<Arc<Lease>>>,
    bytes: usize,
}

/// The use of an opened key, whose users are counted in a cache line of its own.
#[repr(align(64))]
pub(super) struct Lease(Arc<Kept>);

/// An opened key, as a cache and the handles that it was opened from share it.
struct Kept {
    key: Opened,
    serial: u64,
    used: AtomicU64,
    /// Whether the cache has let go of it, and only operations that run still use it.
    gone: AtomicBool,
}

impl Cache {
    pub(super) fn new(max_bytes: usize) -> Self {
        static SERIAL: AtomicU64 = AtomicU64::new(0);
        Cache {
            max_bytes,
            serial: SERIAL.fetch_add(1, Ordering::Relaxed),
            now: AtomicU64::new(0),
            inner: RwLock::default(),
        }
    }

    pub(super) fn get(&self, handle: &KeyHandle) -> Option<Arc<Lease>> {
        let lease = match handle.recall::<Lease>() {
            Some(lease) if lease.0.is_in(self) => lease,
            _ => self.look_up(handle)?,
        };
        let (key, now) = (&lease.0, self.now.load(Ordering::Relaxed));
        if key.used.load(Ordering::Relaxed) != now {
            key.used.store(now, Ordering::Relaxed);
        }
        Some(lease)
    }

    #[cold]
    fn look_up(&self, handle: &KeyHandle) -> Option<Arc<Lease>> {
        let inner = self.read();
        let entry = inner.entries.get(&handle.id())?;
        if !entry.handle.is_same(handle) && entry.handle != *handle {
            return None;
        }
        let lease = Arc::clone(entry.lease());
        drop(inner);
        handle.remember(&lease);
        Some(lease)
    }

    /// Keeps a key that has just been opened, in place of another of the same id. Where another
    /// thread was faster to open it, what that one keeps is used by all.
    pub(super) fn put(&self, handle: &KeyHandle, key: Opened) -> Arc<Lease> {
        let bytes = OVERHEAD + handle.blob().len() + key.weight(handle.spec());
        let fits = bytes <= self.max_bytes;
        let now = self.now.fetch_add(u64::from(fits), Ordering::Relaxed) + 1;
        let key = Arc::new(Kept {
            key,
            serial: self.serial,
            used: AtomicU64::new(now),
            gone: AtomicBool::new(!fits),
        });
        if !fits {
            return Arc::new(Lease(key));
        }
        let entry = Entry {
            handle: handle.clone(),
            key,
            leases: Striped::new(OnceLock::new),
            bytes,
        };
        let (lease, gone) = self.write().put(entry, self.max_bytes);
        // The lock is free again: erasing keys is not done under it.
        drop(gone);
        handle.remember(&lease);
        lease
    }

    pub(super) fn evict(&self, id: ProviderKeyId) {
        let gone = self.write().remove(id);
        drop(gone);
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
        self.read().bytes
    }

    #[cfg(test)]
    pub(super) fn holds(&self, id: ProviderKeyId) -> bool {
        self.read().entries.contains_key(&id)
    }
}

impl Inner {
    /// The use of what is kept, and what had to go.
    fn put(&mut self, entry: Entry, max_bytes: usize) -> (Arc<Lease>, Vec<Entry>) {
        if let Some(present) = self.entries.get(&entry.handle.id())
            && present.handle == entry.handle
        {
            return (Arc::clone(present.lease()), vec![entry]);
        }
        let mut gone: Vec<_> = self.remove(entry.handle.id()).into_iter().collect();
        if self.bytes + entry.bytes > max_bytes {
            let room = max_bytes.saturating_sub(max_bytes / 8);
            let target = room.saturating_sub(entry.bytes);
            self.shrink(target, &mut gone);
        }
        self.bytes += entry.bytes;
        let lease = Arc::clone(entry.lease());
        self.entries.insert(entry.handle.id(), entry);
        (lease, gone)
    }

    fn shrink(&mut self, target: usize, gone: &mut Vec<Entry>) {
        let mut by_age: Vec<_> = self
            .entries
            .iter()
            .map(|(id, entry)| (entry.key.used.load(Ordering::Relaxed), *id))
            .collect();
        by_age.sort_unstable();
        for (_, id) in by_age {
            if self.bytes <= target {
                return;
            }
            gone.extend(self.remove(id));
        }
    }

    fn remove(&mut self, id: ProviderKeyId) -> Option<Entry> {
        let entry = self.entries.remove(&id)?;
        self.bytes -= entry.bytes;
        entry.key.gone.store(true, Ordering::Relaxed);
        Some(entry)
    }
}

impl Entry {
    /// That of the calling thread.
    fn lease(&self) -> &Arc<Lease> {
        let lease = || Arc::new(Lease(Arc::clone(&self.key)));
        self.leases.mine().get_or_init(lease)
    }
}

impl Kept {
    /// Whether a cache keeps it.
    fn is_in(&self, cache: &Cache) -> bool {
        self.serial == cache.serial && !self.gone.load(Ordering::Relaxed)
    }
}

impl Deref for Lease {
    type Target = Opened;

    fn deref(&self) -> &Opened {
        &self.0.key
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

    #[test]
    fn a_handle_remembers_its_key_as_long_as_this_cache_keeps_it() {
        let (cache, other) = (Cache::new(1 << 20), Cache::new(1 << 20));
        let first = handle(1, b"blob");
        let key = cache.put(&first, key());
        assert!(Arc::ptr_eq(&first.recall::<Lease>().unwrap(), &key));
        let second = handle(1, b"blob");
        assert!(second.recall::<Lease>().is_none());
        assert!(cache.get(&second).is_some());
        assert!(Arc::ptr_eq(&second.recall::<Lease>().unwrap(), &key));
        for handle in [&first, &first.clone(), &second] {
            assert!(Arc::ptr_eq(&cache.get(handle).unwrap(), &key));
            assert!(other.get(handle).is_none(), "the key of another cache");
        }
        cache.evict(first.id());
        // Still in use, and not handed out any more.
        assert!(first.recall::<Lease>().is_some());
        assert!(cache.get(&first).is_none());
        drop(key);
        assert!(first.recall::<Lease>().is_none());
        // The next one is found without being remembered.
        cache.put(&first, self::key());
        assert!(cache.get(&first).is_some());
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
        let weak = Arc::downgrade(&key.0);
        drop(key);
        assert!(weak.upgrade().is_some());
        cache.evict(ProviderKeyId::from_bytes([1; 16]));
        assert!(weak.upgrade().is_none());
    }
}
