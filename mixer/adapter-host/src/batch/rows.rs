use std::ops::Range;

use mesh_attributes::Value;

use super::FailedElement;
use super::call::Call;
use super::column::Cell;
use super::texts::Texts;
use crate::{AdapterValue, ColumnTemplate, InstanceDecl, InstanceIndex};

/// The longest text of a row, in bytes: what a proxy takes as the headers of a request in all.
const MAX_TEXT: usize = 64 << 10;

/// Log entries, spans or edges of one Report request for one handler: rows that cross the border in
/// columns. Grows with what is pushed; the caller bounds the request.
#[derive(Debug)]
pub struct ColumnBatch {
    template: ColumnTemplate,
    rows: Vec<Row>,
    cells: Vec<Cell>,
    pub(super) texts: Texts,
    pub(super) addresses: Vec<Box<[u8]>>,
    /// Entries of maps, as numbers of texts.
    pub(super) pairs: Vec<(u32, u32)>,
}

/// An element with its cells' place in the batch.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) element: u32,
    pub(super) instance: u32,
    cells: Range<usize>,
}

impl ColumnBatch {
    /// An empty batch of instances of one template.
    pub fn new(template: ColumnTemplate) -> Self {
        Self {
            template,
            rows: Vec::new(),
            cells: Vec::new(),
            texts: Texts::default(),
            addresses: Vec::new(),
            pairs: Vec::new(),
        }
    }

    /// Adds an instance. `element` is the caller's number for it; `values` are those of the
    /// [template's own fields](ColumnTemplate::fields), then those of the instance's declaration, in
    /// order. Texts are cut at 64 KiB. Costs a hash of each text; texts that are there already are not
    /// copied.
    pub fn push(&mut self, element: u32, instance: InstanceIndex, values: &[AdapterValue<'_>]) {
        let start = self.cells.len();
        for value in values {
            let cell = self.cell(value);
            self.cells.push(cell);
        }
        let cells = start..self.cells.len();
        self.rows.push(Row { element, instance: instance.0, cells });
    }

    /// What it holds instances of.
    pub fn template(&self) -> ColumnTemplate {
        self.template
    }

    /// How many instances it holds.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn cell(&mut self, value: &Value<'_>) -> Cell {
        match value {
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

    /// The rows as calls that an instance of a component can hold in its memory: as a rule one.
    /// Rows that are not as their instance declares them are added to `failed`.
    pub(crate) fn calls(
        &self,
        instances: &[InstanceDecl],
        failed: &mut Vec<FailedElement>,
    ) -> Vec<Call<'_>> {
        let mut calls = Vec::new();
        let mut call = Call::new(self);
        for row in &self.rows {
            let cells = &self.cells[row.cells.clone()];
            if let Err(message) = self.check(cells, instances.get(row.instance as usize)) {
                failed.push(FailedElement { element: row.element, message });
                continue;
            }
            if call.is_full() {
                calls.push(std::mem::replace(&mut call, Call::new(self)));
            }
            call.add(row, cells);
        }
        calls.extend((!call.is_empty()).then_some(call));
        calls
    }

    fn check(&self, cells: &[Cell], declared: Option<&InstanceDecl>) -> Result<(), String> {
        let declared = declared.filter(|declared| declared.template == self.template.template());
        let Some(declared) = declared else { return Err("there is no such instance".to_owned()) };
        let own = self.template.fields();
        let (given, needed) = (cells.len(), own.len() + declared.fields.len());
        if given != needed {
            return Err(format!("{given} values instead of {needed}"));
        }
        let declared = declared.fields.iter().map(|(name, value_type)| (name.as_str(), value_type));
        let fields = own.iter().map(|(name, value_type)| (*name, value_type)).chain(declared);
        for (cell, (name, value_type)) in cells.iter().zip(fields) {
            if !cell.fits(*value_type) {
                return Err(format!("field {name} is no {}", value_type.name()));
            }
        }
        Ok(())
    }
}
