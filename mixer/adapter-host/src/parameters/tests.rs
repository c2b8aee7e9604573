use serde_json::json;

use super::*;

fn schema(schema: &Value) -> ParameterSchema {
    ParameterSchema::parse(&schema.to_string()).unwrap().unwrap()
}

/// As the SDK makes it of an adapter's types.
fn prometheus() -> ParameterSchema {
    schema(&json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["owner"],
        "properties": {
            "owner": { "type": "string" },
            "metrics": { "type": "array", "items": { "$ref": "#/$defs/Metric" } },
            "buckets": { "anyOf": [{ "$ref": "#/$defs/Buckets" }, { "type": "null" }] },
            "table": { "type": "object", "additionalProperties": { "type": "string" } },
        },
        "$defs": {
            "Metric": {
                "type": "object",
                "additionalProperties": false,
                "properties": {
                    "kind": { "type": "string", "enum": ["UNSPECIFIED", "GAUGE", "COUNTER"] },
                    "label_names": { "type": "array", "items": { "type": "string" } },
                    "share": { "type": "number", "minimum": 0, "maximum": 1 },
                },
            },
            "Buckets": {
                "type": "object",
                "additionalProperties": false,
                "properties": { "num_finite_buckets": {
                    "type": "integer", "format": "uint32", "minimum": 0,
                } },
            },
        },
    }))
}

fn problems(schema: &ParameterSchema, given: &Value) -> Vec<String> {
    schema.check(given).unwrap_err().iter().map(ToString::to_string).collect()
}

#[test]
fn every_spelling_that_protobuf_takes_becomes_the_schemas_own() {
    let given = json!({
        "owner": "a",
        "metrics": [{ "kind": 2, "labelNames": ["x"], "share": "0.5" }, { "kind": "GAUGE" }],
        "buckets": { "numFiniteBuckets": "7" },
        "table": { "someKey": "v", "other_key": "w" },
    });
    let canonical = json!({
        "owner": "a",
        "metrics": [
            { "kind": "COUNTER", "label_names": ["x"], "share": 0.5 },
            { "kind": "GAUGE" },
        ],
        "buckets": { "num_finite_buckets": 7 },
        "table": { "someKey": "v", "other_key": "w" },
    });
    assert_eq!(prometheus().check(&given).unwrap(), canonical);
    assert_eq!(prometheus().check(&canonical).unwrap(), canonical);
}

#[test]
fn null_is_what_is_not_set() {
    let given = json!({ "owner": "a", "metrics": null, "buckets": null, "table": null });
    assert_eq!(prometheus().check(&given).unwrap(), json!({ "owner": "a" }));
    assert_eq!(problems(&prometheus(), &json!({ "owner": null })), ["owner is missing"]);
    assert_eq!(problems(&prometheus(), &Value::Null), ["owner is missing"]);
}

#[test]
fn each_mistake_is_told_once_with_its_place_and_the_name_that_was_meant() {
    let given = json!({
        "ownr": "a",
        "metrics": [
            { "kind": "counter" },
            { "lable_names": [], "label_names": [1] },
            { "share": 2 },
            7,
        ],
        "buckets": { "num_finite_buckets": -1 },
        "table": { "k": 5 },
        "completely_different": 1,
    });
    let mut expected = [
        "ownr: is unknown, did you mean owner?",
        "metrics[0].kind: counter is none of UNSPECIFIED, GAUGE, COUNTER, did you mean COUNTER?",
        "metrics[1].lable_names: is unknown, did you mean label_names?",
        "metrics[1].label_names[0]: text is needed, not 1",
        "metrics[2].share: must be at most 1",
        "metrics[3]: an object is needed, not 7",
        "buckets.num_finite_buckets: must be from 0 to 4294967295",
        "table.k: text is needed, not 5",
        "completely_different: is unknown",
    ];
    let mut found = problems(&prometheus(), &given);
    found.sort_unstable();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn a_name_in_two_spellings_is_refused() {
    let given = json!({ "owner": "a", "metrics": [{ "label_names": [], "labelNames": [] }] });
    let found = problems(&prometheus(), &given);
    assert_eq!(
        found,
        ["metrics[0].label_names: is given twice, as label_names and in another spelling"]
    );
}

#[test]
fn a_schema_in_camel_case_takes_both_spellings_too() {
    let schema = schema(&json!({
        "type": "object",
        "properties": { "maxItems": { "type": "integer" } },
        "additionalProperties": false,
    }));
    assert_eq!(schema.check(&json!({ "max_items": 1 })).unwrap(), json!({ "maxItems": 1 }));
    assert_eq!(schema.check(&json!({ "maxItems": 2.0 })).unwrap(), json!({ "maxItems": 2 }));
}

#[test]
fn names_that_an_open_schema_does_not_list_pass_as_they_are() {
    let schema = schema(&json!({ "type": "object", "properties": { "a": {} } }));
    let given = json!({ "a": [1], "bC": null, "d_e": { "f": 1 } });
    assert_eq!(schema.check(&given).unwrap(), given);
}

#[test]
fn described_names_are_choices_and_numbers_stand_for_them_where_their_order_is_known() {
    let of = |options: Value| schema(&json!({ "properties": { "k": { "oneOf": options } } }));
    let ordered = of(json!([{ "const": "A", "description": "" }, { "const": "B" }]));
    assert_eq!(ordered.check(&json!({ "k": 1 })).unwrap(), json!({ "k": "B" }));
    assert_eq!(problems(&ordered, &json!({ "k": "C" })), ["k: C is none of A, B"]);
    assert_eq!(problems(&ordered, &json!({ "k": 2 })), ["k: 2 is none of A, B"]);
    let mixed = of(json!([{ "type": "string", "enum": ["B"] }, { "const": "A" }]));
    assert_eq!(mixed.check(&json!({ "k": 1 })).unwrap(), json!({ "k": 1 }));
    assert_eq!(mixed.check(&json!({ "k": "A" })).unwrap(), json!({ "k": "A" }));
}

#[test]
fn of_alternatives_the_one_of_the_values_type_says_what_is_wrong() {
    let schema = schema(&json!({ "properties": { "a": { "anyOf": [
        { "type": "string", "maxLength": 2 },
        { "type": "object", "required": ["x"] },
        { "type": "null" },
    ] } } }));
    assert_eq!(problems(&schema, &json!({ "a": "long" })), ["a: takes at most 2 characters"]);
    assert_eq!(problems(&schema, &json!({ "a": {} })), ["a: x is missing"]);
    assert_eq!(schema.check(&json!({ "a": "ok" })).unwrap(), json!({ "a": "ok" }));
}

#[test]
fn exactly_one_form_is_needed_where_the_schema_says_so() {
    let schema = schema(&json!({ "properties": { "a": { "oneOf": [
        { "type": "string" },
        { "type": "integer" },
        { "type": "number" },
    ] } } }));
    assert_eq!(schema.check(&json!({ "a": "5" })).unwrap(), json!({ "a": "5" }));
    assert_eq!(schema.check(&json!({ "a": 0.5 })).unwrap(), json!({ "a": 0.5 }));
    assert_eq!(problems(&schema, &json!({ "a": 5 })).len(), 1);
}

#[test]
fn a_schema_that_goes_round_or_explodes_ends() {
    let round = schema(&json!({ "$ref": "#" }));
    assert_eq!(problems(&round, &json!({})).len(), 1);
    let mut branching = json!({ "type": "integer" });
    for level in 0..40 {
        branching = json!({ "anyOf": [
            { "properties": { format!("p{level}"): { "const": 1 } }, "anyOf": [branching.clone()] },
            branching,
        ] });
        if branching.to_string().len() > MAX_SCHEMA {
            break;
        }
    }
    schema(&branching).check(&json!({ "p0": 2 })).unwrap_err();
    let doubling = json!({
        "$ref": "#/$defs/l0",
        "$defs": (0..60).map(|n| {
            let next = json!({ "$ref": format!("#/$defs/l{}", n + 1) });
            (format!("l{n}"), json!({ "anyOf": [next, next] }))
        }).collect::<Map<_, _>>(),
    });
    schema(&doubling).check(&json!({})).unwrap_err();
    assert!(problems(&schema(&json!({ "$ref": "#/$defs/no" })), &json!({}))[0].contains("no"));
}

#[test]
fn what_is_no_schema_is_told() {
    assert!(ParameterSchema::parse("").unwrap().is_none());
    for text in ["{", "[]", &format!("{{}}{}", " ".repeat(300_000))] {
        assert!(ParameterSchema::parse(text).is_err());
    }
}
