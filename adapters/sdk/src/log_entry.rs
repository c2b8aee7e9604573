use crate::bindings::logentry::exports::mixmesh::adapter::logentry as wire;
use crate::column;
use crate::{Adapter, FailedElement, InstanceIndex, Value};

/// Serves the template `logentry`. Entries are read out of the batch's columns where they lie.
pub trait LogEntry: Adapter {
    /// Takes an entry.
    ///
    /// # Errors
    /// Why it cannot be taken; the others of the batch are not affected.
    fn log_entry(&mut self, entry: &Entry<'_>) -> Result<(), String>;

    /// Called after the last entry of a batch, for adapters that collect.
    ///
    /// # Errors
    /// Why the whole batch could not be taken.
    fn end_batch(&mut self) -> Result<(), String> {
        Ok(())
    }
}

/// A log entry.
#[derive(Debug, Clone, Copy)]
pub struct Entry<'a> {
    /// Which of the configuration's instances it is.
    pub instance: InstanceIndex,
    batch: &'a wire::Batch,
    group: &'a wire::Group,
    row: usize,
}

impl<'a> Entry<'a> {
    /// The severity as the instance has it, in its own words.
    pub fn severity(&self) -> &'a str {
        column::text(&self.batch.texts, &self.group.severities, self.row)
    }

    /// When it happened, in nanoseconds since the Unix epoch.
    pub fn timestamp(&self) -> i64 {
        self.group.timestamps.get(self.row).copied().unwrap_or_default()
    }

    /// The variables in the order of the instance's fields.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = Value<'a>> {
        let (batch, row) = (self.batch, self.row);
        let value = move |column| column::value(&batch.texts, &batch.addresses, column, row);
        self.group.variables.iter().map(value)
    }
}

/// Hands a batch of the host to the adapter, in the order of its elements.
pub(crate) fn report<A: LogEntry>(adapter: &mut A, batch: &wire::Batch) -> Vec<FailedElement> {
    let rows = column::rows(&batch.groups, |group| &group.elements);
    let mut failed = Vec::new();
    for (element, group, row) in &rows {
        let instance = InstanceIndex::new(group.instance);
        let entry = Entry { instance, batch, group, row: *row };
        if let Err(message) = adapter.log_entry(&entry) {
            failed.push(FailedElement { element: *element, message });
        }
    }
    column::end(failed, &rows, adapter.end_batch())
}
