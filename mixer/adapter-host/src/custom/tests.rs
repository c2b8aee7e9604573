use super::field::FieldKind;
use super::*;

fn template() -> CustomTemplate {
    let field = |name: &str, kind, optional| CustomField { name: name.to_owned(), kind, optional };
    let definition = Definition {
        interface: "acme:test/limits@1.0.0".to_owned(),
        variety: Variety::Check,
        fields: vec![
            field("client.name", FieldKind::Text, false),
            field("max_age", FieldKind::Integer, true),
            field("tokens", FieldKind::Integer, false),
        ],
        input: Shape::EMPTY,
        outputs: Vec::new(),
        output: Shape::EMPTY,
    };
    CustomTemplate::intern(definition).unwrap()
}

fn mistakes(given: &[(&str, ValueType)]) -> Vec<String> {
    template().mistakes(given.iter().copied()).iter().map(ToString::to_string).collect()
}

#[test]
fn equal_definitions_are_one_template() {
    assert_eq!(template(), template());
    assert_eq!(template().short_name(), "limits");
}

#[test]
fn names_are_known_in_both_spellings() {
    for name in ["maxAge", "max_age", "client.name"] {
        assert!(template().field(name).is_some(), "{name}");
    }
    assert!(template().field("maxage").is_none());
}

#[test]
fn every_mistake_of_an_instance_is_told_once() {
    let good = [("client.name", ValueType::Uri), ("tokens", ValueType::Duration)];
    assert_eq!(mistakes(&good), [""; 0]);
    assert_eq!(
        mistakes(&[("client.nme", ValueType::String), ("tokens", ValueType::Double)]),
        [
            "field client.nme: is unknown to acme:test/limits@1.0.0, did you mean client.name?",
            "field tokens: is DOUBLE, expected INT64, TIMESTAMP or DURATION",
        ]
    );
    assert_eq!(
        mistakes(&[("client.name", ValueType::String)]),
        ["field tokens: is missing, acme:test/limits@1.0.0 needs it"]
    );
}
