//! What bindings have in common: services, and the specifications that apply to them.

use super::fields::{Fields, Report};
use crate::yaml::shorten;
use crate::{Namespace, ServiceRef, ServiceTarget, SpecRef, Text};

/// The services of a binding, which must have some.
pub(super) fn services(spec: &mut Fields<'_>, report: &mut Report) -> Vec<ServiceRef> {
    read_some(spec, "services", service, report)
}

/// The specifications of a binding, in field `name`, which must have some.
pub(super) fn specs(
    spec: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
) -> Vec<SpecRef> {
    read_some(spec, name, spec_ref, report)
}

/// The items of the list `name`, which must not be empty, each read by `read`.
pub(super) fn read_some<T>(
    spec: &mut Fields<'_>,
    name: &'static str,
    read: impl Fn(&mut Fields<'_>, &mut Report) -> Option<T>,
    report: &mut Report,
) -> Vec<T> {
    let before = report.problems.len();
    let items = spec.list(name, report);
    if items.is_empty() && report.problems.len() == before {
        let path = spec.path_of(name);
        report.problem(spec.line(), format!("`{path}` is missing or empty"));
    }
    read_items(items, read, report)
}

/// Each of `items`, with its path, read by `read`.
pub(super) fn read_items<T>(
    items: Vec<(String, &crate::yaml::Node)>,
    read: impl Fn(&mut Fields<'_>, &mut Report) -> Option<T>,
    report: &mut Report,
) -> Vec<T> {
    let item = |(path, node): (String, _)| {
        let mut fields = Fields::open(node, &path, report)?;
        let item = read(&mut fields, report);
        fields.finish(report);
        item
    };
    items.into_iter().filter_map(item).collect()
}

fn service(fields: &mut Fields<'_>, report: &mut Report) -> Option<ServiceRef> {
    let before = report.problems.len();
    let name = label(fields, "name", report);
    let namespace = label(fields, "namespace", report);
    let domain = text(fields, "domain", report);
    let host = text(fields, "service", report);
    let labels = fields.text_map("labels", report);
    let target = match (name, host) {
        (Some(name), None) => ServiceTarget::Name { name, namespace, domain },
        (None, Some(host)) => {
            if let Some(other) = namespace.or(domain) {
                let path = fields.path_of("service");
                report.problem(
                    other.line,
                    format!("`{path}` is a whole host name, leave out `namespace` and `domain`"),
                );
            }
            ServiceTarget::Host(host)
        }
        (name, _) => {
            if report.problems.len() == before {
                let both = if name.is_some() { ", not both" } else { "" };
                let path = fields.own_path();
                report.problem(
                    fields.line(),
                    format!("`{path}` must have `name` or `service`{both}"),
                );
            }
            return None;
        }
    };
    Some(ServiceRef { target, labels })
}

fn spec_ref(fields: &mut Fields<'_>, report: &mut Report) -> Option<SpecRef> {
    let name = fields.required_text("name", report);
    let namespace = label(fields, "namespace", report);
    Some(SpecRef { name: name?, namespace })
}

fn text(fields: &mut Fields<'_>, name: &'static str, report: &mut Report) -> Option<Text> {
    fields.text(name, report).filter(|text| !text.value.is_empty())
}

/// A text that is a label of RFC 1123, as names of services and namespaces are.
fn label(fields: &mut Fields<'_>, name: &'static str, report: &mut Report) -> Option<Text> {
    let text = text(fields, name, report)?;
    if let Err(cause) = Namespace::new(&text.value) {
        let path = fields.path_of(name);
        report.problem(text.line, format!("`{path}` `{}` {cause}", shorten(&text.value)));
    }
    Some(text)
}
