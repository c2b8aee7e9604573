use std::hash::BuildHasher;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use hashbrown::hash_table::Entry as TableEntry;

/// What one entry costs besides its key: slot, table share and allocations, measured roughly.
const ENTRY_OVERHEAD: usize = 160;

/// The end of a list of slots.
const END: u32 = u32::MAX;

/// Clients choose what goes into keys, so the hash is seeded by chance, once for the process.
static HASH: LazyLock<RandomState> = LazyLock::new(RandomState::default);

/// The hash of a key, for [`Lru`].
pub fn hash_key(key: &[u8]) -> u64 {
    HASH.hash_one(key)
}

/// A cache of bounded size that forgets what was used least recently.
///
/// One thread's own. Looking up allocates nothing; inserting allocates the key and, until the cache
/// has reached its size, room to grow.
#[derive(Debug)]
pub struct Lru<V> {
    table: HashTable<u32>,
    slots: Vec<Slot<V>>,
    free: u32,
    newest: u32,
    oldest: u32,
    bytes: usize,
    max_entries: usize,
    max_bytes: usize,
}

#[derive(Debug)]
struct Slot<V> {
    hash: u64,
    key: Box<[u8]>,
    cost: usize,
    /// `None` in a slot that is free.
    value: Option<V>,
    /// Towards the oldest; of a free slot, the next free one.
    older: u32,
    newer: u32,
}

impl<V> Lru<V> {
    /// A cache of at most so many entries and bytes, keys and overhead counted.
    pub fn new(max_entries: usize, max_bytes: usize) -> Self {
        Self {
            table: HashTable::new(),
            slots: Vec::new(),
            free: END,
            newest: END,
            oldest: END,
            bytes: 0,
            max_entries: max_entries.min(END as usize - 1),
            max_bytes,
        }
    }

    /// The value under `key`, whose [`hash_key`] is `hash`; it becomes the most recently used.
    pub fn get(&mut self, hash: u64, key: &[u8]) -> Option<&mut V> {
        let slots = &self.slots;
        let &index = self.table.find(hash, |&index| *slots[index as usize].key == *key)?;
        if index != self.newest {
            self.unlink(index);
            self.link_newest(index);
        }
        self.slots[index as usize].value.as_mut()
    }

    /// Removes the value under `key`.
    pub fn remove(&mut self, hash: u64, key: &[u8]) -> Option<V> {
        let slots = &self.slots;
        let found =
            self.table.find_entry(hash, |&index| *slots[index as usize].key == *key).ok()?;
        let (index, _) = found.remove();
        self.release(index)
    }

    /// Puts `value`, which keeps `value_cost` bytes elsewhere, under `key`, replacing what was there.
    /// Returns how many others had to go. What alone exceeds the bytes allowed is not kept.
    pub fn insert(&mut self, hash: u64, key: &[u8], value: V, value_cost: usize) -> usize {
        let cost = key.len() + value_cost + ENTRY_OVERHEAD;
        self.remove(hash, key);
        if cost > self.max_bytes || self.max_entries == 0 {
            return 0;
        }
        let mut evicted = 0;
        while self.len() >= self.max_entries || self.bytes + cost > self.max_bytes {
            self.evict_oldest();
            evicted += 1;
        }
        let slot = Slot { hash, key: key.into(), cost, value: Some(value), older: END, newer: END };
        let index = if self.free == END {
            self.slots.push(slot);
            // The number of slots is bounded by `max_entries`, which fits.
            (self.slots.len() - 1) as u32
        } else {
            let index = self.free;
            self.free = self.slots[index as usize].older;
            self.slots[index as usize] = slot;
            index
        };
        let slots = &self.slots;
        match self.table.entry(
            hash,
            |&index| *slots[index as usize].key == *key,
            |&index| slots[index as usize].hash,
        ) {
            TableEntry::Vacant(vacant) => {
                vacant.insert(index);
            }
            TableEntry::Occupied(mut occupied) => *occupied.get_mut() = index,
        }
        self.link_newest(index);
        self.bytes += cost;
        evicted
    }

    /// Changes what may be kept; what is too much goes at once.
    pub fn resize(&mut self, max_entries: usize, max_bytes: usize) {
        self.max_entries = max_entries.min(END as usize - 1);
        self.max_bytes = max_bytes;
        while self.len() > self.max_entries || self.bytes > self.max_bytes {
            self.evict_oldest();
        }
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.table.is_empty()
    }

    /// What the entries cost in bytes, keys and overhead.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    fn evict_oldest(&mut self) {
        let index = self.oldest;
        if index == END {
            return;
        }
        let hash = self.slots[index as usize].hash;
        if let Ok(found) = self.table.find_entry(hash, |&found| found == index) {
            found.remove();
        }
        self.release(index);
    }

    /// Frees a slot that the table no longer names.
    fn release(&mut self, index: u32) -> Option<V> {
        self.unlink(index);
        let slot = &mut self.slots[index as usize];
        self.bytes -= slot.cost;
        slot.key = Box::default();
        slot.older = self.free;
        self.free = index;
        slot.value.take()
    }

    fn unlink(&mut self, index: u32) {
        let Slot { older, newer, .. } = self.slots[index as usize];
        match newer {
            END => self.newest = older,
            newer => self.slots[newer as usize].older = older,
        }
        match older {
            END => self.oldest = newer,
            older => self.slots[older as usize].newer = newer,
        }
    }

    fn link_newest(&mut self, index: u32) {
        let before = std::mem::replace(&mut self.newest, index);
        let slot = &mut self.slots[index as usize];
        slot.older = before;
        slot.newer = END;
        match before {
            END => self.oldest = index,
            before => self.slots[before as usize].newer = index,
        }
    }
}
