use serde_json::Value;

/// The parameter at a path such as `collectors[0].url`. Each name of the path is snake_case; in the
/// parameters it may be written in lowerCamelCase as well, as protobuf's JSON does. `null` is as if it
/// were not there.
pub(crate) fn parameter<'p>(parameters: &'p Value, path: &str) -> Option<&'p Value> {
    let mut value = parameters;
    for step in path.split('.') {
        let (name, indices) = match step.split_once('[') {
            Some((name, indices)) => (name, indices.strip_suffix(']')?),
            None => (step, ""),
        };
        value = field(value, name)?;
        for index in indices.split("][").filter(|index| !index.is_empty()) {
            value = value.get(index.parse::<usize>().ok()?)?;
        }
    }
    Some(value).filter(|value| !value.is_null())
}

/// The parameter beside the one at `path`, or else the one of the handler as a whole.
pub(crate) fn beside<'p>(parameters: &'p Value, path: &str, name: &str) -> Option<&'p Value> {
    let sibling = path.rsplit_once('.').map(|(parent, _)| format!("{parent}.{name}"));
    sibling
        .and_then(|sibling| parameter(parameters, &sibling))
        .or_else(|| parameter(parameters, name))
}

fn field<'p>(value: &'p Value, snake: &str) -> Option<&'p Value> {
    let fields = value.as_object()?;
    fields.get(snake).or_else(|| fields.get(&lower_camel_case(snake)))
}

/// A parameter's name of snake_case, as protobuf's JSON writes it.
pub fn lower_camel_case(snake: &str) -> String {
    let mut camel = String::with_capacity(snake.len());
    let mut raise = false;
    for letter in snake.chars() {
        match letter {
            '_' => raise = true,
            _ if raise => {
                camel.extend(letter.to_uppercase());
                raise = false;
            }
            _ => camel.push(letter),
        }
    }
    camel
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_leads_through_objects_and_lists_in_both_spellings() {
        let parameters = json!({
            "address": "a:1",
            "collectors": [{ "url": "b" }, { "baseUrl": "c" }],
            "nested_list": [[1, 2], [3]],
            "nothing": null,
        });
        let at = |path| parameter(&parameters, path).cloned();
        assert_eq!(at("address"), Some(json!("a:1")));
        assert_eq!(at("collectors[0].url"), Some(json!("b")));
        assert_eq!(at("collectors[1].base_url"), Some(json!("c")));
        assert_eq!(at("nested_list[0][1]"), Some(json!(2)));
        for missing in [
            "",
            "url",
            "collectors[2].url",
            "collectors[x]",
            "collectors[0",
            "nothing",
            "address.x",
        ] {
            assert_eq!(at(missing), None, "{missing}");
        }
    }

    #[test]
    fn a_sibling_goes_before_the_parameter_of_the_whole() {
        let parameters = json!({ "caFile": "all", "a": { "url": "x", "ca_file": "own" }, "b": {} });
        let file = |path| beside(&parameters, path, "ca_file").and_then(Value::as_str);
        assert_eq!(file("a.url"), Some("own"));
        assert_eq!(file("b.url"), Some("all"));
        assert_eq!(file("url"), Some("all"));
    }
}
