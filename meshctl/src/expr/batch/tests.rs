use std::io::BufReader;

use serde_json::{Value, json};

use super::{MAX_LINE, answer_all};

fn answers(input: &[u8]) -> Vec<Value> {
    let mut output = Vec::new();
    answer_all(&mut BufReader::new(input), &mut output).unwrap();
    let text = String::from_utf8(output).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn answer(question: &Value) -> Value {
    let mut all = answers(format!("{question}\n").as_bytes());
    assert_eq!(all.len(), 1);
    all.remove(0)
}

#[test]
fn a_value_comes_with_its_type_and_what_it_depends_on() {
    let question = json!({
        "expression": r#"a.b == "x" && (m.h["k"] | "d") == "d" && (c.d | 1) == 1 && m.h["l"] != "v""#,
        "lang": "CEXL",
        "types": {"a.b": "STRING", "m.h": "STRING_MAP", "c.d": "INT64"},
        "attributes": {
            "a.b": {"t": "STRING", "v": "x"},
            "m.h": {"t": "STRING_MAP", "v": {"l": "w"}},
        },
    });
    assert_eq!(
        answer(&question),
        json!({
            "type": "BOOL",
            "value": {"t": "BOOL", "v": true},
            "referenced": [
                {"name": "a.b", "condition": "EXACT"},
                {"name": "c.d", "condition": "ABSENCE"},
                {"name": "m.h", "key": "k", "condition": "ABSENCE"},
                {"name": "m.h", "key": "l", "condition": "EXACT"},
            ],
        })
    );
}

#[test]
fn faults_are_told_apart_by_when_they_show() {
    let types = json!({"a.b": "STRING"});
    assert_eq!(
        answer(&json!({"expression": "a.c", "types": types})),
        json!({"compile_error": "unknown attribute a.c (did you mean a.b?)"})
    );
    assert_eq!(
        answer(&json!({"expression": "a.b", "types": types})),
        json!({
            "type": "STRING",
            "eval_error": "lookup failed: 'a.b'",
            "referenced": [{"name": "a.b", "condition": "ABSENCE"}],
        })
    );
    assert_eq!(
        answer(&json!({"expression": "a.b", "lang": "CEL", "types": types})),
        json!({
            "type": "STRING",
            "value": {"t": "STRING", "v": ""},
            "referenced": [{"name": "a.b", "condition": "ABSENCE"}],
        })
    );
    assert_eq!(
        answer(&json!({"expression": "a.b | \"x\"", "lang": "COMPAT", "types": types}))["value"],
        json!({"t": "STRING", "v": "x"})
    );
}

#[test]
fn every_type_is_written_as_it_is_read() {
    for (t, v) in [
        ("STRING", json!("é\u{0}\"")),
        ("INT64", json!(i64::MIN)),
        ("INT64", json!(i64::MAX)),
        ("DOUBLE", json!(1.5)),
        ("DOUBLE", json!("NaN")),
        ("BOOL", json!(false)),
        ("TIMESTAMP", json!("2019-10-02T07:04:05.000000001Z")),
        ("DURATION", json!(i64::MIN)),
        ("DURATION", json!(i64::MAX)),
        ("IP_ADDRESS", json!("10.0.0.1")),
        ("IP_ADDRESS", json!("2001:db8::1")),
        ("EMAIL_ADDRESS", json!("a@b.io")),
        ("URI", json!("http://a/b")),
        ("DNS_NAME", json!("a.b")),
        ("STRING_MAP", json!({"a": "b", "": ""})),
    ] {
        for lang in ["CEXL", "CEL", "COMPAT"] {
            let question = json!({
                "expression": "a.b", "lang": lang, "types": {"a.b": t},
                "attributes": {"a.b": {"t": t, "v": v}},
            });
            let expected = json!({
                "type": t,
                "value": {"t": t, "v": v},
                "referenced": [{"name": "a.b", "condition": "EXACT"}],
            });
            assert_eq!(answer(&question), expected, "{lang}");
        }
    }
    let absent = json!({"expression": "a.b", "lang": "CEL", "types": {"a.b": "IP_ADDRESS"}});
    assert_eq!(answer(&absent)["value"], json!({"t": "IP_ADDRESS", "v": ""}));
}

#[test]
fn each_line_has_its_answer_even_when_it_is_no_question() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let nested =
        format!(r#"{{"expression":"1","attributes":{{"a":{{"t":"STRING","v":{deep}}}}}}}"#);
    let lines: Vec<(&[u8], &str)> = vec![
        (b"", "EOF"),
        (b"{", "EOF"),
        (b" [\"1\", null, {}, {}]", "this is a list"),
        (b"null", "invalid type: null"),
        (b"{}", "missing field `expression`"),
        (b"{\"expression\":1}", "invalid type: integer `1`"),
        (b"{\"expression\":\"\\ud800\"}", "hex escape"),
        (b"{\"expression\":\"\\udc00\\ud800 x\"}", "surrogate"),
        (b"\xff\xfe", "expected value"),
        (b"{\"expression\":\"\xff\"}", "invalid unicode"),
        (br#"{"expression":"1","lang":"cel"}"#, "there is no language cel"),
        (br#"{"expression":"1","types":{"a":"TEXT"}}"#, "attribute a: there is no type TEXT"),
        (br#"{"expression":"1","types":{"a":"BOOL","a":"BOOL"}}"#, "attribute a is there twice"),
        (br#"{"expression":"1","attributes":{"a":{"t":"BOOL","v":true},"a":{"t":"BOOL","v":true}}}"#, "attribute a is there twice"),
        (br#"{"expression":"1","expression":"2"}"#, "duplicate field"),
        (br#"{"expression":"1","attributes":{"a":{"t":"INT64","v":9223372036854775808}}}"#, "is no 64-bit integer"),
        (br#"{"expression":"1","attributes":{"a":{"t":"DOUBLE","v":1e999}}}"#, "number out of range"),
        (br#"{"expression":"1","attributes":{"a":{"t":"IP_ADDRESS","v":"1.2.3"}}}"#, "is no IP address"),
        (br#"{"expression":"1","attributes":{"a":"x"}}"#, "is no object"),
        (nested.as_bytes(), "recursion limit exceeded"),
    ];
    let mut input = Vec::new();
    for (line, _) in &lines {
        input.extend_from_slice(line);
        input.push(b'\n');
    }
    input.extend_from_slice(b"{\"expression\":\"1\"}");
    let answers = answers(&input);
    assert_eq!(answers.len(), lines.len() + 1);
    for ((line, expected), answer) in lines.iter().zip(&answers) {
        let cause = answer["input_error"].as_str().unwrap_or_default();
        assert!(cause.contains(expected), "{}: {answer}", String::from_utf8_lossy(line));
    }
    assert_eq!(answers[lines.len()]["value"], json!({"t": "INT64", "v": 1}));
}

#[test]
fn hostile_expressions_are_refused_by_their_size_and_depth() {
    for lang in ["CEXL", "CEL", "COMPAT"] {
        for expression in ["(".repeat(60_000), "!".repeat(60_000), "a.".repeat(30_000)] {
            let answer = answer(&json!({"expression": expression, "lang": lang}));
            assert!(answer["compile_error"].is_string(), "{answer}");
        }
        let answer = answer(&json!({"expression": "1".repeat(70_000), "lang": lang}));
        let cause = "expression of 70000 bytes is too long: 65536 at most";
        assert_eq!(answer, json!({"compile_error": cause}));
    }
}

#[test]
fn a_line_without_end_is_answered_and_passed_over() {
    let mut input = vec![b' '; MAX_LINE + 100_000];
    input.extend_from_slice(b"\n{\"expression\":\"1\"}\n");
    let answers = answers(&input);
    assert_eq!(answers[0], json!({"input_error": "the line is longer than 16777216 bytes"}));
    assert_eq!(answers[1]["type"], "INT64");
    assert_eq!(answers.len(), 2);
}
