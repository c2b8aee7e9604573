use std::collections::BTreeMap;

use super::fields::{Field, Fields, Report};
use super::manifest::is_attribute_name;
use super::message::{expressions, read_message, read_open_message};
use crate::catalog::refuse_template;
use crate::resource::referred_name;
use crate::yaml::shorten;
use crate::{CompiledTemplate, Instance, Kind, Params, TemplateRef, Text, Variety};

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Option<Instance> {
    spec.skip("name");
    let template = template(spec, report);
    let attribute_bindings = attribute_bindings(spec, template.as_ref(), report);
    let params = spec.take("params", report);
    let template = template?;
    let fields = fields(&template, "spec.params", params, report)?;
    let params = params_of(params, spec.line());
    Some(Instance { template, fields, attribute_bindings, params })
}

/// An instance in the older spelling: the fields stand directly under `spec`.
pub(super) fn typed(
    template: CompiledTemplate,
    spec: Option<Field<'_>>,
    line: u32,
    report: &mut Report,
) -> Option<Instance> {
    let template = TemplateRef::Compiled(template);
    let mut attribute_bindings = BTreeMap::new();
    let mut fields = BTreeMap::new();
    if let Some(spec) = spec {
        let mut message = Fields::open(spec.node, "spec", report)?;
        if template.compiled().is_some_and(makes_attributes) {
            attribute_bindings = self::attribute_bindings(&mut message, Some(&template), report);
        }
        fields = read_fields(&template, message, report);
    }
    Some(Instance { template, fields, attribute_bindings, params: params_of(spec, line) })
}

fn template(spec: &mut Fields<'_>, report: &mut Report) -> Option<TemplateRef> {
    let before = report.problems.len();
    let compiled = spec.text("compiledTemplate", report).filter(|text| !text.value.is_empty());
    let named = spec.text("template", report).filter(|text| !text.value.is_empty());
    match (compiled, named) {
        (None, None) => {
            if report.problems.len() == before {
                spec.missing("compiledTemplate", report);
            }
            None
        }
        (Some(_), Some(named)) => {
            report.problem(
                named.line,
                "`spec.template` and `spec.compiledTemplate` exclude each other, leave one out",
            );
            None
        }
        (Some(compiled), None) => {
            let template = CompiledTemplate::from_name(&compiled.value);
            if template.is_none() {
                report.problem(compiled.line, refuse_template(&compiled.value));
            }
            template.map(TemplateRef::Compiled)
        }
        (None, Some(named)) => {
            let ours =
                referred_name(&named.value, Kind::Template).and_then(CompiledTemplate::from_name);
            Some(ours.map_or(TemplateRef::Named(named), TemplateRef::Compiled))
        }
    }
}

fn makes_attributes(template: CompiledTemplate) -> bool {
    template.variety() == Variety::AttributeGenerator
}

/// What the attributes are made of that the instance adds to a request.
fn attribute_bindings(
    spec: &mut Fields<'_>,
    template: Option<&TemplateRef>,
    report: &mut Report,
) -> BTreeMap<String, Text> {
    const NAME: &str = "attributeBindings";
    let bindings = expressions(spec, NAME, report);
    if let Some(line) = bindings.values().map(|text| text.line).min()
        && let Some(TemplateRef::Compiled(template)) = template
        && !makes_attributes(*template)
    {
        let path = spec.path_of(NAME);
        let name = template.name();
        report.problem(
            line,
            format!("`{path}` is for templates that make attributes, `{name}` makes none"),
        );
    }
    for (name, text) in &bindings {
        if !is_attribute_name(name) {
            let path = format!("{}.{}", spec.path_of(NAME), shorten(name));
            report.problem(
                text.line,
                format!("`{path}` is no attribute name: expected words joined by dots"),
            );
        }
    }
    bindings
}

fn fields(
    template: &TemplateRef,
    path: &str,
    params: Option<Field<'_>>,
    report: &mut Report,
) -> Option<BTreeMap<String, Text>> {
    match params {
        Some(params) => {
            let message = Fields::open(params.node, path, report)?;
            Some(read_fields(template, message, report))
        }
        None => Some(BTreeMap::new()),
    }
}

fn read_fields(
    template: &TemplateRef,
    message: Fields<'_>,
    report: &mut Report,
) -> BTreeMap<String, Text> {
    match template {
        TemplateRef::Compiled(template) => read_message(template.schema(), message, report),
        TemplateRef::Named(_) => read_open_message(&message, report),
    }
}

fn params_of(field: Option<Field<'_>>, line: u32) -> Params {
    match field {
        Some(field) => Params::texts(field.node, field.line),
        None => Params::none(line),
    }
}
