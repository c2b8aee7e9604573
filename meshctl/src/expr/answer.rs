use mesh_attributes::{AttributeBag, AttributeName, Condition, References, StringMap, Tracked};
use mixer_expr::{AttributeTypes, Evaluated, Language, compile_in};
use serde::Serialize;
use serde_json::{Map, Value as Json};

/// What became of an expression. Fields that do not apply are left out.
#[derive(Debug, Default, Serialize)]
pub(super) struct Answer {
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    value_type: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<Typed>,
    #[serde(skip_serializing_if = "Option::is_none")]
    eval_error: Option<String>,
    /// What the value, or that there is none, depends on: as a Check answer lists it.
    #[serde(skip_serializing_if = "Option::is_none")]
    referenced: Option<Vec<Reference>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    compile_error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    input_error: Option<String>,
}

/// A value in the form that attributes have in JSON.
#[derive(Debug, Serialize)]
struct Typed {
    t: &'static str,
    v: Json,
}

#[derive(Debug, Serialize)]
struct Reference {
    name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<String>,
    condition: &'static str,
}

impl Answer {
    /// Compiles `expression` and evaluates it on `bag`.
    pub(super) fn to(
        expression: &str,
        language: Language,
        types: &dyn AttributeTypes,
        bag: &AttributeBag,
    ) -> Self {
        let expression = match compile_in(expression, language, types) {
            Ok(expression) => expression,
            Err(cause) => {
                return Self { compile_error: Some(cause.to_string()), ..Self::default() };
            }
        };
        let tracked = Tracked::new(bag);
        let t = expression.value_type().name();
        let (value, eval_error) = match expression.eval(&tracked) {
            Ok(value) => match json(value) {
                Some(v) => (Some(Typed { t, v }), None),
                None => (None, Some(format!("the {t} is outside of what JSON can say"))),
            },
            Err(cause) => (None, Some(cause.to_string())),
        };
        let referenced = Some(listed(&tracked.references()));
        Self { value_type: Some(t), value, eval_error, referenced, ..Self::default() }
    }

    /// The answer to what is no question.
    pub(super) fn input_error(cause: String) -> Self {
        Self { input_error: Some(cause), ..Self::default() }
    }

    /// Whether there is a value.
    pub(super) fn is_value(&self) -> bool {
        self.value.is_some()
    }
}

/// In the encoding of `mesh_attributes::bag_to_json`; an address that is none is the empty text.
fn json(value: Evaluated<'_>) -> Option<Json> {
    Some(match value {
        Evaluated::String(text) => text.into_owned().into(),
        Evaluated::Int64(number) => number.into(),
        Evaluated::Double(number) if number.is_finite() => number.into(),
        Evaluated::Double(number) => number.to_string().into(),
        Evaluated::Bool(truth) => truth.into(),
        Evaluated::Timestamp(at) => at.to_rfc3339()?.into(),
        Evaluated::Duration(span) => span.as_nanos().into(),
        Evaluated::IpAddress(address) if address.is_empty() => "".into(),
        Evaluated::IpAddress(address) => address.to_string().into(),
        Evaluated::StringMap(map) => {
            let mut entries = Map::new();
            map.each(&mut |key, value| {
                entries.insert(key.to_owned(), value.into());
            });
            entries.into()
        }
    })
}

fn listed(references: &References) -> Vec<Reference> {
    let reference = |(name, key, condition): (&AttributeName, Option<&str>, _)| {
        let condition = match condition {
            Condition::Absence => "ABSENCE",
            Condition::Exact => "EXACT",
            Condition::Regex => "REGEX",
        };
        Reference { name: name.to_string(), key: key.map(str::to_owned), condition }
    };
    references.iter().map(reference).collect()
}
