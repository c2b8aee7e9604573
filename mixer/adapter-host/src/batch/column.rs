//! The values of one field in many elements: how they are kept, and how they cross the border.

use std::ops::Range;

use mesh_attributes::ValueType;

use crate::bindings::mixmesh::adapter::types;

/// A value, with texts, addresses and entries of maps by their number.
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

/// The cells of one field, which are of one kind.
#[derive(Debug)]
pub(super) enum Column {
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
pub(super) type Maps<'c> = Vec<&'c [(u32, u32)]>;

impl Cell {
    pub(super) fn fits(&self, declared: ValueType) -> bool {
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

impl Column {
    pub(super) fn for_cells_like(cell: &Cell) -> Self {
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

    /// Cells are checked against their instance, so those of a column are of one kind. Maps are pushed by
    /// whoever resolves them.
    pub(super) fn push(&mut self, cell: &Cell) {
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

    pub(super) fn maps(&self) -> Maps<'_> {
        match self {
            Self::Map(maps) => maps.iter().map(Vec::as_slice).collect(),
            _ => Vec::new(),
        }
    }

    pub(super) fn lower<'c>(&'c self, maps: &'c [&'c [(u32, u32)]]) -> types::Column<'c> {
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
