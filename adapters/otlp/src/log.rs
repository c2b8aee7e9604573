use adapter_sdk::trace_context::{SpanId, TraceId};
use adapter_sdk::{Entry, Instance, Problems, Value, nearest};

use crate::attribute::{AttributeWriter, Name};
use crate::metric::short_name;
use crate::parameters::{LogParameters, Parameters};
use crate::wire::{self, Field};

/// `LogRecord`.
const TIME: Field = 1;
const SEVERITY_NUMBER: Field = 2;
const SEVERITY_TEXT: Field = 3;
const BODY: Field = 5;
const ATTRIBUTES: Field = 6;
const TRACE_ID: Field = 9;
const SPAN_ID: Field = 10;
const EVENT_NAME: Field = 12;

/// What the entries of an instance are made of.
#[derive(Debug)]
pub(crate) struct Layout {
    /// The instance's name, as it is the same in all entries: body and event.
    name: String,
    event: Vec<u8>,
    variables: Vec<Variable>,
    has_body: bool,
}

#[derive(Debug)]
struct Variable {
    name: Name,
    is_attribute: bool,
    is_body: bool,
    is_trace_id: bool,
    is_span_id: bool,
}

impl Layout {
    pub(crate) fn new(
        parameters: &Parameters,
        instance: &Instance,
        problems: &mut Problems,
    ) -> Self {
        let default = LogParameters::default();
        let mut declared = parameters.logs.iter().enumerate();
        let declared = declared.find(|(_, log)| log.instance_name == instance.name);
        let (index, declared) = declared.unwrap_or((0, &default));
        let LogParameters { body, trace_id, span_id, .. } = declared;
        let fields = || instance.fields.iter().map(|field| field.name.as_str());
        for (parameter, variable) in [("body", body), ("trace_id", trace_id), ("span_id", span_id)]
        {
            if !variable.is_empty() && !fields().any(|name| name == variable) {
                let hint = nearest(variable, fields());
                let message =
                    format!("instance {} has no variable {variable}{hint}", instance.name);
                problems.add(format!("logs[{index}].{parameter}"), message);
            }
        }
        let names = Name::of_fields(instance, &parameters.attribute_names);
        let variables = names.into_iter().zip(fields()).map(|(name, field)| Variable {
            name,
            is_attribute: ![body, trace_id, span_id].into_iter().any(|other| other == field),
            is_body: field == body,
            is_trace_id: field == trace_id,
            is_span_id: field == span_id,
        });
        let name = short_name(&instance.name).to_owned();
        let mut event = Vec::new();
        wire::bytes(&mut event, EVENT_NAME, name.as_bytes());
        Self { event, variables: variables.collect(), has_body: !body.is_empty(), name }
    }

    /// Appends an entry as the content of a `LogRecord`.
    pub(crate) fn write(
        &self,
        out: &mut Vec<u8>,
        entry: &Entry<'_>,
        parameters: &Parameters,
        writer: &mut AttributeWriter,
    ) {
        wire::time(out, TIME, entry.timestamp());
        let severity = entry.severity();
        wire::varint(out, SEVERITY_NUMBER, parameters.severity(severity).number());
        wire::bytes(out, SEVERITY_TEXT, severity.as_bytes());
        out.extend_from_slice(&self.event);
        if !self.has_body {
            writer.write_value(out, BODY, Value::Text(&self.name));
        }
        for (variable, value) in self.variables.iter().zip(entry.variables()) {
            if variable.is_attribute {
                writer.write(out, ATTRIBUTES, &variable.name, value);
                continue;
            }
            if variable.is_body {
                writer.write_value(out, BODY, value);
            }
            let Value::Text(text) = value else { continue };
            // A text without an id says nothing: most requests may have none.
            if let Some(id) = TraceId::parse(text).filter(|_| variable.is_trace_id) {
                wire::bytes(out, TRACE_ID, &id.to_bytes());
            }
            if let Some(id) = SpanId::parse(text).filter(|_| variable.is_span_id) {
                wire::bytes(out, SPAN_ID, &id.to_bytes());
            }
        }
    }
}
