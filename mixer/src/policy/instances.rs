//! Instances, compiled: what of a request goes to a handler, and with which types.

use std::collections::BTreeMap;
use std::sync::Arc;

use adapter_host::{ColumnTemplate, InstanceDecl, Template, Variety};
use mesh_attributes::{AttributeName, ValueType};
use mesh_config::{FieldKind, FieldSchema, Instance, Problem, Resource, Spec, Text};
use mixer_expr::{Expression, LANGUAGE_ANNOTATION, Language, compile_in};
use remote_adapter::{InstanceShape, RemoteTemplate};

use super::digest::Canonical;
use super::open::OpenTemplate;
use super::rule::{Binding, CheckInput, Field, GenerateInput, ReportInput};

mod custom;

pub(super) use self::custom::compile_custom;

/// Under which names the bindings of an attribute generator know its output.
pub(crate) const OUTPUT: &str = "output.";

/// An instance that compiled.
#[derive(Debug, Clone)]
pub(super) struct CompiledInstance {
    /// `name.instance.namespace`.
    pub(super) name: String,
    /// For components, which know only templates of ours: what they are told of it, and how it is made.
    pub(super) component: Option<(InstanceDecl, Input)>,
    /// For all other adapters.
    pub(super) open: (InstanceShape, Input),
    /// What comes back with a decision, for header operations.
    pub(super) outputs: Vec<(String, ValueType)>,
    /// All that can change a check's answer, as text.
    pub(super) canonical: String,
}

/// How it is made, by the side of a request on which it is used.
#[derive(Debug, Clone)]
pub(super) enum Input {
    Generate(Arc<GenerateInput>),
    Check(Arc<CheckInput>),
    /// With the name that requests ask by, in lower case.
    Quota(Arc<str>, Arc<CheckInput>),
    Report(Arc<ReportInput>),
}

/// Compiles an instance; all its mistakes at once. `declared` is its template if it is none of ours.
pub(super) fn compile_instance(
    resource: &Resource,
    types: &BTreeMap<String, ValueType>,
    declared: Result<Option<OpenTemplate>, String>,
) -> Result<CompiledInstance, Vec<Problem>> {
    let Spec::Instance(instance) = &resource.spec else { return Err(Vec::new()) };
    let refuse = |message: String| {
        let origin = resource.origin.clone();
        vec![Problem { origin, object: Some(resource.key.clone()), message }]
    };
    let declared = declared.map_err(refuse)?;
    let language = language_of(resource).map_err(|problem| vec![problem])?;
    let canonical = format!("{language}\n");
    let mut compiler = Compiler { resource, language, types, problems: Vec::new(), canonical };
    let open = match (instance.template.compiled(), declared) {
        (Some(ours), _) => OpenTemplate::Ours(ours),
        (None, Some(declared)) => declared,
        (None, None) => return Err(Vec::new()),
    };
    let fields = match &open {
        OpenTemplate::Ours(ours) => compiler.fields(ours.schema(), &instance.fields),
        OpenTemplate::Declared(template) => compiler.declared_fields(template, &instance.fields),
        OpenTemplate::Custom(_) => return Err(Vec::new()),
    };
    let outputs = open.outputs();
    let bindings = compiler.bindings(&open, &outputs, &instance.attribute_bindings);
    if !compiler.problems.is_empty() {
        return Err(compiler.problems);
    }
    let name = resource.key.to_string();
    let whole = open.shape(&name, &fields.cloned(), &bindings, resource.key.name.as_str());
    let component = match &open {
        OpenTemplate::Ours(ours) => Template::from_name(ours.name()).map(|template| {
            component_form(template, resource, instance, language, fields, bindings)
        }),
        OpenTemplate::Declared(_) | OpenTemplate::Custom(_) => None,
    };
    let canonical = compiler.canonical;
    Ok(CompiledInstance { name, component, open: whole, outputs, canonical })
}

/// The form of an instance for components.
fn component_form(
    template: Template,
    resource: &Resource,
    instance: &Instance,
    language: Language,
    mut fields: CompiledFields,
    bindings: Vec<Binding>,
) -> (InstanceDecl, Input) {
    let mut value_type = None;
    let (declared, input) = match template {
        Template::ListEntry => {
            let value = fields.scalar("value", ValueType::String);
            value_type = Some(value.value_type());
            (Vec::new(), Input::Check(CheckInput { fields: vec![value] }.into()))
        }
        Template::CheckNothing | Template::ApiKey | Template::Authorization | Template::KeyVal => {
            let (declared, fields) = fields.all_set();
            (declared, Input::Check(CheckInput { fields }.into()))
        }
        Template::Quota => {
            let (declared, fields) = fields.map("dimensions");
            let name = resource.key.name.as_str().to_lowercase().into();
            (declared, Input::Quota(name, CheckInput { fields }.into()))
        }
        Template::Kubernetes => {
            let (declared, fields) = fields.all_set();
            (declared, Input::Generate(GenerateInput { fields, bindings }.into()))
        }
        Template::Custom(_) => unreachable!("the name is one of ours"),
        Template::ReportNothing => (Vec::new(), Input::Report(ReportInput::Nothing.into())),
        Template::LogEntry => fields.columns(ColumnTemplate::LogEntry),
        Template::TraceSpan => fields.columns(ColumnTemplate::TraceSpan),
        Template::Edge => fields.columns(ColumnTemplate::Edge),
        Template::Metric => {
            let (declared, dimensions) = fields.map("dimensions");
            let value = fields.scalar("value", ValueType::String);
            value_type = Some(value.value_type());
            let dimensions_digest = digest_of_map("dimensions.", language, &instance.fields);
            let input = ReportInput::Metric { value, dimensions, dimensions_digest };
            (declared, Input::Report(input.into()))
        }
    };
    let name = resource.key.to_string();
    (InstanceDecl { name, template, fields: declared, value_type }, input)
}

/// The fields of an instance, compiled, by their names in the template's schema.
#[derive(Default)]
struct CompiledFields {
    scalars: BTreeMap<String, Field>,
    /// By name within the map.
    maps: BTreeMap<&'static str, BTreeMap<String, Field>>,
}

impl CompiledFields {
    /// All fields that are set, ordered by name, as [`Self::all_set`].
    fn cloned(&self) -> Vec<Field> {
        let in_maps = self.maps.values().flat_map(BTreeMap::values);
        let mut fields: Vec<Field> = self.scalars.values().chain(in_maps).cloned().collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        fields
    }

    /// Takes the field `name`, which has no expression if it is not set, but the zero value of a type.
    fn scalar(&mut self, name: &str, unset: ValueType) -> Field {
        let not_set = || Field { name: name.to_owned(), expression: None, unset };
        self.scalars.remove(name).unwrap_or_else(not_set)
    }

    /// Takes a template's own fields and those of its map, and the declaration of the latter.
    fn columns(mut self, template: ColumnTemplate) -> (Vec<(String, ValueType)>, Input) {
        let (declared, mut of_map) = template.map().map(|map| self.map(map)).unwrap_or_default();
        let own = template.fields().iter();
        let mut fields: Vec<_> = own.map(|(name, of)| self.scalar(name, *of)).collect();
        fields.append(&mut of_map);
        (declared, Input::Report(ReportInput::Columns { template, fields }.into()))
    }

    /// Takes all fields that are set, ordered by name, and their declaration. Those in maps have the map's
    /// name before their own: `subject.properties.app`.
    fn all_set(self) -> (Vec<(String, ValueType)>, Vec<Field>) {
        let scalars = self.scalars.into_values();
        let mut fields: Vec<Field> =
            scalars.chain(self.maps.into_values().flat_map(BTreeMap::into_values)).collect();
        fields.sort_by(|a, b| a.name.cmp(&b.name));
        (fields.iter().map(|field| (field.name.clone(), field.value_type())).collect(), fields)
    }

    /// Takes the entries of the map `name`, ordered by name, and their declaration.
    fn map(&mut self, name: &str) -> (Vec<(String, ValueType)>, Vec<Field>) {
        let entries = self.maps.remove(name).unwrap_or_default();
        entries.into_iter().map(|(key, field)| ((key, field.value_type()), field)).unzip()
    }
}

/// Of the fields whose name begins with `prefix`, as they are written: equal ones mean the same under one
/// set of attributes.
fn digest_of_map(prefix: &str, language: Language, texts: &BTreeMap<String, Text>) -> [u8; 32] {
    let mut written = Canonical::new();
    written.add(language.to_string());
    for (name, text) in texts.iter().filter(|(name, _)| name.starts_with(prefix)) {
        written.add(name);
        written.add(&text.value);
    }
    written.finish()
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
    types: &'a BTreeMap<String, ValueType>,
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
                    fields.scalars.insert((*name).to_owned(), self.field(name, text, *wanted));
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

    /// Every field of an instance of a declared template, by its name as written.
    fn declared_fields(
        &mut self,
        template: &RemoteTemplate,
        texts: &BTreeMap<String, Text>,
    ) -> CompiledFields {
        let mut fields = CompiledFields::default();
        for (name, text) in texts {
            let expected = match template.expected(name) {
                Ok(expected) => expected,
                Err(mistake) => {
                    self.problem(text, mistake.to_string());
                    continue;
                }
            };
            let field = self.field(name, text, None);
            let got = field.value_type();
            if field.expression.is_some() && !expected.takes(got) {
                let (got, wanted) = (got.name(), expected.text());
                self.problem(text, format!("field {name}: is {got}, expected {wanted}"));
            }
            fields.scalars.insert(name.clone(), field);
        }
        fields
    }

    /// What becomes of a generator's output. Expressions see it under `$out.` (or `output.`), beside the
    /// attributes of the request.
    fn bindings(
        &mut self,
        template: &OpenTemplate,
        outputs: &[(String, ValueType)],
        written: &BTreeMap<String, Text>,
    ) -> Vec<Binding> {
        if written.is_empty() {
            return Vec::new();
        }
        if template.variety() != Variety::AttributeGenerator {
            let name = template.name();
            let written = written.values().next();
            let message = format!("attributeBindings: template {name} makes no attributes");
            if let Some(text) = written {
                self.problem(text, message);
            }
            return Vec::new();
        }
        let mut types = self.types.clone();
        let outputs = outputs.iter();
        types.extend(outputs.map(|(name, value_type)| (format!("{OUTPUT}{name}"), *value_type)));
        let mut bindings = Vec::new();
        for (attribute, text) in written {
            let Some(declared) = self.types.get(attribute).copied() else {
                self.problem(text, format!("attribute {attribute} is declared by no manifest"));
                continue;
            };
            let name = format!("attributeBindings.{attribute}");
            let expression = Text { value: text.value.replace("$out.", OUTPUT), line: text.line };
            let value = self.field_of(&types, &name, &expression, Some(declared));
            bindings.push(Binding { attribute: AttributeName::new(attribute), value });
        }
        bindings
    }

    fn field(&mut self, name: &str, text: &Text, wanted: Option<ValueType>) -> Field {
        self.field_of(self.types, name, text, wanted)
    }

    fn field_of(
        &mut self,
        types: &BTreeMap<String, ValueType>,
        name: &str,
        text: &Text,
        wanted: Option<ValueType>,
    ) -> Field {
        let expression = match compile_in(&text.value, self.language, types) {
            Ok(expression) => {
                self.canonical.push_str(name);
                self.canonical.push('=');
                self.canonical.push_str(&text.value);
                self.canonical.push('\n');
                Some(Arc::new(expression))
            }
            Err(cause) => {
                self.problem(text, format!("field {name}: {cause}"));
                None
            }
        };
        let got = expression.as_deref().map(Expression::value_type);
        if let (Some(wanted), Some(got)) = (wanted, got)
            && got != wanted
        {
            let message = format!("field {name}: is {}, expected {}", got.name(), wanted.name());
            self.problem(text, message);
        }
        let unset = wanted.unwrap_or(ValueType::String);
        Field { name: name.to_owned(), expression, unset }
    }

    fn problem(&mut self, text: &Text, message: String) {
        self.problems.push(Problem {
            origin: self.resource.origin.at(text.line),
            object: Some(self.resource.key.clone()),
            message,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_dimensions_that_are_written_alike_have_one_digest() {
        let digest = |language, fields: &[(&str, &str)]| {
            let text = |value: &str| Text { value: value.to_owned(), line: 1 };
            let texts = fields.iter().map(|(name, value)| ((*name).to_owned(), text(value)));
            digest_of_map("dimensions.", language, &texts.collect())
        };
        let of = |fields| digest(Language::default(), fields);
        let count = of(&[("dimensions.a", "x"), ("dimensions.b", "y"), ("value", "1")]);
        assert_eq!(count, of(&[("dimensions.a", "x"), ("dimensions.b", "y"), ("value", "2")]));
        assert_ne!(count, of(&[("dimensions.a", "y"), ("dimensions.b", "x"), ("value", "1")]));
        assert_ne!(count, of(&[("dimensions.a", "x"), ("value", "1")]));
        let other = [("dimensions.a", "x"), ("dimensions.b", "y")];
        assert_ne!(digest(Language::Cel, &other), count);
    }
}
