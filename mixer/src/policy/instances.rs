//! Instances, compiled: what of a request goes to a handler, and with which types.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::{InstanceDecl, Template};
use mesh_attributes::ValueType;
use mesh_config::{FieldKind, FieldSchema, Problem, Resource, Spec, Text};
use mixer_expr::{AttributeTypes, Expression, compile};

use super::rule::{CheckInput, Field, ReportInput};

/// An instance that compiled.
#[derive(Debug, Clone)]
pub(super) struct CompiledInstance {
    /// What its handlers are told of it.
    pub(super) decl: InstanceDecl,
    pub(super) input: Input,
    /// All that can change a check's answer, as text.
    pub(super) canonical: String,
}

/// How it is made, by the side of a request on which it is used.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Check(Arc<CheckInput>),
    Report(Arc<ReportInput>),
}

/// Compiles an instance; all its mistakes at once.
pub(super) fn compile_instance(
    resource: &Resource,
    types: &dyn AttributeTypes,
) -> Result<CompiledInstance, Vec<Problem>> {
    let Spec::Instance(instance) = &resource.spec else { return Err(Vec::new()) };
    let refuse = |message: String| {
        let origin = resource.origin.clone();
        vec![Problem { origin, object: Some(resource.key.clone()), message }]
    };
    let Some(compiled) = instance.template.compiled() else {
        let name = instance.template.name();
        return Err(refuse(format!(
            "template {name} is for adapters in other processes, which are not supported"
        )));
    };
    let Some(template) = Template::from_name(compiled.name()) else {
        return Err(refuse(format!("template {} is not available yet", compiled.name())));
    };
    let mut compiler = Compiler { resource, types, problems: Vec::new(), canonical: String::new() };
    let mut fields = compiler.fields(compiled.schema(), &instance.fields);
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let (declared, value_type, input) = match template {
        Template::CheckNothing => (Vec::new(), None, Input::Check(CheckInput::Nothing.into())),
        Template::ListEntry => {
            let value = fields.scalar("value");
            let value_type = value.value_type();
            (Vec::new(), Some(value_type), Input::Check(CheckInput::ListEntry(value).into()))
        }
        Template::LogEntry => {
            let (declared, variables) = fields.map("variables");
            let (severity, timestamp) = (fields.scalar("severity"), fields.scalar("timestamp"));
            let input = ReportInput::LogEntry { severity, timestamp, variables };
            (declared, None, Input::Report(input.into()))
        }
        Template::Metric => {
            let (declared, dimensions) = fields.map("dimensions");
            let value = fields.scalar("value");
            let value_type = value.value_type();
            let input = ReportInput::Metric { value, dimensions };
            (declared, Some(value_type), Input::Report(input.into()))
        }
    };
    let name = resource.key.to_string();
    let decl = InstanceDecl { name, template, fields: declared, value_type };
    Ok(CompiledInstance { decl, input, canonical: compiler.canonical })
}

/// The fields of an instance, compiled, by their names in the template's schema.
struct CompiledFields {
    scalars: BTreeMap<&'static str, Field>,
    /// By name within the map.
    maps: BTreeMap<&'static str, BTreeMap<String, Field>>,
}

impl CompiledFields {
    /// Takes the field `name`, which has no expression if it is not set.
    fn scalar(&mut self, name: &str) -> Field {
        let unset = || Field { name: name.to_owned(), expression: None };
        self.scalars.remove(name).unwrap_or_else(unset)
    }

    /// Takes the entries of the map `name`, ordered by name, and their declaration.
    fn map(&mut self, name: &str) -> (Vec<(String, ValueType)>, Vec<Field>) {
        let entries = self.maps.remove(name).unwrap_or_default();
        entries.into_iter().map(|(key, field)| ((key, field.value_type()), field)).unzip()
    }
}

struct Compiler<'a> {
    resource: &'a Resource,
    types: &'a dyn AttributeTypes,
    problems: Vec<Problem>,
    canonical: String,
}

impl Compiler<'_> {
    /// Every field that is set, also those that no adapter here takes (monitored resources): a mistake
    /// in them must not wait for the day one does.
    fn fields(
        &mut self,
        schema: &'static [FieldSchema],
        texts: &BTreeMap<String, Text>,
    ) -> CompiledFields {
        let mut fields = CompiledFields { scalars: BTreeMap::new(), maps: BTreeMap::new() };
        for FieldSchema { name, kind } in schema {
            match kind {
                FieldKind::Scalar(wanted) => {
                    let Some(text) = texts.get(*name) else { continue };
                    fields.scalars.insert(name, self.field(name, text, *wanted));
                }
                FieldKind::Map(wanted) => {
                    let entries = texts.iter().filter_map(|(field, text)| {
                        let key = field.strip_prefix(name)?.strip_prefix('.')?;
                        Some((key.to_owned(), self.field(field, text, *wanted)))
                    });
                    fields.maps.insert(name, entries.collect());
                }
            }
        }
        fields
    }

    fn field(&mut self, name: &str, text: &Text, wanted: Option<ValueType>) -> Field {
        let expression = match compile(&text.value, self.types) {
            Ok(expression) => {
                self.canonical.push_str(name);
                self.canonical.push('=');
                self.canonical.push_str(&text.value);
                self.canonical.push('\n');
                Some(expression)
            }
            Err(cause) => {
                self.problem(text, format!("field {name}: {cause}"));
                None
            }
        };
        let got = expression.as_ref().map(Expression::value_type);
        if let (Some(wanted), Some(got)) = (wanted, got)
            && got != wanted
        {
            let message = format!("field {name}: is {}, expected {}", got.name(), wanted.name());
            self.problem(text, message);
        }
        Field { name: name.to_owned(), expression }
    }

    fn problem(&mut self, text: &Text, message: String) {
        self.problems.push(Problem {
            origin: self.resource.origin.at(text.line),
            object: Some(self.resource.key.clone()),
            message,
        });
    }
}
