//! A handler's parameters, held against the message that the adapter declares for them.

use adapter_host::ParameterProblem;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;

/// The message `params` in protobuf's encoding, read by the rules of protobuf's JSON.
///
/// # Errors
/// All fields that the message does not have, each with the name that may have been meant; else the first
/// value that does not suit its field.
pub(crate) fn encode(
    params: &MessageDescriptor,
    given: &Value,
) -> Result<Vec<u8>, Vec<ParameterProblem>> {
    let mut problems = Vec::new();
    find_unknown(params, given, "", &mut problems);
    if !problems.is_empty() {
        return Err(problems);
    }
    let mut track = serde_path_to_error::Track::new();
    let deserializer = serde_path_to_error::Deserializer::new(given, &mut track);
    match DynamicMessage::deserialize(params.clone(), deserializer) {
        Ok(message) => Ok(message.encode_to_vec()),
        Err(cause) => {
            let path = track.path().to_string();
            // The whole is called `.`.
            let field = if path == "." { String::new() } else { path };
            Err(vec![ParameterProblem { field, message: cause.to_string() }])
        }
    }
}

/// The recursion is bounded by the depth to which YAML is read.
fn find_unknown(
    message: &MessageDescriptor,
    given: &Value,
    path: &str,
    problems: &mut Vec<ParameterProblem>,
) {
    // Protobuf's own messages have forms of their own in JSON.
    if message.full_name().starts_with("google.protobuf.") {
        return;
    }
    let Value::Object(given) = given else { return };
    for (name, value) in given {
        let at = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let field =
            message.get_field_by_name(name).or_else(|| message.get_field_by_json_name(name));
        let Some(field) = field else {
            problems.push(ParameterProblem { message: unknown(message, name), field: at });
            continue;
        };
        let Kind::Message(inner) = field.kind() else { continue };
        if field.is_map() {
            if let (Value::Object(entries), Kind::Message(inner)) =
                (value, inner.map_entry_value_field().kind())
            {
                for (key, value) in entries {
                    find_unknown(&inner, value, &format!("{at}.{key}"), problems);
                }
            }
        } else if let Value::Array(items) = value {
            for (index, item) in items.iter().enumerate() {
                find_unknown(&inner, item, &format!("{at}[{index}]"), problems);
            }
        } else {
            find_unknown(&inner, value, &at, problems);
        }
    }
}

fn unknown(message: &MessageDescriptor, name: &str) -> String {
    let fields: Vec<FieldDescriptor> = message.fields().collect();
    let names: Vec<&str> = fields.iter().map(FieldDescriptor::name).collect();
    match mesh_config::nearest_name(name, names.iter().copied()) {
        Some(near) => format!("there is no such parameter, did you mean `{near}`?"),
        None if names.is_empty() => "there is no such parameter; there are none here".to_owned(),
        None => format!("there is no such parameter; here are {}", names.join(", ")),
    }
}
