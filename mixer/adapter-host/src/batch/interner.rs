use hashbrown::HashTable;

use super::FailedElement;
use super::key::{self, Dimension};
use super::metric::MetricBatch;
use crate::InstanceDecl;
use crate::bindings::exports::mixmesh::adapter::metric;
use crate::bindings::mixmesh::adapter::types;

/// Series that one component instance is asked to remember, by number and by the bytes of their keys.
/// Beyond that those that were not used for longest are forgotten; they cost an introduction when they
/// come again. The handler's own limit is on the host's series, of which each instance knows a part.
const MAX_SERIES: usize = 16_384;
const MAX_KEY_BYTES: usize = 8 << 20;

/// What one call carries at most. An instance has 64 MiB of memory, and a text is in there twice.
const MAX_SAMPLES: usize = 4096;
const MAX_INTRODUCED_BYTES: usize = 2 << 20;

/// The series that one component instance knows, beside that instance.
#[derive(Debug, Default)]
pub(crate) struct SeriesInterner {
    /// Ids by their key's hash.
    ids: HashTable<u32>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    key_bytes: usize,
    /// Counts the calls.
    call: u64,
}

#[derive(Debug)]
struct Slot {
    hash: u64,
    /// Empty while the id is free.
    key: Box<[u8]>,
    last_used: u64,
}

/// One call's part of a batch.
#[derive(Debug)]
pub(crate) struct Chunk<'b> {
    forgotten: Vec<u32>,
    introduced: Vec<Introduced<'b>>,
    samples: Vec<metric::Sample<'b>>,
    /// For each sample the number it was pushed with.
    elements: Vec<u32>,
    /// Where the next chunk begins.
    pub(crate) end: usize,
}

#[derive(Debug)]
struct Introduced<'b> {
    id: u32,
    instance: u32,
    dimensions: Vec<Dimension<'b>>,
}

impl SeriesInterner {
    /// The part of `batch` from `start` that fits into a call. What cannot be delivered is added to
    /// `failed`. The component instance must get this chunk or be thrown away.
    pub(crate) fn chunk<'b>(
        &mut self,
        batch: &'b MetricBatch,
        start: usize,
        instances: &[InstanceDecl],
        failed: &mut Vec<FailedElement>,
    ) -> Chunk<'b> {
        self.call += 1;
        let room = (batch.len() - start).min(MAX_SAMPLES);
        let mut chunk = Chunk {
            forgotten: Vec::new(),
            introduced: Vec::new(),
            samples: Vec::with_capacity(room),
            elements: Vec::with_capacity(room),
            end: start,
        };
        let mut introduced_bytes = 0;
        for pending in &batch.samples[start..] {
            if chunk.samples.len() >= MAX_SAMPLES || introduced_bytes >= MAX_INTRODUCED_BYTES {
                break;
            }
            let declared = instances.get(pending.instance as usize);
            let found = batch
                .key(pending, declared.and_then(|instance| instance.value_type))
                .and_then(|key| match self.find(pending.hash, key) {
                    Some(id) => Ok(Some(id)),
                    None => {
                        let (instance, dimensions) = check(key, declared)?;
                        let Some(id) = self.insert(pending.hash, key, &mut chunk.forgotten) else {
                            return Ok(None);
                        };
                        introduced_bytes += key.len();
                        chunk.introduced.push(Introduced { id, instance, dimensions });
                        Ok(Some(id))
                    }
                });
            match found {
                Ok(Some(id)) => {
                    chunk.samples.push(batch.sample(pending, id));
                    chunk.elements.push(pending.element);
                }
                // All ids are in use by this very call.
                Ok(None) => break,
                Err(message) => failed.push(FailedElement { element: pending.element, message }),
            }
            chunk.end += 1;
        }
        chunk
    }

    fn find(&mut self, hash: u64, key: &[u8]) -> Option<u32> {
        let slots = &self.slots;
        let same = |id: &u32| {
            let slot = &slots[*id as usize];
            slot.hash == hash && *slot.key == *key
        };
        let id = *self.ids.find(hash, same)?;
        self.slots[id as usize].last_used = self.call;
        Some(id)
    }

    /// An id for a new key, after making room; `None` when there is none to be had in this call.
    fn insert(&mut self, hash: u64, key: &[u8], forgotten: &mut Vec<u32>) -> Option<u32> {
        let full = |s: &Self| s.ids.len() >= MAX_SERIES || s.key_bytes + key.len() > MAX_KEY_BYTES;
        while full(self) {
            if !self.forget_older_half(forgotten) {
                return None;
            }
        }
        let slot = Slot { hash, key: key.into(), last_used: self.call };
        let id = match self.free.pop() {
            Some(id) => {
                self.slots[id as usize] = slot;
                id
            }
            None => {
                self.slots.push(slot);
                u32::try_from(self.slots.len() - 1).expect("MAX_SERIES fits")
            }
        };
        self.key_bytes += key.len();
        let slots = &self.slots;
        self.ids.insert_unique(hash, id, |id| slots[*id as usize].hash);
        Some(id)
    }

    /// Half at a time, so that the search for the oldest is paid by many introductions. Says whether
    /// any series went: those of this call stay, their samples are already in the chunk.
    fn forget_older_half(&mut self, forgotten: &mut Vec<u32>) -> bool {
        let before = forgotten.len();
        if self.ids.is_empty() {
            return false;
        }
        let mut uses: Vec<u64> =
            self.ids.iter().map(|id| self.slots[*id as usize].last_used).collect();
        let middle = uses.len() / 2;
        let (_, median, _) = uses.select_nth_unstable(middle);
        let newest_to_go = (*median).min(self.call - 1);
        let (slots, free, key_bytes) = (&mut self.slots, &mut self.free, &mut self.key_bytes);
        self.ids.retain(|id| {
            let slot = &mut slots[*id as usize];
            let stays = slot.last_used > newest_to_go;
            if !stays {
                *key_bytes -= slot.key.len();
                slot.key = Box::default();
                free.push(*id);
                forgotten.push(*id);
            }
            stays
        });
        forgotten.len() > before
    }
}

impl Chunk<'_> {
    pub(crate) fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// Calls `f` with the call's argument.
    pub(crate) async fn call<R>(&self, f: impl AsyncFnOnce(metric::Batch<'_>) -> R) -> R {
        let dimensions: Vec<Vec<types::Value<'_>>> = self
            .introduced
            .iter()
            .map(|series| series.dimensions.iter().map(Dimension::as_value).collect())
            .collect();
        let introduced: Vec<_> = self
            .introduced
            .iter()
            .zip(&dimensions)
            .map(|(series, dimensions)| metric::Series {
                id: series.id,
                instance: series.instance,
                dimensions,
            })
            .collect();
        let (forgotten, samples) = (&self.forgotten, &self.samples);
        f(metric::Batch { forgotten, introduced: &introduced, samples }).await
    }

    /// The numbers of the elements that it carries.
    pub(crate) fn elements(&self) -> &[u32] {
        &self.elements
    }
}

/// The parts of a key, if they are what the instance declares.
fn check<'k>(
    key: &'k [u8],
    declared: Option<&InstanceDecl>,
) -> Result<(u32, Vec<Dimension<'k>>), String> {
    let Some(declared) = declared else { return Err("there is no such instance".to_owned()) };
    let Some((instance, dimensions)) = key::decode(key) else {
        return Err("the dimensions cannot be read back".to_owned());
    };
    let (given, needed) = (dimensions.len(), declared.fields.len());
    if given != needed {
        return Err(format!("{given} dimensions instead of {needed}"));
    }
    for (dimension, (name, value_type)) in dimensions.iter().zip(&declared.fields) {
        if !dimension.fits(*value_type) {
            return Err(format!("dimension {name} is no {}", value_type.name()));
        }
    }
    Ok((instance, dimensions))
}

#[cfg(test)]
mod tests;
