use super::fields::{Fields, Report};
use super::{header_operation, sampling};
use crate::{Action, FailPolicy, Rule};

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Rule {
    let before = report.problems.len();
    let rule = Rule {
        match_expression: spec.expression("match", report),
        actions: actions(spec, report),
        request_header_operations: header_operation::read_all(
            spec,
            "requestHeaderOperations",
            report,
        ),
        response_header_operations: header_operation::read_all(
            spec,
            "responseHeaderOperations",
            report,
        ),
        sampling: sampling::read(spec, report),
        fail_policy: match spec.choice("failPolicy", &["closed", "open"], report) {
            Some(0) => Some(FailPolicy::Closed),
            Some(_) => Some(FailPolicy::Open),
            None => None,
        },
    };
    let does_nothing = rule.actions.is_empty()
        && rule.request_header_operations.is_empty()
        && rule.response_header_operations.is_empty();
    if does_nothing && report.problems.len() == before {
        report.problem(
            spec.line(),
            "the rule does nothing: `spec.actions` and header operations are missing or empty",
        );
    }
    rule
}

fn actions(spec: &mut Fields<'_>, report: &mut Report) -> Vec<Action> {
    let items = spec.list("actions", report);
    items
        .into_iter()
        .filter_map(|(path, node)| {
            let mut fields = Fields::open(node, &path, report)?;
            let action = action(&mut fields, report);
            fields.finish(report);
            action
        })
        .collect()
}

fn action(fields: &mut Fields<'_>, report: &mut Report) -> Option<Action> {
    let before = report.problems.len();
    let handler = fields.text("handler", report).filter(|text| !text.value.is_empty());
    if handler.is_none() && report.problems.len() == before {
        fields.missing("handler", report);
    }
    let before = report.problems.len();
    let instances = fields.texts("instances", report);
    if instances.is_empty() && report.problems.len() == before {
        let path = fields.path_of("instances");
        report.problem(fields.line(), format!("`{path}` is missing or empty"));
    }
    for (i, instance) in instances.iter().enumerate() {
        if instances.iter().take(i).any(|earlier| earlier.value == instance.value) {
            let path = fields.path_of("instances");
            let value = &instance.value;
            report.problem(instance.line, format!("`{path}` has `{value}` twice"));
        }
    }
    let name = fields.text("name", report).filter(|text| !text.value.is_empty());
    Some(Action { handler: handler?, instances, name })
}
