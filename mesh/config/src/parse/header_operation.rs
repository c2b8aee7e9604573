use super::fields::{Fields, Report};
use crate::yaml::shorten;
use crate::{HeaderOperation, HeaderOperationKind};

/// The header operations of a rule in field `name`.
pub(super) fn read_all(
    spec: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
) -> Vec<HeaderOperation> {
    let items = spec.list(name, report);
    items
        .into_iter()
        .filter_map(|(path, node)| {
            let mut fields = Fields::open(node, &path, report)?;
            let operation = read(&mut fields, report);
            fields.finish(report);
            operation
        })
        .collect()
}

fn read(fields: &mut Fields<'_>, report: &mut Report) -> Option<HeaderOperation> {
    let before = report.problems.len();
    let name = fields.text("name", report);
    if name.is_none() && report.problems.len() == before {
        fields.missing("name", report);
    }
    let values = fields.texts("values", report);
    let kind = match fields.choice("operation", &["REPLACE", "REMOVE", "APPEND"], report) {
        Some(1) => HeaderOperationKind::Remove,
        Some(2) => HeaderOperationKind::Append,
        _ => HeaderOperationKind::Replace,
    };
    let name = name?;
    if !is_header_name(&name.value) {
        let value = shorten(&name.value);
        report.problem(
            name.line,
            format!("`{}` `{value}` is no name of a header", fields.path_of("name")),
        );
    }
    if values.is_empty() && kind != HeaderOperationKind::Remove && report.problems.len() == before {
        let path = fields.path_of("values");
        report
            .problem(fields.line(), format!("`{path}` is missing, so the operation does nothing"));
    }
    Some(HeaderOperation { name, values, kind })
}

/// A token of RFC 9110, or a pseudo-header of HTTP/2.
fn is_header_name(name: &str) -> bool {
    let token = name.strip_prefix(':').unwrap_or(name);
    let allowed = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !token.is_empty() && token.bytes().all(allowed)
}
