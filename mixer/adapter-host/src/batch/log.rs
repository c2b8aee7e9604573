use std::ops::Range;

use mesh_attributes::{Timestamp, Value, ValueType};

use super::FailedElement;
use super::columns::Call;
use super::texts::Texts;
use crate::{AdapterValue, InstanceDecl, InstanceIndex};

/// The longest text of an entry, in bytes: what a proxy takes as the headers of a request in all.
const MAX_TEXT: usize = 64 << 10;

/// Log entries of one Report request for one handler. Grows with what is pushed; the caller bounds the
/// request.
#[derive(Debug, Default)]
pub struct LogBatch {
    entries: Vec<Entry>,
    cells: Vec<Cell>,
    pub(super) texts: Texts,
    pub(super) addresses: Vec<Box<[u8]>>,
    /// Entries of maps, as numbers of texts.
    pub(super) pairs: Vec<(u32, u32)>,
}

/// An entry with its cells' place in the batch.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) element: u32,
    pub(super) instance: u32,
    pub(super) severity: u32,
    pub(super) timestamp: i64,
    pub(super) cells: Range<usize>,
}

/// A value, with texts and addresses by their number.
#[derive(Debug, Clone)]
pub(super) enum Cell {
    Text(u32),
    Int64(i64),
    Double(f64),
    Boolean(bool),
    Timestamp(i64),
    Duration(i64),
    Address(u32),
    Map(Range<usize>),
}

impl LogBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an entry. Texts are cut at 64 KiB. `element` is the caller's number for it, `variables` are in the order of the
    /// instance's declaration. Costs a hash of each text; texts that are there already are not copied.
    pub fn push(
        &mut self,
        element: u32,
        instance: InstanceIndex,
        severity: &str,
        timestamp: Timestamp,
        variables: &[AdapterValue<'_>],
    ) {
        let severity = self.text(severity);
        let start = self.cells.len();
        for variable in variables {
            let cell = self.cell(variable);
            self.cells.push(cell);
        }
        self.entries.push(Entry {
            element,
            instance: instance.0,
            severity,
            timestamp: super::epoch_nanos(timestamp),
            cells: start..self.cells.len(),
        });
    }

    /// How many entries it holds.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    fn cell(&mut self, variable: &Value<'_>) -> Cell {
        match variable {
            Value::String(text) => Cell::Text(self.text(text)),
            Value::Int64(number) => Cell::Int64(*number),
            Value::Double(number) => Cell::Double(*number),
            Value::Bool(truth) => Cell::Boolean(*truth),
            Value::Timestamp(moment) => Cell::Timestamp(super::epoch_nanos(*moment)),
            Value::Duration(span) => Cell::Duration(span.as_nanos()),
            Value::Bytes(bytes) => {
                self.addresses.push((*bytes).into());
                Cell::Address(u32::try_from(self.addresses.len() - 1).unwrap_or(u32::MAX))
            }
            Value::StringMap(map) => {
                let start = self.pairs.len();
                for (key, value) in super::sorted_entries(*map) {
                    let pair = (self.text(&key), self.text(&value));
                    self.pairs.push(pair);
                }
                Cell::Map(start..self.pairs.len())
            }
        }
    }

    fn text(&mut self, text: &str) -> u32 {
        self.texts.number(&text[..text.floor_char_boundary(MAX_TEXT)])
    }

    /// The entries as calls that an instance of a component can hold in its memory: as a rule one.
    /// Entries that are not as their instance declares them are added to `failed`.
    pub(crate) fn calls(
        &self,
        instances: &[InstanceDecl],
        failed: &mut Vec<FailedElement>,
    ) -> Vec<Call<'_>> {
        let mut calls = Vec::new();
        let mut call = Call::new(self);
        for entry in &self.entries {
            let cells = &self.cells[entry.cells.clone()];
            if let Err(message) = check(cells, instances.get(entry.instance as usize)) {
                failed.push(FailedElement { element: entry.element, message });
                continue;
            }
            if call.is_full() {
                calls.push(std::mem::replace(&mut call, Call::new(self)));
            }
            call.add(entry, cells);
        }
        calls.extend((!call.is_empty()).then_some(call));
        calls
    }
}

impl Cell {
    fn fits(&self, declared: ValueType) -> bool {
        use ValueType as T;
        match self {
            Self::Text(_) => matches!(declared, T::String | T::DnsName | T::EmailAddress | T::Uri),
            Self::Int64(_) => declared == T::Int64,
            Self::Double(_) => declared == T::Double,
            Self::Boolean(_) => declared == T::Bool,
            Self::Timestamp(_) => declared == T::Timestamp,
            Self::Duration(_) => declared == T::Duration,
            Self::Address(_) => declared == T::IpAddress,
            Self::Map(_) => declared == T::StringMap,
        }
    }
}

fn check(cells: &[Cell], declared: Option<&InstanceDecl>) -> Result<(), String> {
    let Some(declared) = declared else { return Err("there is no such instance".to_owned()) };
    let (given, needed) = (cells.len(), declared.fields.len());
    if given != needed {
        return Err(format!("{given} variables instead of {needed}"));
    }
    for (cell, (name, value_type)) in cells.iter().zip(&declared.fields) {
        if !cell.fits(*value_type) {
            return Err(format!("variable {name} is no {}", value_type.name()));
        }
    }
    Ok(())
}
