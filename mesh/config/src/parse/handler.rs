use super::fields::{Field, Fields, Report};
use crate::catalog::refuse_adapter;
use crate::yaml::NodeValue;
use crate::{CompiledAdapter, Handler, Params};

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Handler> {
    spec.skip("name");
    let before = report.problems.len();
    let compiled = spec.text("compiledAdapter", report);
    if let Some(field) = spec.take("adapter", report) {
        report.problem(
            field.line,
            "`spec.adapter` names an adapter resource, and those are not read here; \
             use `compiledAdapter`",
        );
    } else if compiled.is_none() && report.problems.len() == before {
        spec.missing("compiledAdapter", report);
    }
    if let Some(field) = spec.take("connection", report) {
        report.problem(
            field.line,
            "`spec.connection` is for adapters in another process, leave it out",
        );
    }
    let params = spec.take("params", report);
    if let Some(field) = params {
        check_map("spec.params", field, report);
    }
    let compiled = compiled?;
    let Some(adapter) = CompiledAdapter::from_name(&compiled.value) else {
        report.problem(compiled.line, refuse_adapter(&compiled.value));
        return None;
    };
    Some(Handler { adapter, params: params_of(adapter, params, spec.line()) })
}

/// A handler in the older spelling: the parameters stand directly under `spec`.
pub(super) fn typed(
    adapter: CompiledAdapter,
    spec: Option<Field<'_>>,
    line: u32,
    report: &mut Report,
) -> Handler {
    if let Some(field) = spec {
        check_map("spec", field, report);
    }
    Handler { adapter, params: params_of(adapter, spec, line) }
}

fn params_of(adapter: CompiledAdapter, field: Option<Field<'_>>, line: u32) -> Params {
    match field {
        Some(field) => Params::new(field.node, field.line, &adapter.param_names()),
        None => Params::none(line),
    }
}

fn check_map(path: &str, field: Field<'_>, report: &mut Report) {
    if !matches!(field.node.value, NodeValue::Map(_)) {
        let found = field.node.describe();
        report.problem(field.line, format!("`{path}` must be a map, not {found}"));
    }
}
