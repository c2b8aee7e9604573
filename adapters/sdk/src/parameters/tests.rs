use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use serde_json::json;

use super::*;

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct Parameters {
    valid_duration: Interval,
    use_count: u32,
    ratio: f64,
    kind: Kind,
    levels: BTreeMap<String, Kind>,
    metrics: Vec<Metric>,
    url: Option<String>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Kind {
    #[default]
    Gauge,
    Counter,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Metric {
    name: String,
    #[serde(default)]
    label_names: Vec<String>,
}

fn read(json: &Value) -> Result<Parameters, Vec<String>> {
    parse(&json.to_string()).map_err(|problems| problems.iter().map(ToString::to_string).collect())
}

fn problems(json: &Value) -> Vec<String> {
    read(json).unwrap_err()
}

#[test]
fn both_spellings_texts_for_numbers_and_null_for_unset_are_taken() {
    let parameters = read(&json!({
        "validDuration": "1m30s",
        "use_count": "12",
        "ratio": 1,
        "kind": "COUNTER",
        "levels": { "someName": 1, "other": "GAUGE" },
        "metrics": [{ "name": "a", "labelNames": ["x"] }],
        "url": null,
    }))
    .unwrap();
    assert_eq!(
        parameters,
        Parameters {
            valid_duration: Interval(Duration::from_secs(90)),
            use_count: 12,
            ratio: 1.0,
            kind: Kind::Counter,
            levels: [("someName".to_owned(), Kind::Counter), ("other".to_owned(), Kind::Gauge)]
                .into(),
            metrics: vec![Metric { name: "a".to_owned(), label_names: vec!["x".to_owned()] }],
            url: None,
        }
    );
    assert_eq!(read(&json!(null)).unwrap(), Parameters::default());
}

#[test]
fn all_unknown_fields_are_named_with_the_nearest_known_one() {
    assert_eq!(
        problems(&json!({
            "metrics": [{ "name": "a", "lable_names": [] }],
            "validDuratoin": "5s",
            "zebra": 1,
        })),
        [
            "validDuratoin: is unknown, did you mean valid_duration?",
            "zebra: is unknown",
            "metrics[0].lable_names: is unknown, did you mean label_names?",
        ]
    );
}

#[test]
fn a_value_that_does_not_fit_says_where_it_is() {
    for (parameters, expected) in [
        (json!({ "use_count": -1 }), "use_count: invalid value: integer `-1`, expected u32"),
        (json!({ "useCount": "x" }), "useCount: \"x\" is no whole number from 0"),
        (json!({ "metrics": [{ "name": "a" }, {}] }), "metrics[1]: name is missing"),
        (json!({ "metrics": {} }), "metrics: a list is needed, not an object"),
        (
            json!({ "metrics": [{ "name": 5 }] }),
            "metrics[0].name: invalid type: integer `5`, expected a string",
        ),
        (
            json!({ "kind": "COUNTRE" }),
            "kind: COUNTRE is none of GAUGE, COUNTER, did you mean COUNTER?",
        ),
        (json!({ "kind": 2 }), "kind: 2 is none of GAUGE, COUNTER"),
        (json!({ "levels": { "x": "y" } }), "levels.x: y is none of GAUGE, COUNTER"),
        (
            json!({ "valid_duration": "5 s" }),
            "valid_duration: \"5 s\" is no duration such as 5s, 1m30s or 250ms",
        ),
        (
            json!({ "valid_duration": 5 }),
            "valid_duration: invalid type: integer `5`, expected a string",
        ),
        (json!([]), "an object is needed, not a list"),
    ] {
        assert_eq!(problems(&parameters), [expected]);
    }
}

#[test]
fn a_field_in_both_spellings_is_refused() {
    assert_eq!(
        problems(&json!({ "use_count": 1, "useCount": 2 })),
        ["use_count: is given twice, as use_count and in another spelling"]
    );
}

#[test]
fn durations_are_those_of_protobuf_and_go() {
    for (text, nanos) in [
        ("0", 0),
        ("0s", 0),
        ("5s", 5_000_000_000),
        ("1.5s", 1_500_000_000),
        (".5s", 500_000_000),
        ("3.000000001s", 3_000_000_001),
        ("1h2m3s4ms5us6ns", 3_723_004_005_006),
        ("1.5h", 5_400_000_000_000),
    ] {
        assert_eq!(parse_duration(text), Ok(Duration::from_nanos(nanos)), "{text}");
    }
    for text in
        ["", "5", "s", ".s", "1..2s", "-5s", "5x", "1s ", "999999999h", "99999999999999999999s"]
    {
        assert!(parse_duration(text).is_err(), "{text}");
    }
}
