use super::connection;
use super::fields::{Field, Fields, Report};
use crate::catalog::{ParamNames, refuse_adapter};
use crate::yaml::NodeValue;
use crate::{AdapterRef, CompiledAdapter, Handler, Params};

/// What is known of the parameters of an adapter of another process.
const UNKNOWN_NAMES: ParamNames = ParamNames { compound: &[], booleans: &[], texts: &[] };

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Handler> {
    spec.skip("name");
    let adapter = adapter(spec, report);
    let connection = connection::read(spec, report);
    if let (Some(connection), Some(AdapterRef::Compiled(_))) = (&connection, &adapter) {
        report.problem(
            connection.address.line,
            "`spec.connection` is for adapters in another process (`adapter`), leave it out",
        );
    }
    let params = spec.take("params", report);
    if let Some(field) = params {
        check_map("spec.params", field, report);
    }
    let adapter = adapter?;
    let params = params_of(adapter.compiled(), params, spec.line(), report);
    Some(Handler { adapter, params, connection })
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
    let params = params_of(Some(adapter), spec, line, report);
    Handler { adapter: AdapterRef::Compiled(adapter), params, connection: None }
}

fn adapter(spec: &mut Fields<'_>, report: &mut Report) -> Option<AdapterRef> {
    let before = report.problems.len();
    let compiled = spec.text("compiledAdapter", report).filter(|text| !text.value.is_empty());
    let named = spec.text("adapter", report).filter(|text| !text.value.is_empty());
    match (compiled, named) {
        (None, None) => {
            if report.problems.len() == before {
                spec.missing("compiledAdapter", report);
            }
            None
        }
        (Some(_), Some(named)) => {
            report.problem(
                named.line,
                "`spec.adapter` and `spec.compiledAdapter` exclude each other, leave one out",
            );
            None
        }
        (Some(compiled), None) => {
            let adapter = CompiledAdapter::from_name(&compiled.value);
            if adapter.is_none() {
                report.problem(compiled.line, refuse_adapter(&compiled.value));
            }
            adapter.map(AdapterRef::Compiled)
        }
        (None, Some(named)) => Some(AdapterRef::Named(named)),
    }
}

fn params_of(
    adapter: Option<CompiledAdapter>,
    field: Option<Field<'_>>,
    line: u32,
    report: &mut Report,
) -> Params {
    let names = adapter.map_or(UNKNOWN_NAMES, CompiledAdapter::param_names);
    match field {
        Some(field) => Params::new(field.node, field.line, &names, &mut report.problems),
        None => Params::none(line),
    }
}

fn check_map(path: &str, field: Field<'_>, report: &mut Report) {
    if !matches!(field.node.value, NodeValue::Map(_)) {
        let found = field.node.describe();
        report.problem(field.line, format!("`{path}` must be a map, not {found}"));
    }
}
