//! Single values: their types, their tolerances, their ranges.

use serde_json::{Map, Number, Value};

/// Whether `value` has this type of JSON Schema.
pub(super) fn is(value: &Value, name: &str) -> bool {
    match value {
        Value::Null => name == "null",
        Value::Bool(_) => name == "boolean",
        Value::Number(number) => name == "number" || (name == "integer" && is_whole(number)),
        Value::String(_) => name == "string",
        Value::Array(_) => name == "array",
        Value::Object(_) => name == "object",
    }
}

/// `value` as one of the types, if it is one or another form of one.
pub(super) fn adapt(value: Value, types: &[&str]) -> Result<Value, Value> {
    let wants = |name| types.contains(&name);
    if types.iter().any(|name| is(&value, name)) {
        return Ok(match &value {
            Value::Number(number) if wants("integer") && !wants("number") => whole(number),
            _ => value,
        });
    }
    let other_form = match &value {
        Value::Null if wants("object") => Some(Value::Object(Map::new())),
        Value::Null if wants("array") => Some(Value::Array(Vec::new())),
        Value::String(text) if wants("integer") => integer(text),
        Value::String(text) if wants("number") => {
            text.parse().ok().and_then(Number::from_f64).map(Value::Number)
        }
        _ => None,
    };
    other_form.ok_or(value)
}

/// What a number, text or list breaks of the schema's bounds.
pub(super) fn out_of_bounds(value: &Value, schema: &Map<String, Value>) -> Option<String> {
    let bound = |keyword: &str| schema.get(keyword).and_then(Value::as_f64);
    let count = |keyword: &str| schema.get(keyword).and_then(Value::as_u64);
    let outside = |size: usize, least: &str, most: &str, what: &str| {
        let size = size as u64;
        match (count(least), count(most)) {
            (Some(least), _) if size < least => Some(format!("needs at least {least} {what}")),
            (_, Some(most)) if size > most => Some(format!("takes at most {most} {what}")),
            _ => None,
        }
    };
    match value {
        Value::Number(number) => {
            if let Some((least, most)) = integer_range(schema)
                && !in_range(number, least, most)
            {
                return Some(format!("must be from {least} to {most}"));
            }
            let number = number.as_f64()?;
            let broken = |keyword, breaks: fn(&f64, &f64) -> bool, words: &str| {
                let limit = bound(keyword)?;
                breaks(&number, &limit).then(|| format!("must be {words} {limit}"))
            };
            broken("minimum", f64::lt, "at least")
                .or_else(|| broken("maximum", f64::gt, "at most"))
                .or_else(|| broken("exclusiveMinimum", f64::le, "more than"))
                .or_else(|| broken("exclusiveMaximum", f64::ge, "less than"))
        }
        Value::String(text) => {
            outside(text.chars().count(), "minLength", "maxLength", "characters")
        }
        Value::Array(elements) => outside(elements.len(), "minItems", "maxItems", "elements"),
        _ => None,
    }
}

/// What `names` want, in words.
pub(super) fn wanted(types: &[&str]) -> String {
    let words: Vec<_> = types
        .iter()
        .filter(|name| **name != "null")
        .map(|name| match *name {
            "boolean" => "true or false",
            "integer" => "a whole number",
            "number" => "a number",
            "string" => "text",
            "array" => "a list",
            "object" => "an object",
            other => other,
        })
        .collect();
    if words.is_empty() { "nothing".to_owned() } else { words.join(" or ") }
}

/// What `value` is, in words.
pub(super) fn describe(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => {
            // Enough to find it.
            let shown = &text[..text.floor_char_boundary(40)];
            format!("the text {shown:?}")
        }
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// The range that an integer format stands for.
fn integer_range(schema: &Map<String, Value>) -> Option<(i128, i128)> {
    let format = schema.get("format")?.as_str()?;
    let (signed, bits) = match format.strip_prefix("uint") {
        Some(bits) => (false, bits),
        None => (true, format.strip_prefix("int")?),
    };
    let bits: u32 = bits.parse().ok().filter(|bits| [8, 16, 32, 64].contains(bits))?;
    Some(if signed { (-(1 << (bits - 1)), (1 << (bits - 1)) - 1) } else { (0, (1 << bits) - 1) })
}

fn in_range(number: &Number, least: i128, most: i128) -> bool {
    let whole = number.as_i64().map(i128::from).or_else(|| number.as_u64().map(i128::from));
    whole.is_some_and(|whole| (least..=most).contains(&whole))
}

fn integer(text: &str) -> Option<Value> {
    let signed = text.parse::<i64>().ok().map(Value::from);
    signed.or_else(|| text.parse::<u64>().ok().map(Value::from))
}

fn is_whole(number: &Number) -> bool {
    number.is_i64() || number.is_u64() || number.as_f64().is_some_and(|float| float.fract() == 0.0)
}

/// `2.0` is an integer to JSON Schema, but not to all who read it.
fn whole(number: &Number) -> Value {
    /// Floats beyond are not exact.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match number.as_f64() {
        Some(float) if number.is_f64() && float.abs() <= EXACT =>
        {
            #[expect(clippy::cast_possible_truncation, reason = "it is whole and within 2^53")]
            Value::from(float as i64)
        }
        _ => Value::Number(number.clone()),
    }
}
