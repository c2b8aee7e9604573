use super::log::{Cell, Entry, LogBatch};
use crate::bindings::exports::mixmesh::adapter::logentry;
use crate::bindings::mixmesh::adapter::types;

/// What one call carries at most; an instance has 64 MiB of memory, and writes about as much again.
const MAX_CALL_BYTES: usize = 4 << 20;
const MAX_CALL_ENTRIES: usize = 10_000;

/// One call's part of a batch, in columns.
#[derive(Debug)]
pub(crate) struct Call<'b> {
    batch: &'b LogBatch,
    /// The numbers that texts of the batch have in this call, or `UNUSED`.
    numbers: Vec<u32>,
    texts: Vec<&'b str>,
    addresses: Vec<&'b [u8]>,
    groups: Vec<Group>,
    entries: usize,
    bytes: usize,
}

const UNUSED: u32 = u32::MAX;

#[derive(Debug)]
struct Group {
    instance: u32,
    elements: Vec<u32>,
    severities: Vec<u32>,
    timestamps: Vec<i64>,
    columns: Vec<Column>,
}

#[derive(Debug)]
enum Column {
    Text(Vec<u32>),
    Int64(Vec<i64>),
    Double(Vec<f64>),
    Boolean(Vec<bool>),
    Timestamp(Vec<i64>),
    Duration(Vec<i64>),
    Address(Vec<u32>),
    Map(Vec<Vec<(u32, u32)>>),
}

/// The maps of a column, as they cross the border.
type Maps<'c> = Vec<&'c [(u32, u32)]>;

impl<'b> Call<'b> {
    pub(super) fn new(batch: &'b LogBatch) -> Self {
        Self {
            batch,
            numbers: vec![UNUSED; batch.texts.len()],
            texts: Vec::new(),
            addresses: Vec::new(),
            groups: Vec::new(),
            entries: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.entries >= MAX_CALL_ENTRIES || self.bytes >= MAX_CALL_BYTES
    }

    pub(super) fn add(&mut self, entry: &Entry, cells: &[Cell]) {
        self.entries += 1;
        self.bytes += size_of_val(cells);
        let severity = self.text(entry.severity);
        let group = self.group(entry.instance, cells);
        self.groups[group].elements.push(entry.element);
        self.groups[group].severities.push(severity);
        self.groups[group].timestamps.push(entry.timestamp);
        for (index, cell) in cells.iter().enumerate() {
            self.add_cell(group, index, cell);
        }
    }

    /// The group of an instance; there are few instances.
    fn group(&mut self, instance: u32, cells: &[Cell]) -> usize {
        if let Some(group) = self.groups.iter().position(|group| group.instance == instance) {
            return group;
        }
        self.groups.push(Group {
            instance,
            elements: Vec::new(),
            severities: Vec::new(),
            timestamps: Vec::new(),
            columns: cells.iter().map(Column::for_cells_like).collect(),
        });
        self.groups.len() - 1
    }

    fn add_cell(&mut self, group: usize, index: usize, cell: &Cell) {
        let cell = match cell {
            Cell::Text(number) => Cell::Text(self.text(*number)),
            Cell::Address(number) => {
                let address = &self.batch.addresses[*number as usize];
                self.bytes += address.len();
                self.addresses.push(address);
                Cell::Address(u32::try_from(self.addresses.len() - 1).unwrap_or(UNUSED))
            }
            Cell::Map(range) => {
                let pairs = &self.batch.pairs[range.clone()];
                self.bytes += size_of_val(pairs);
                let pairs = pairs.iter().map(|(k, v)| (self.text(*k), self.text(*v))).collect();
                if let Column::Map(column) = &mut self.groups[group].columns[index] {
                    column.push(pairs);
                }
                return;
            }
            other => other.clone(),
        };
        self.groups[group].columns[index].push(&cell);
    }

    /// The number of a text in this call.
    fn text(&mut self, number: u32) -> u32 {
        let place = &mut self.numbers[number as usize];
        if *place == UNUSED {
            let text = self.batch.texts.text(number);
            *place = u32::try_from(self.texts.len()).unwrap_or(UNUSED);
            self.bytes += text.len();
            self.texts.push(text);
        }
        *place
    }

    /// Calls `f` with the call's argument.
    pub(crate) async fn call<R>(&self, f: impl AsyncFnOnce(logentry::Batch<'_>) -> R) -> R {
        let maps: Vec<Vec<Maps<'_>>> = self
            .groups
            .iter()
            .map(|group| group.columns.iter().map(Column::maps).collect())
            .collect();
        let variables: Vec<Vec<types::Column<'_>>> = self
            .groups
            .iter()
            .zip(&maps)
            .map(|(group, maps)| {
                group.columns.iter().zip(maps).map(|(column, maps)| column.lower(maps)).collect()
            })
            .collect();
        let groups: Vec<_> = self
            .groups
            .iter()
            .zip(&variables)
            .map(|(group, variables)| logentry::Group {
                instance: group.instance,
                elements: &group.elements,
                severities: &group.severities,
                timestamps: &group.timestamps,
                variables,
            })
            .collect();
        let (texts, addresses) = (&self.texts, &self.addresses);
        f(logentry::Batch { texts, addresses, groups: &groups }).await
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The numbers of the elements that it carries.
    pub(crate) fn elements(&self) -> impl Iterator<Item = u32> {
        self.groups.iter().flat_map(|group| group.elements.iter().copied())
    }
}

impl Column {
    fn for_cells_like(cell: &Cell) -> Self {
        match cell {
            Cell::Text(_) => Self::Text(Vec::new()),
            Cell::Int64(_) => Self::Int64(Vec::new()),
            Cell::Double(_) => Self::Double(Vec::new()),
            Cell::Boolean(_) => Self::Boolean(Vec::new()),
            Cell::Timestamp(_) => Self::Timestamp(Vec::new()),
            Cell::Duration(_) => Self::Duration(Vec::new()),
            Cell::Address(_) => Self::Address(Vec::new()),
            Cell::Map(_) => Self::Map(Vec::new()),
        }
    }

    /// Cells are checked against their instance, so those of a column are of one kind.
    fn push(&mut self, cell: &Cell) {
        match (self, cell) {
            (Self::Text(column), Cell::Text(number)) => column.push(*number),
            (Self::Int64(column), Cell::Int64(number)) => column.push(*number),
            (Self::Double(column), Cell::Double(number)) => column.push(*number),
            (Self::Boolean(column), Cell::Boolean(truth)) => column.push(*truth),
            (Self::Timestamp(column), Cell::Timestamp(nanos)) => column.push(*nanos),
            (Self::Duration(column), Cell::Duration(nanos)) => column.push(*nanos),
            (Self::Address(column), Cell::Address(number)) => column.push(*number),
            (column, cell) => {
                debug_assert!(false, "{cell:?} in {column:?}");
            }
        }
    }

    fn maps(&self) -> Maps<'_> {
        match self {
            Self::Map(maps) => maps.iter().map(Vec::as_slice).collect(),
            _ => Vec::new(),
        }
    }

    fn lower<'c>(&'c self, maps: &'c [&'c [(u32, u32)]]) -> types::Column<'c> {
        match self {
            Self::Text(column) => types::Column::Text(column),
            Self::Int64(column) => types::Column::Int64(column),
            Self::Double(column) => types::Column::Double(column),
            Self::Boolean(column) => types::Column::Boolean(column),
            Self::Timestamp(column) => types::Column::Timestamp(column),
            Self::Duration(column) => types::Column::Duration(column),
            Self::Address(column) => types::Column::IpAddress(column),
            Self::Map(_) => types::Column::StringMap(maps),
        }
    }
}

#[cfg(test)]
mod tests;
