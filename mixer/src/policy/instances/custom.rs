//! Instances of templates that authors of adapters invented: their fields are held against the types of
//! the component that is to take them.

use std::collections::BTreeMap;

use adapter_host::{CustomTemplate, InstanceDecl, Template};
use mesh_attributes::ValueType;
use mesh_config::{Instance, Problem, Resource, Spec, Text, nearest_name};

use super::{CompiledInstance, Compiler, OpenTemplate, language_of};
use crate::policy::rule::Field;

/// Compiles an instance of one of `templates`; nothing if it is of another kind.
pub(in crate::policy) fn compile_custom(
    resource: &Resource,
    types: &BTreeMap<String, ValueType>,
    templates: &[CustomTemplate],
) -> Option<Result<CompiledInstance, Vec<Problem>>> {
    let Spec::Instance(instance) = &resource.spec else { return None };
    if instance.template.compiled().is_some() {
        return None;
    }
    let name = instance.template.name();
    let meant = meant(name, templates);
    if !meant.is_empty() {
        return Some(compile(resource, instance, types, &meant));
    }
    name.contains('/').then(|| {
        Err(vec![Problem {
            origin: resource.origin.clone(),
            object: Some(resource.key.clone()),
            message: unknown(name, templates),
        }])
    })
}

/// Those of `templates` that an instance means by `name`: an interface, or its own name without package
/// and version.
fn meant(name: &str, templates: &[CustomTemplate]) -> Vec<CustomTemplate> {
    let is_meant =
        |template: &&CustomTemplate| template.interface() == name || template.short_name() == name;
    templates.iter().filter(is_meant).copied().collect()
}

/// Why no template has this name.
fn unknown(name: &str, templates: &[CustomTemplate]) -> String {
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
fn compile(
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
    let open = OpenTemplate::Custom(template);
    let outputs = open.outputs();
    let bindings = compiler.bindings(&open, &outputs, &instance.attribute_bindings);
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
    let name = resource.key.to_string();
    let (shape, input) = open.shape(&name, &fields, &bindings, resource.key.name.as_str());
    let template = Template::Custom(template);
    let decl = InstanceDecl { name: name.clone(), template, fields: declared, value_type: None };
    Ok(CompiledInstance {
        name,
        component: Some((decl, input.clone())),
        open: (shape, input),
        outputs,
        canonical: compiler.canonical,
    })
}
