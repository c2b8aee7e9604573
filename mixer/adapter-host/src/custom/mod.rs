//! Templates that the authors of adapters invent.
//!
//! An interface that a component exports, is none of `mixmesh:adapter`, and has one function named
//! `check`, `report` or `generate` is a template. Its WIT types are the schema: an instance's fields are
//! held against them when a configuration is validated, and calls are made of values, not of generated
//! bindings. The conventions, with FIELDS a record of the author's:
//!
//! ```wit
//! check:    func(instance: u32, fields: FIELDS) -> result<check-result, call-error>;
//! report:   func(elements: list<element>) -> list<failed-element>;
//! generate: func(instance: u32, fields: FIELDS) -> result<OUTPUTS, call-error>;
//! record element { element: u32, instance: u32, fields: FIELDS }
//! ```
//!
//! `check-result`, `call-error` and `failed-element` are those of `mixmesh:adapter/types`; OUTPUTS is
//! another record of the author's. An element's fields are a record of their own so that a field may be
//! called `instance`. What looks like a template and has other types is refused when the component is
//! loaded, with the reason.
//!
//! | type in WIT | types of expressions |
//! |---|---|
//! | `string` | STRING, EMAIL_ADDRESS, URI, DNS_NAME |
//! | `s64` | INT64; TIMESTAMP and DURATION as nanoseconds |
//! | `f64` | DOUBLE |
//! | `bool` | BOOL |
//! | `list<u8>` | IP_ADDRESS |
//! | `list<tuple<string, string>>` | STRING_MAP, sorted by key |
//! | `types.value` | any; not for outputs, whose types must be known |
//! | `option<T>` | as `T`, and may be left out; an output that is `none` is absent |
//! | a record | its fields, with its name before theirs: `client.name` |
//!
//! Names are kebab-case in WIT, and snake_case or lowerCamelCase in configuration.

mod batch;
mod call;
mod field;
mod shape;
mod values;
mod wit;

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, PoisonError};

use mesh_attributes::ValueType;

pub use self::batch::CustomBatch;
pub use self::field::{CustomField, FieldMistake};
use self::shape::Shape;
pub(crate) use self::wit::{CustomExport, custom_exports};
use crate::Variety;
use crate::parameters::nearest;

/// Different templates in the life of a process: each edit of a component's WIT makes another. They are
/// never forgotten, since handlers, metrics and configurations hold on to them; a component that brings
/// one more is refused.
const MAX_TEMPLATES: usize = 1024;

/// A template of an author's own, as a component exports it: equal ones have equal types. Cheap to copy.
#[derive(Clone, Copy)]
pub struct CustomTemplate(&'static Interned);

struct Interned {
    definition: Definition,
    outputs: Vec<(&'static str, ValueType)>,
}

/// What there is to know of a template.
#[derive(Debug, PartialEq)]
pub(crate) struct Definition {
    /// `namespace:package/interface@version`.
    pub(crate) interface: String,
    pub(crate) variety: Variety,
    /// Sorted by name.
    pub(crate) fields: Vec<CustomField>,
    pub(crate) input: Shape,
    /// Of a generator, sorted by name.
    pub(crate) outputs: Vec<CustomField>,
    pub(crate) output: Shape,
}

impl CustomTemplate {
    /// The template with this definition, from now on for the life of the process.
    pub(crate) fn intern(definition: Definition) -> Result<Self, String> {
        static TEMPLATES: Mutex<Vec<&'static Interned>> = Mutex::new(Vec::new());
        let mut templates = TEMPLATES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = templates.iter().find(|known| known.definition == definition) {
            return Ok(Self(known));
        }
        if templates.len() >= MAX_TEMPLATES {
            return Err(format!("this process has seen {MAX_TEMPLATES} other templates already"));
        }
        let interned: &'static mut Interned =
            Box::leak(Box::new(Interned { definition, outputs: Vec::new() }));
        let outputs = interned.definition.outputs.iter();
        let outputs: Vec<_> = outputs.map(|f| (f.name.clone(), f.kind.output_type())).collect();
        interned.outputs = outputs
            .into_iter()
            .map(|(name, value_type)| (&*Box::leak(name.into_boxed_str()), value_type))
            .collect();
        templates.push(interned);
        Ok(Self(interned))
    }

    /// `namespace:package/interface@version`.
    pub fn interface(self) -> &'static str {
        &self.0.definition.interface
    }

    /// The interface's own name, without package and version.
    pub fn short_name(self) -> &'static str {
        short_name(self.interface())
    }

    /// When its instances are made.
    pub fn variety(self) -> Variety {
        self.0.definition.variety
    }

    /// Its fields, sorted by name; those in records with the names of the records before their own.
    pub fn fields(self) -> &'static [CustomField] {
        &self.0.definition.fields
    }

    /// What a generator answers, sorted by name.
    pub fn outputs(self) -> &'static [(&'static str, ValueType)] {
        &self.0.outputs
    }

    /// The field that is written as `name` in configuration.
    pub fn field(self, name: &str) -> Option<&'static CustomField> {
        let name = snake_case(name);
        let fields = self.fields();
        fields.binary_search_by(|field| field.name.as_str().cmp(&name)).ok().map(|at| &fields[at])
    }

    /// What is wrong with an instance that has these fields.
    pub fn mistakes<'f>(
        self,
        given: impl Iterator<Item = (&'f str, ValueType)>,
    ) -> Vec<FieldMistake> {
        let mut mistakes = Vec::new();
        let mut seen = Vec::new();
        let mut meant = Vec::new();
        for (name, got) in given {
            let mistake = |message| FieldMistake { field: name.to_owned(), message };
            match self.field(name) {
                None => {
                    let names = || self.fields().iter().map(|field| field.name.as_str());
                    let snake = snake_case(name);
                    meant.extend(nearest::nearest(&snake, names()));
                    let hint = nearest::hint(&snake, names());
                    mistakes.push(mistake(format!("is unknown to {}{hint}", self.interface())));
                }
                Some(field) => {
                    seen.push(field.name.as_str());
                    if !field.kind.takes(got) {
                        let wanted = field.kind.wanted();
                        mistakes.push(mistake(format!("is {}, expected {wanted}", got.name())));
                    }
                }
            }
        }
        let missing = self.fields().iter().filter(|field| {
            let name = field.name.as_str();
            !field.optional && !seen.contains(&name) && !meant.contains(&name)
        });
        mistakes.extend(missing.map(|field| FieldMistake {
            field: field.name.clone(),
            message: format!("is missing, {} needs it", self.interface()),
        }));
        mistakes
    }

    fn definition(self) -> &'static Definition {
        &self.0.definition
    }
}

impl PartialEq for CustomTemplate {
    fn eq(&self, other: &Self) -> bool {
        // There is one of each.
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for CustomTemplate {}

impl Hash for CustomTemplate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        std::ptr::hash(self.0, state);
    }
}

impl PartialOrd for CustomTemplate {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for CustomTemplate {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let address = |of: &Self| std::ptr::from_ref(of.0).addr();
        self.interface().cmp(other.interface()).then(address(self).cmp(&address(other)))
    }
}

impl fmt::Debug for CustomTemplate {
    /// All of it: what differs in a type is another template.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.definition().fmt(f)
    }
}

fn short_name(interface: &str) -> &str {
    let name = interface.rsplit('/').next().unwrap_or(interface);
    name.split('@').next().unwrap_or(name)
}

/// A name of WIT or of configuration as fields have it here.
fn snake_case(name: &str) -> String {
    let mut snake = String::with_capacity(name.len());
    for c in name.chars() {
        match c {
            '-' => snake.push('_'),
            _ if c.is_ascii_uppercase() => {
                snake.push('_');
                snake.push(c.to_ascii_lowercase());
            }
            _ => snake.push(c),
        }
    }
    snake
}

#[cfg(test)]
mod tests;
