use crate::bindings::logentry::exports::mixmesh::adapter::logentry as wire;
use crate::value::StringMap;
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
        self.group.severities.get(self.row).map_or("", |number| text(&self.batch.texts, *number))
    }

    /// When it happened, in nanoseconds since the Unix epoch.
    pub fn timestamp(&self) -> i64 {
        self.group.timestamps.get(self.row).copied().unwrap_or_default()
    }

    /// The variables in the order of the instance's fields.
    pub fn variables(&self) -> impl ExactSizeIterator<Item = Value<'a>> {
        let (batch, row) = (self.batch, self.row);
        self.group.variables.iter().map(move |column| value(batch, column, row))
    }
}

/// Hands a batch of the host to the adapter, in the order of its elements.
pub(crate) fn report<A: LogEntry>(adapter: &mut A, batch: &wire::Batch) -> Vec<FailedElement> {
    let mut rows: Vec<(u32, &wire::Group, usize)> = batch
        .groups
        .iter()
        .flat_map(|group| (0..).zip(&group.elements).map(move |(row, e)| (*e, group, row)))
        .collect();
    if batch.groups.len() > 1 {
        rows.sort_by_key(|(element, ..)| *element);
    }
    let mut failed = Vec::new();
    for (element, group, row) in &rows {
        let instance = InstanceIndex::new(group.instance);
        let entry = Entry { instance, batch, group, row: *row };
        if let Err(message) = adapter.log_entry(&entry) {
            failed.push(FailedElement { element: *element, message });
        }
    }
    if let Err(message) = adapter.end_batch() {
        let fail = |(element, ..): (u32, _, _)| FailedElement { element, message: message.clone() };
        failed = rows.into_iter().map(fail).collect();
    }
    failed
}

fn value<'a>(batch: &'a wire::Batch, column: &'a wire::Column, row: usize) -> Value<'a> {
    fn at<T: Copy + Default>(column: &[T], row: usize) -> T {
        column.get(row).copied().unwrap_or_default()
    }
    match column {
        wire::Column::Text(numbers) => Value::Text(text(&batch.texts, at(numbers, row))),
        wire::Column::Int64(numbers) => Value::Int64(at(numbers, row)),
        wire::Column::Double(numbers) => Value::Double(at(numbers, row)),
        wire::Column::Boolean(truths) => Value::Boolean(at(truths, row)),
        wire::Column::Timestamp(nanos) => Value::Timestamp(at(nanos, row)),
        wire::Column::Duration(nanos) => Value::Duration(at(nanos, row)),
        wire::Column::IpAddress(numbers) => {
            let address = batch.addresses.get(at(numbers, row) as usize);
            Value::IpAddress(address.map_or(&[], Vec::as_slice))
        }
        wire::Column::StringMap(maps) => {
            let entries = maps.get(row).map_or(&[][..], Vec::as_slice);
            Value::StringMap(StringMap::of_indexes(&batch.texts, entries))
        }
    }
}

fn text(texts: &[String], number: u32) -> &str {
    texts.get(number as usize).map_or("", String::as_str)
}
