use super::column::{Cell, Column, Maps};
use super::rows::{ColumnBatch, Row};
use crate::ColumnTemplate;
use crate::bindings::exports::mixmesh::adapter::{edge, logentry, tracespan};
use crate::bindings::mixmesh::adapter::types;

/// What one call carries at most; an instance has 64 MiB of memory, and writes about as much again.
const MAX_CALL_BYTES: usize = 4 << 20;
const MAX_CALL_ROWS: usize = 10_000;

/// One call's part of a batch, in columns.
#[derive(Debug)]
pub(crate) struct Call<'b> {
    batch: &'b ColumnBatch,
    /// The numbers that texts of the batch have in this call, or `UNUSED`.
    numbers: Vec<u32>,
    texts: Vec<&'b str>,
    addresses: Vec<&'b [u8]>,
    groups: Vec<Group>,
    rows: usize,
    bytes: usize,
}

const UNUSED: u32 = u32::MAX;

/// The rows of one instance.
#[derive(Debug)]
struct Group {
    instance: u32,
    elements: Vec<u32>,
    /// Those of the template's own fields, then those of the declared ones.
    columns: Vec<Column>,
}

impl<'b> Call<'b> {
    pub(super) fn new(batch: &'b ColumnBatch) -> Self {
        Self {
            batch,
            numbers: vec![UNUSED; batch.texts.len()],
            texts: Vec::new(),
            addresses: Vec::new(),
            groups: Vec::new(),
            rows: 0,
            bytes: 0,
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.rows >= MAX_CALL_ROWS || self.bytes >= MAX_CALL_BYTES
    }

    pub(super) fn is_empty(&self) -> bool {
        self.groups.is_empty()
    }

    /// The numbers of the elements that it carries.
    pub(crate) fn elements(&self) -> impl Iterator<Item = u32> {
        self.groups.iter().flat_map(|group| group.elements.iter().copied())
    }

    pub(super) fn add(&mut self, row: &Row, cells: &[Cell]) {
        self.rows += 1;
        self.bytes += size_of_val(cells);
        let group = self.group(row.instance, cells);
        self.groups[group].elements.push(row.element);
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

    /// Calls `f` with the argument of a call with log entries.
    pub(crate) async fn log_entries<R>(&self, f: impl AsyncFnOnce(logentry::Batch<'_>) -> R) -> R {
        let maps = self.maps();
        let declared = self.declared(&maps);
        let groups: Vec<_> = self
            .own(&declared)
            .map(|(own, variables)| logentry::Group {
                instance: own.group.instance,
                elements: &own.group.elements,
                severities: own.texts("severity"),
                timestamps: own.times("timestamp"),
                variables,
            })
            .collect();
        let (texts, addresses) = (&self.texts, &self.addresses);
        f(logentry::Batch { texts, addresses, groups: &groups }).await
    }

    /// Calls `f` with the argument of a call with spans.
    pub(crate) async fn spans<R>(&self, f: impl AsyncFnOnce(tracespan::Batch<'_>) -> R) -> R {
        let maps = self.maps();
        let declared = self.declared(&maps);
        let groups: Vec<_> = self
            .own(&declared)
            .map(|(own, tags)| tracespan::Group {
                instance: own.group.instance,
                elements: &own.group.elements,
                trace_ids: own.texts("trace_id"),
                span_ids: own.texts("span_id"),
                parent_span_ids: own.texts("parent_span_id"),
                span_names: own.texts("span_name"),
                start_times: own.times("start_time"),
                end_times: own.times("end_time"),
                http_status_codes: own.numbers("http_status_code"),
                client_spans: own.truths("client_span"),
                rewrite_client_span_ids: own.truths("rewrite_client_span_id"),
                source_names: own.texts("source_name"),
                source_ips: own.addresses("source_ip"),
                destination_names: own.texts("destination_name"),
                destination_ips: own.addresses("destination_ip"),
                request_sizes: own.numbers("request_size"),
                request_total_sizes: own.numbers("request_total_size"),
                response_sizes: own.numbers("response_size"),
                response_total_sizes: own.numbers("response_total_size"),
                tags,
            })
            .collect();
        let (texts, addresses) = (&self.texts, &self.addresses);
        f(tracespan::Batch { texts, addresses, groups: &groups }).await
    }

    /// Calls `f` with the argument of a call with edges.
    pub(crate) async fn edges<R>(&self, f: impl AsyncFnOnce(edge::Batch<'_>) -> R) -> R {
        let groups: Vec<_> = self
            .own(&[])
            .map(|(own, _)| edge::Group {
                instance: own.group.instance,
                elements: &own.group.elements,
                timestamps: own.times("timestamp"),
                source_workload_namespaces: own.texts("source_workload_namespace"),
                source_workload_names: own.texts("source_workload_name"),
                source_owners: own.texts("source_owner"),
                source_uids: own.texts("source_uid"),
                destination_workload_namespaces: own.texts("destination_workload_namespace"),
                destination_workload_names: own.texts("destination_workload_name"),
                destination_owners: own.texts("destination_owner"),
                destination_uids: own.texts("destination_uid"),
                destination_service_namespaces: own.texts("destination_service_namespace"),
                destination_service_names: own.texts("destination_service_name"),
                context_protocols: own.texts("context_protocol"),
                api_protocols: own.texts("api_protocol"),
            })
            .collect();
        f(edge::Batch { texts: &self.texts, groups: &groups }).await
    }

    /// For each group the maps of its declared columns.
    fn maps(&self) -> Vec<Vec<Maps<'_>>> {
        let own = self.batch.template().fields().len();
        self.groups
            .iter()
            .map(|group| group.columns[own..].iter().map(Column::maps).collect())
            .collect()
    }

    /// For each group its declared columns as they cross the border.
    fn declared<'c>(&'c self, maps: &'c [Vec<Maps<'c>>]) -> Vec<Vec<types::Column<'c>>> {
        let own = self.batch.template().fields().len();
        let of_group = |(group, maps): (&'c Group, &'c Vec<Maps<'c>>)| {
            let columns = group.columns[own..].iter().zip(maps);
            columns.map(|(column, maps)| column.lower(maps)).collect()
        };
        self.groups.iter().zip(maps).map(of_group).collect()
    }

    /// The groups with their declared columns: none where `declared` has no entry.
    fn own<'c>(
        &'c self,
        declared: &'c [Vec<types::Column<'c>>],
    ) -> impl Iterator<Item = (Own<'c>, &'c [types::Column<'c>])> {
        let template = self.batch.template();
        self.groups.iter().enumerate().map(move |(at, group)| {
            (Own { template, group }, declared.get(at).map_or(&[][..], Vec::as_slice))
        })
    }
}

/// The columns of a template's own fields, by the field's name: cells were checked against it.
struct Own<'c> {
    template: ColumnTemplate,
    group: &'c Group,
}

impl<'c> Own<'c> {
    fn column(&self, field: &str) -> Option<&'c Column> {
        let at = self.template.fields().iter().position(|(name, _)| *name == field);
        debug_assert!(at.is_some(), "{field} is no field of {:?}", self.template);
        self.group.columns.get(at?)
    }

    fn texts(&self, field: &str) -> &'c [u32] {
        match self.column(field) {
            Some(Column::Text(column)) => column,
            _ => &[],
        }
    }

    fn addresses(&self, field: &str) -> &'c [u32] {
        match self.column(field) {
            Some(Column::Address(column)) => column,
            _ => &[],
        }
    }

    fn times(&self, field: &str) -> &'c [i64] {
        match self.column(field) {
            Some(Column::Timestamp(column)) => column,
            _ => &[],
        }
    }

    fn numbers(&self, field: &str) -> &'c [i64] {
        match self.column(field) {
            Some(Column::Int64(column)) => column,
            _ => &[],
        }
    }

    fn truths(&self, field: &str) -> &'c [bool] {
        match self.column(field) {
            Some(Column::Boolean(column)) => column,
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests;
