use super::fields::{Fields, Report};
use super::{handler, instance, manifest, rule};
use crate::{Kind, Spec};

/// The content of a resource of `kind`, if it is well-formed; `line` is where the resource begins.
pub(super) fn read(
    kind: Kind,
    resource: &mut Fields<'_>,
    line: u32,
    report: &mut Report,
) -> Option<Spec> {
    match kind {
        Kind::TypedHandler(adapter) => {
            let spec = resource.take("spec", report);
            return Some(Spec::Handler(handler::typed(adapter, spec, line, report)));
        }
        Kind::TypedInstance(template) => {
            let spec = resource.take("spec", report);
            return instance::typed(template, spec, line, report).map(Spec::Instance);
        }
        Kind::AttributeManifest | Kind::Handler | Kind::Instance | Kind::Rule => {}
    }
    let before = report.problems.len();
    let Some(mut spec) = resource.fields("spec", report) else {
        if report.problems.len() == before {
            report.problem(line, "`spec` is missing");
        }
        return None;
    };
    let read = match kind {
        Kind::AttributeManifest => Some(Spec::AttributeManifest(manifest::read(&mut spec, report))),
        Kind::Handler => handler::read(&mut spec, report).map(Spec::Handler),
        Kind::Instance => instance::read(&mut spec, report).map(Spec::Instance),
        _ => Some(Spec::Rule(rule::read(&mut spec, report))),
    };
    spec.finish(report);
    read
}
