//! Instances, compiled: what of a request goes to a handler, and with which types.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::{InstanceDecl, Template};
use mesh_attributes::ValueType;
use mesh_config::{InstanceFields, LogEntryFields, MetricFields, Problem, Resource, Spec, Text};
use mixer_expr::{AttributeTypes, LANGUAGE_ANNOTATION, Language, compile_in};

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
    let language = language_of(resource).map_err(|problem| vec![problem])?;
    let canonical = format!("{language}\n");
    let mut compiler = Compiler { resource, language, types, problems: Vec::new(), canonical };
    let (template, fields, value_type, input) = match &instance.fields {
        InstanceFields::CheckNothing => {
            (Template::CheckNothing, Vec::new(), None, Input::Check(CheckInput::Nothing.into()))
        }
        InstanceFields::ListEntry { value } => {
            let value = compiler.field("value", value.as_ref());
            let value_type = value.value_type();
            let input = Input::Check(CheckInput::ListEntry(value).into());
            (Template::ListEntry, Vec::new(), Some(value_type), input)
        }
        InstanceFields::LogEntry(fields) => {
            let LogEntryFields { variables, timestamp, severity, .. } = fields;
            compiler.monitored_resource(
                fields.monitored_resource_type.as_ref(),
                &fields.monitored_resource_dimensions,
            );
            let severity = compiler.typed("severity", severity.as_ref(), ValueType::String);
            let timestamp = compiler.typed("timestamp", timestamp.as_ref(), ValueType::Timestamp);
            let variables = compiler.fields("variables", variables);
            let decl = declare(&fields.variables, &variables);
            let input = ReportInput::LogEntry { severity, timestamp, variables };
            (Template::LogEntry, decl, None, Input::Report(input.into()))
        }
        InstanceFields::Metric(fields) => {
            let MetricFields { value, dimensions, .. } = fields;
            compiler.monitored_resource(
                fields.monitored_resource_type.as_ref(),
                &fields.monitored_resource_dimensions,
            );
            let value = compiler.field("value", value.as_ref());
            let dimensions = compiler.fields("dimensions", dimensions);
            let decl = declare(&fields.dimensions, &dimensions);
            let value_type = value.value_type();
            let input = ReportInput::Metric { value, dimensions };
            (Template::Metric, decl, Some(value_type), Input::Report(input.into()))
        }
    };
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let name = resource.key.to_string();
    let decl = InstanceDecl { name, template, fields, value_type };
    Ok(CompiledInstance { decl, input, canonical: compiler.canonical })
}

fn declare(written: &BTreeMap<String, Text>, fields: &[Field]) -> Vec<(String, ValueType)> {
    written.keys().zip(fields).map(|(name, field)| (name.clone(), field.value_type())).collect()
}

/// The language of a resource's expressions, by its annotation.
pub(super) fn language_of(resource: &Resource) -> Result<Language, Problem> {
    let Some(name) = resource.annotations.get(LANGUAGE_ANNOTATION) else {
        return Ok(Language::default());
    };
    Language::from_name(name).ok_or_else(|| Problem {
        origin: resource.origin.clone(),
        object: Some(resource.key.clone()),
        message: format!(
            "annotation {LANGUAGE_ANNOTATION}: there is no language {name}; CEXL, CEL and COMPAT are known"
        ),
    })
}

struct Compiler<'a> {
    resource: &'a Resource,
    language: Language,
    types: &'a dyn AttributeTypes,
    problems: Vec<Problem>,
    canonical: String,
}

impl Compiler<'_> {
    fn field(&mut self, name: &str, text: Option<&Text>) -> Field {
        let expression =
            text.and_then(|text| match compile_in(&text.value, self.language, self.types) {
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
            });
        Field { name: name.to_owned(), expression }
    }

    fn typed(&mut self, name: &str, text: Option<&Text>, wanted: ValueType) -> Field {
        let field = self.field(name, text);
        if let (Some(expression), Some(text)) = (&field.expression, text)
            && expression.value_type() != wanted
        {
            let got = expression.value_type().name();
            self.problem(text, format!("field {name}: is {got}, expected {}", wanted.name()));
        }
        field
    }

    fn fields(&mut self, of: &str, texts: &BTreeMap<String, Text>) -> Vec<Field> {
        texts.iter().map(|(name, text)| self.field(&format!("{of}.{name}"), Some(text))).collect()
    }

    /// No adapter here has monitored resources; their expressions are checked all the same, so that a
    /// mistake does not wait for the day one has.
    fn monitored_resource(&mut self, kind: Option<&Text>, dimensions: &BTreeMap<String, Text>) {
        self.typed("monitored_resource_type", kind, ValueType::String);
        self.fields("monitored_resource_dimensions", dimensions);
    }

    fn problem(&mut self, text: &Text, message: String) {
        self.problems.push(Problem {
            origin: self.resource.origin.at(text.line),
            object: Some(self.resource.key.clone()),
            message,
        });
    }
}
