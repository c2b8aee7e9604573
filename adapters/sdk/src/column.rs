//! Reads elements out of the columns in which report batches carry them. What the host promises is not
//! relied upon: an index that points nowhere stands for nothing.

use crate::bindings::base::mixmesh::adapter::types::Column;
use crate::value::StringMap;
use crate::{FailedElement, Value};

/// An element of a batch: its number, the group it is in, and its row there.
pub(crate) type Row<'a, G> = (u32, &'a G, usize);

/// The elements of all groups in their order.
pub(crate) fn rows<G>(groups: &[G], elements: impl Fn(&G) -> &[u32]) -> Vec<Row<'_, G>> {
    let of_group = |group| (0..).zip(elements(group)).map(move |(row, e)| (*e, group, row));
    let mut rows: Vec<Row<'_, G>> = groups.iter().flat_map(of_group).collect();
    if groups.len() > 1 {
        rows.sort_by_key(|(element, ..)| *element);
    }
    rows
}

/// The elements that failed once a batch has ended: all of them when the end failed.
pub(crate) fn end<G>(
    failed: Vec<FailedElement>,
    rows: &[Row<'_, G>],
    end: Result<(), String>,
) -> Vec<FailedElement> {
    let Err(message) = end else { return failed };
    let fail =
        |(element, ..): &Row<'_, G>| FailedElement { element: *element, message: message.clone() };
    rows.iter().map(fail).collect()
}

/// The number in a row.
pub(crate) fn at<T: Copy + Default>(column: &[T], row: usize) -> T {
    column.get(row).copied().unwrap_or_default()
}

/// The text in a row of indexes.
pub(crate) fn text<'a>(texts: &'a [String], column: &[u32], row: usize) -> &'a str {
    column.get(row).and_then(|number| texts.get(*number as usize)).map_or("", String::as_str)
}

/// The address in a row of indexes.
pub(crate) fn address<'a>(addresses: &'a [Vec<u8>], column: &[u32], row: usize) -> &'a [u8] {
    column.get(row).and_then(|number| addresses.get(*number as usize)).map_or(&[], Vec::as_slice)
}

/// The value in a row of a field's column.
pub(crate) fn value<'a>(
    texts: &'a [String],
    addresses: &'a [Vec<u8>],
    column: &'a Column,
    row: usize,
) -> Value<'a> {
    match column {
        Column::Text(numbers) => Value::Text(text(texts, numbers, row)),
        Column::Int64(numbers) => Value::Int64(at(numbers, row)),
        Column::Double(numbers) => Value::Double(at(numbers, row)),
        Column::Boolean(truths) => Value::Boolean(at(truths, row)),
        Column::Timestamp(nanos) => Value::Timestamp(at(nanos, row)),
        Column::Duration(nanos) => Value::Duration(at(nanos, row)),
        Column::IpAddress(numbers) => Value::IpAddress(address(addresses, numbers, row)),
        Column::StringMap(maps) => {
            let entries = maps.get(row).map_or(&[][..], Vec::as_slice);
            Value::StringMap(StringMap::of_indexes(texts, entries))
        }
    }
}
