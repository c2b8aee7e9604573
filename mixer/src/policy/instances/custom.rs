//! Instances of templates that authors of adapters invented: their fields are held against the types of
//! the component that is to take them.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::{CustomTemplate, InstanceDecl, Template, Variety};
use mesh_attributes::ValueType;
use mesh_config::{Instance, Problem, Resource, Text, nearest_name};

use super::{CompiledInstance, Compiler, Input, language_of};
use crate::policy::rule::{CheckInput, Field, GenerateInput, ReportInput};

/// Those of `templates` that an instance means by `name`: an interface, or its own name without package
/// and version.
pub(super) fn meant(name: &str, templates: &[CustomTemplate]) -> Vec<CustomTemplate> {
    let is_meant =
        |template: &&CustomTemplate| template.interface() == name || template.short_name() == name;
    templates.iter().filter(is_meant).copied().collect()
}

/// Why no template has this name.
pub(super) fn unknown(name: &str, templates: &[CustomTemplate]) -> String {
    let interfaces = templates.iter().map(|template| template.interface());
    let hint = match nearest_name(name, interfaces.clone()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if templates.is_empty() => {
            "no component that a handler names has templates of its own".to_owned()
        }
        None => format!("there are {}", interfaces.collect::<Vec<_>>().join(", ")),
    };
    format!("template {name} is exported by no component that a handler names; {hint}")
}

/// Compiles an instance of the first of `templates` that it fits: components may differ in the types of
/// one interface. All mistakes by the first if it fits none.
pub(super) fn compile(
    resource: &Resource,
    instance: &Instance,
    types: &BTreeMap<String, ValueType>,
    templates: &[CustomTemplate],
) -> Result<CompiledInstance, Vec<Problem>> {
    let mut first = None;
    for template in templates {
        match compile_as(*template, resource, instance, types) {
            Ok(compiled) => return Ok(compiled),
            Err(problems) => {
                first.get_or_insert(problems);
            }
        }
    }
    Err(first.unwrap_or_default())
}

fn compile_as(
    template: CustomTemplate,
    resource: &Resource,
    instance: &Instance,
    types: &BTreeMap<String, ValueType>,
) -> Result<CompiledInstance, Vec<Problem>> {
    let language = language_of(resource).map_err(|problem| vec![problem])?;
    let canonical = format!("{language}\n");
    let mut compiler = Compiler { resource, language, types, problems: Vec::new(), canonical };
    let mut fields: BTreeMap<&str, (Field, &Text)> = BTreeMap::new();
    for (written, text) in &instance.fields {
        let name = template.field(written).map_or(written.as_str(), |field| field.name.as_str());
        let field = compiler.field(name, text, None);
        if let Some((_, before)) = fields.insert(name, (field, text)) {
            let line = before.line;
            compiler.problem(text, format!("field {name}: is here twice, first at line {line}"));
        }
    }
    let variety = template.variety();
    let bindings = compiler.bindings(Template::Custom(template), &instance.attribute_bindings);
    if variety != Variety::AttributeGenerator
        && let Some(text) = instance.attribute_bindings.values().next()
    {
        let message = format!("template {} generates no attributes to bind", template.interface());
        compiler.problem(text, message);
    }
    // What has no type cannot be of the wrong one.
    if compiler.problems.is_empty() {
        let given = fields.iter().map(|(name, (field, _))| (*name, field.value_type()));
        for mistake in template.mistakes(given) {
            let line = fields
                .get(mistake.field.as_str())
                .map_or(instance.params.line_of(""), |(_, text)| text.line);
            let place = Text { value: String::new(), line };
            compiler.problem(&place, mistake.to_string());
        }
    }
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let declared: Vec<(String, ValueType)> =
        fields.iter().map(|(name, (field, _))| ((*name).to_owned(), field.value_type())).collect();
    let fields: Vec<Field> = fields.into_values().map(|(field, _)| field).collect();
    let template = Template::Custom(template);
    let input = match variety {
        Variety::Check | Variety::Quota => Input::Check(Arc::new(CheckInput { fields })),
        Variety::AttributeGenerator => {
            Input::Generate(Arc::new(GenerateInput { fields, bindings }))
        }
        Variety::Report => Input::Report(Arc::new(ReportInput::Custom { template, fields })),
    };
    let name = resource.key.to_string();
    let decl = InstanceDecl { name, template, fields: declared, value_type: None };
    Ok(CompiledInstance { decl, input, canonical: compiler.canonical })
}
