use proptest::prelude::*;
use serde_json::{Value, json};

use super::tree::{MAX_DEPTH, MAX_NODES};
use super::{Document, Entry, Node, NodeValue, Scalar, documents};

fn one(text: &str) -> Document {
    let mut all = documents(text);
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0)
}

/// The tree with scalars as JSON sees them.
fn json_of(node: &Node) -> Value {
    match &node.value {
        NodeValue::Scalar(scalar) => scalar.to_json(),
        NodeValue::List(items) => items.iter().map(json_of).collect(),
        NodeValue::Map(entries) => {
            let field = |entry: &Entry| (entry.key.clone(), json_of(&entry.value));
            Value::Object(entries.iter().map(field).collect())
        }
    }
}

fn value(text: &str) -> Value {
    let document = one(text);
    assert_eq!(document.problems, [], "{text}");
    json_of(&document.root.unwrap())
}

fn mistakes(text: &str) -> Vec<(u32, String)> {
    documents(text).into_iter().flat_map(|document| document.problems).collect()
}

#[test]
fn documents_are_parted_by_markers_and_know_their_lines() {
    let text = "\u{feff}# remark\n\n--- # first\na: 1\n---\n\n# nothing\n---\nb: |\n  ---\n\n  x\n...\n---\r\nc:\r\n- 1\r\n- d: 2\r\n";
    let all = documents(text);
    let read: Vec<_> = all
        .iter()
        .map(|document| (document.line, json_of(document.root.as_ref().unwrap())))
        .collect();
    assert_eq!(
        read,
        [(4, json!({"a": 1})), (9, json!({"b": "---\n\nx\n"})), (15, json!({"c": [1, {"d": 2}]}))]
    );
    let NodeValue::Map(entries) = &all[2].root.as_ref().unwrap().value else { panic!() };
    let NodeValue::List(items) = &entries[0].value.value else { panic!() };
    assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [16, 17]);
}

#[test]
fn directives_belong_to_the_document_after_them() {
    assert_eq!(
        value("%YAML 1.1\n%TAG !! tag:yaml.org,2002:\n---\na: !!str 1\n"),
        json!({"a": "1"})
    );
}

#[test]
fn files_without_content_have_no_documents() {
    for text in
        ["", "\n\n", "# only\n# remarks\n", "---\n---\n...\n", "~", "---\nnull\n", "\u{feff}"]
    {
        assert!(documents(text).is_empty(), "{text:?}");
    }
}

#[test]
fn words_of_yaml_1_1_stay_text_as_keys_and_values() {
    assert_eq!(
        value("{y: n, on: off, yes: no, t: true, f: False}"),
        json!({"y": "n", "on": "off", "yes": "no", "t": true, "f": false})
    );
}

#[test]
fn numbers_are_read_where_all_readers_agree_on_them() {
    let text = "[1, -2, +3, 0, 1.5, -1e3, .5, 0x1F, 18446744073709551615, 1e400]";
    let expected = json!([1, -2, 3, 0, 1.5, -1000.0, 0.5, 31, u64::MAX, "1e400"]);
    assert_eq!(value(text), expected);
    assert_eq!(value("[1_000, -1_0.5, 0b101, 0xF_F]"), json!([1000, -10.5, 5, 255]));
    let text = "[010, 1_, _1, a_b, 1__0, '1_0', 0b12, '1', 0o7, 1.2.3, +, '', 0x, 1e, 12:30, .inf, 2001-01-01, 5s]";
    let expected = json!([
        "010",
        "1_",
        "_1",
        "a_b",
        "1__0",
        "1_0",
        "0b12",
        "1",
        "0o7",
        "1.2.3",
        "+",
        "",
        "0x",
        "1e",
        "12:30",
        ".inf",
        "2001-01-01",
        "5s"
    ]);
    assert_eq!(value(text), expected);
}

#[test]
fn a_number_with_a_leading_zero_is_doubtful_unless_quoted() {
    let doubtful =
        |text: &str, plain| Scalar { text: text.to_owned(), plain }.ambiguity().is_some();
    for text in ["010", "-010", "0o17", "00", "09", "0_1"] {
        assert!(doubtful(text, true), "{text}");
        assert!(!doubtful(text, false), "{text}");
    }
    for text in ["0", "10", "0.5", "0x10", "0b1", "12:30", "0a", "", "-", "0o", "0s", "05s"] {
        assert!(!doubtful(text, true), "{text}");
    }
}

#[test]
fn aliases_and_merge_keys_copy() {
    let text = "base: &b {x: 1, y: 2}\nother: &o {y: 5, z: 6}\none: *b\ntwo: {<<: *b, y: 3}\nthree: {<<: [*b, *o]}\n";
    let read = value(text);
    assert_eq!(read["one"], json!({"x": 1, "y": 2}));
    assert_eq!(read["two"], json!({"x": 1, "y": 3}));
    assert_eq!(read["three"], json!({"x": 1, "y": 2, "z": 6}));
    assert_eq!(mistakes("a: {<<: 1}"), [(1, "`<<` takes a map or a list of maps".to_owned())]);
}

#[test]
fn an_anchor_is_of_its_own_document() {
    let told = mistakes("a: &x 1\n---\nb: *x\n");
    assert!(told[0].1.contains("names no anchor of this document"), "{told:?}");
    assert_eq!(told[0].0, 3);
    let told = mistakes("a: &x [*x]\n");
    assert!(told[0].1.contains("not complete here"), "{told:?}");
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n".to_owned();
    for level in 1..10 {
        let last = format!("*a{}, ", level - 1).repeat(9);
        text.push_str(&format!("a{level}: &a{level} [{last}]\n"));
    }
    let told = mistakes(&text);
    assert!(told[0].1.contains("anchors and aliases copy too much"), "{told:?}");
    let long = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(100));
    let told = mistakes(&long);
    assert!(told[0].1.contains("anchors and aliases copy too much"), "{told:?}");
}

#[test]
fn depth_and_size_are_bounded() {
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    assert!(mistakes(&nested(MAX_DEPTH)).is_empty());
    assert!(mistakes(&nested(MAX_DEPTH + 1))[0].1.contains("nested deeper"));
    assert!(mistakes(&"[".repeat(100_000))[0].1.contains("recursion limit"));
    assert!(mistakes(&"- ".repeat(100_000))[0].1.contains("nested deeper"));
    assert!(mistakes(&"- x\n".repeat(MAX_NODES + 1))[0].1.contains("more than"));
    let aliased = format!("a: &a {}\nb: {}*a{}\n", nested(40), "[".repeat(40), "]".repeat(40));
    assert!(mistakes(&aliased)[0].1.contains("nested deeper"));
}

#[test]
fn a_key_that_is_there_twice_is_a_mistake_and_the_first_counts() {
    let document = one("a: 1\nb: 2\na: 3\n");
    assert_eq!(document.problems, [(3, "key `a` is here twice, first at line 1".to_owned())]);
    assert_eq!(json_of(&document.root.unwrap()), json!({"a": 1, "b": 2}));
}

#[test]
fn a_syntax_error_costs_its_document_and_no_other() {
    let text = "a: 1\n---\nb: [\n---\nc: 'open\n---\nd: 4\n";
    let all = documents(text);
    let whole: Vec<_> = all.iter().map(|document| document.whole).collect();
    assert_eq!(whole, [true, false, false, true]);
    let lines: Vec<_> = all.iter().flat_map(|document| &document.problems).map(|p| p.0).collect();
    assert_eq!(lines, [3, 5]);
}

#[test]
fn what_was_read_before_a_syntax_error_is_kept() {
    let document = one("kind: rule\nmetadata:\n  name: x\n  deep:\n  - 1\n  - }\n");
    assert!(!document.whole);
    let expected = json!({"kind": "rule", "metadata": {"name": "x", "deep": [1]}});
    assert_eq!(json_of(&document.root.unwrap()), expected);
}

/// Text made of what YAML reacts to.
fn yaml_like() -> impl Strategy<Value = String> {
    let parts = [
        "\n",
        "\n  ",
        "\n    ",
        "---\n",
        "\n---\n",
        "...\n",
        "- ",
        "? ",
        ": ",
        ":",
        ", ",
        "[",
        "]",
        "{",
        "}",
        "&a ",
        "*a",
        "!t ",
        "!!str ",
        "!<x> ",
        "%YAML 1.2\n",
        "%TAG ! x\n",
        "|\n ",
        ">-\n ",
        "'",
        "\"",
        "\\x4",
        "#",
        "\t",
        "\r",
        "\0",
        "\u{feff}",
        "\u{85}",
        "\u{2028}",
        "<<: ",
        "a",
        "name",
        "é",
        "~",
        "@",
        "`",
        "|2-\n",
    ];
    let part = proptest::sample::select(parts.to_vec());
    proptest::collection::vec(part, 0..60).prop_map(|parts| parts.concat())
}

fn reads_without_panic(text: &str) {
    let lines = text.lines().flat_map(|line| line.split('\r')).count().max(1) as u32;
    for document in documents(text) {
        assert!(document.line >= 1 && document.line <= lines, "{document:?}");
        for (line, message) in &document.problems {
            assert!(*line >= 1 && *line <= lines, "line {line} of {lines}: {message}");
        }
        assert!(document.whole || !document.problems.is_empty());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_yaml_like_text_is_read_or_refused(text in yaml_like()) {
        reads_without_panic(&text);
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        reads_without_panic(&text);
    }

    #[test]
    fn every_beginning_of_a_good_text_is_read_or_refused(cut in 0usize..400) {
        let text = "a: &x {b: 'c', d: \"e\\n\"}\n---\nf:\n- g: |\n    h\n- *x\n";
        if let Some(beginning) = text.get(..cut) {
            reads_without_panic(beginning);
        }
    }
}
