use super::fields::{Field, Fields, Report};
use super::{connection, limits};
use crate::catalog::{ParamNames, refuse_adapter};
use crate::yaml::NodeValue;
use crate::{AdapterRef, CompiledAdapter, Handler, Params};

/// What is known of the parameters of an adapter of another process.
const UNKNOWN_NAMES: ParamNames = ParamNames { compound: &[], booleans: &[], texts: &[] };

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Handler> {
    spec.skip("name");
    let adapter = adapter(spec, report);
    let connection = connection::read(spec, report);
    if let (Some(connection), Some(AdapterRef::Compiled(_) | AdapterRef::Component(_))) =
        (&connection, &adapter)
    {
        report.problem(
            connection.address.line,
            "`spec.connection` is for adapters in another process, leave it out",
        );
    }
    let params = spec.take("params", report);
    if let Some(field) = params {
        check_map("spec.params", field, report);
    }
    let limits = limits::read(spec, report);
    let adapter = adapter?;
    if let (AdapterRef::Named(_), None, Some(limit)) =
        (&adapter, adapter.compiled(), limits.first())
    {
        report.problem(limit.line, "`spec.limits` is for adapters in this process, leave it out");
    }
    let params = params_of(adapter.compiled(), params, spec.line(), report);
    Some(Handler { adapter, params, limits, connection })
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
    Handler { adapter: AdapterRef::Compiled(adapter), params, limits: Vec::new(), connection: None }
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
            if AdapterRef::is_place(&compiled.value) {
                report.problem(
                    compiled.line,
                    "`spec.compiledAdapter` takes the name of an adapter that comes along, name a file \
                     or a registry in `spec.adapter`",
                );
            } else if adapter.is_none() {
                report.problem(compiled.line, refuse_adapter(&compiled.value));
            }
            adapter.map(AdapterRef::Compiled)
        }
        (None, Some(named)) if AdapterRef::is_place(&named.value) => {
            Some(AdapterRef::Component(named))
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
