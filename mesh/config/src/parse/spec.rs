use super::fields::{Fields, Report};
use super::{api, extension, handler, instance, manifest, quota, rule};
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
        _ => {}
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
        Kind::Rule => Some(Spec::Rule(rule::read(&mut spec, report))),
        Kind::Adapter => Some(Spec::Adapter(extension::adapter(&mut spec, report))),
        Kind::Template => extension::template(&mut spec, report).map(Spec::Template),
        Kind::QuotaSpec => Some(Spec::QuotaSpec(quota::spec(&mut spec, report))),
        Kind::QuotaSpecBinding => Some(Spec::QuotaSpecBinding(quota::binding(&mut spec, report))),
        Kind::HttpApiSpec => Some(Spec::HttpApiSpec(api::spec(&mut spec, report))),
        Kind::HttpApiSpecBinding => Some(Spec::HttpApiSpecBinding(api::binding(&mut spec, report))),
        // Read above.
        Kind::TypedHandler(_) | Kind::TypedInstance(_) => None,
    };
    spec.finish(report);
    read
}
