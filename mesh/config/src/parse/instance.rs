use super::fields::{Field, Fields, Report};
use crate::catalog::{ParamNames, refuse_template};
use crate::{
    CompiledTemplate, Instance, InstanceFields, LogEntryFields, MetricFields, Params, Text,
};

/// Expressions take the place of values, so no field of an instance wants a boolean, and the names
/// in its maps are the user's own.
const PARAM_NAMES: ParamNames = ParamNames {
    compound: &["monitored_resource_type", "monitored_resource_dimensions"],
    booleans: &[],
};

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Instance> {
    spec.skip("name");
    let before = report.problems.len();
    let compiled = spec.text("compiledTemplate", report);
    if let Some(field) = spec.take("template", report) {
        report.problem(
            field.line,
            "`spec.template` names a template resource, and those are not read here; \
             use `compiledTemplate`",
        );
    } else if compiled.is_none() && report.problems.len() == before {
        spec.missing("compiledTemplate", report);
    }
    if let Some(field) = spec.take("attributeBindings", report) {
        report.problem(
            field.line,
            "`spec.attributeBindings` is for templates that make attributes, leave it out",
        );
    }
    let params = spec.take("params", report);
    let compiled = compiled?;
    let Some(template) = CompiledTemplate::from_name(&compiled.value) else {
        report.problem(compiled.line, refuse_template(&compiled.value));
        return None;
    };
    instance(template, "spec.params", params, spec.line(), report)
}

/// An instance in the older spelling: the fields stand directly under `spec`.
pub(super) fn typed(
    template: CompiledTemplate,
    spec: Option<Field<'_>>,
    line: u32,
    report: &mut Report,
) -> Option<Instance> {
    instance(template, "spec", spec, line, report)
}

fn instance(
    template: CompiledTemplate,
    path: &str,
    field: Option<Field<'_>>,
    line: u32,
    report: &mut Report,
) -> Option<Instance> {
    let Some(field) = field else {
        let params = Params::none(line);
        return Some(Instance { fields: empty(template), params });
    };
    let mut fields = Fields::open(field.node, path, report)?;
    let read = match template {
        CompiledTemplate::CheckNothing => InstanceFields::CheckNothing,
        CompiledTemplate::ListEntry => {
            InstanceFields::ListEntry { value: fields.expression("value", report) }
        }
        CompiledTemplate::LogEntry => InstanceFields::LogEntry(LogEntryFields {
            variables: expressions(&mut fields, "variables", report),
            timestamp: fields.expression("timestamp", report),
            severity: fields.expression("severity", report),
            monitored_resource_type: fields.expression("monitored_resource_type", report),
            monitored_resource_dimensions: expressions(
                &mut fields,
                "monitored_resource_dimensions",
                report,
            ),
        }),
        CompiledTemplate::Metric => InstanceFields::Metric(MetricFields {
            value: fields.expression("value", report),
            dimensions: expressions(&mut fields, "dimensions", report),
            monitored_resource_type: fields.expression("monitored_resource_type", report),
            monitored_resource_dimensions: expressions(
                &mut fields,
                "monitored_resource_dimensions",
                report,
            ),
        }),
    };
    fields.finish(report);
    let params = Params::new(field.node, field.line, &PARAM_NAMES);
    Some(Instance { fields: read, params })
}

fn empty(template: CompiledTemplate) -> InstanceFields {
    match template {
        CompiledTemplate::CheckNothing => InstanceFields::CheckNothing,
        CompiledTemplate::ListEntry => InstanceFields::ListEntry { value: None },
        CompiledTemplate::LogEntry => InstanceFields::LogEntry(LogEntryFields::default()),
        CompiledTemplate::Metric => InstanceFields::Metric(MetricFields::default()),
    }
}

/// A map of expressions. A name without one is a mistake: its type could not be told.
fn expressions(
    fields: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
) -> std::collections::BTreeMap<String, Text> {
    let texts = fields.text_map(name, report);
    for (key, text) in &texts {
        if text.value.trim().is_empty() {
            let path = fields.path_of(name);
            report.problem(text.line, format!("`{path}.{key}` has no expression"));
        }
    }
    texts
}
