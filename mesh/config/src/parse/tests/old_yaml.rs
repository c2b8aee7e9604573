//! What YAML 1.1, which Istio reads, sees otherwise than YAML 1.2.

use serde_json::json;

use super::{fields, handler, instance, mistakes, one, resource};
use crate::Spec;

fn params(adapter: &str, text: &str) -> serde_json::Value {
    handler(&format!("  compiledAdapter: {adapter}\n  params: {text}")).params.value().clone()
}

fn charge(text: &str) -> u32 {
    let spec = format!("  rules: [{{quotas: [{{quota: q, charge: {text}}}]}}]");
    match one(&resource("QuotaSpec", &spec)).spec {
        Spec::QuotaSpec(read) => read.rules[0].quotas[0].charge,
        other => panic!("{other:?}"),
    }
}

#[test]
fn words_that_are_truth_values_stay_names_in_maps() {
    let read = instance(
        "instance",
        "  compiledTemplate: metric\n  params:\n    value: source.port\n    dimensions: {n: a, y: b, on: \
         c, off: d, yes: e, no: f, true: g, 1: h}",
    );
    let names: Vec<_> = fields(&read).into_iter().map(|(name, ..)| name).collect();
    assert_eq!(
        names.join(" "),
        "dimensions.1 dimensions.n dimensions.no dimensions.off dimensions.on dimensions.true \
         dimensions.y dimensions.yes value"
    );
    assert_eq!(
        params("keyval", "{table: {n: yes, on: 010, 1_000: true, maxAmount: 0x10}}"),
        json!({"table": {"n": "yes", "on": "010", "1_000": "true", "maxAmount": "0x10"}})
    );
    assert_eq!(
        params("memquota", "{quotas: [{overrides: [{dimensions: {validDuration: y}}]}]}"),
        json!({"quotas": [{"overrides": [{"dimensions": {"validDuration": "y"}}]}]})
    );
}

#[test]
fn numbers_of_yaml_1_1_are_numbers_where_numbers_are_wanted() {
    assert_eq!(["1_000", "0x10", "0b11", "\"7\"", "0"].map(charge), [1000, 16, 3, 7, 0]);
    assert_eq!(
        params("memquota", "{quotas: [{maxAmount: 1_000, validDuration: 1s}]}"),
        json!({"quotas": [{"max_amount": 1000, "valid_duration": "1s"}]})
    );
}

#[test]
fn a_leading_zero_is_refused_where_it_changes_the_number() {
    let told = mistakes(&resource("QuotaSpec", "  rules: [{quotas: [{quota: q, charge: 010}]}]"));
    assert_eq!(
        told,
        ["test.yaml:5: QuotaSpec x.istio-system: `spec.rules[0].quotas[0].charge`: the number \
             `010` is octal for some readers of YAML and not for others: write it without the leading \
             `0`, or quote it if text is meant"]
    );
    let spec = "  compiledAdapter: memquota\n  params:\n    quotas:\n    - maxAmount: 010";
    let told = mistakes(&resource("handler", spec));
    assert!(
        told[0].starts_with("test.yaml:8: handler x.istio-system: the number `010`"),
        "{told:?}"
    );
    let told = mistakes(&resource("listentry", "  value: 010"));
    assert!(told[0].contains("quote it, `\"010\"`"), "{told:?}");
}

#[test]
fn a_time_of_day_is_text_as_for_istio_and_no_number() {
    assert_eq!(params("noop", "{a: 12:30:45}"), json!({"a": "12:30:45"}));
    let told = mistakes(&resource("QuotaSpec", "  rules: [{quotas: [{quota: q, charge: 1:30}]}]"));
    assert!(told[0].contains("must be a whole number of 0 to 2147483647, not `1:30`"), "{told:?}");
}

#[test]
fn texts_are_what_is_written() {
    assert_eq!(
        params("listchecker", "{overrides: [1.0, true, 010, no, ~, 'x'], blacklist: no}"),
        json!({"overrides": ["1.0", "true", "010", "no", null, "x"], "blacklist": false})
    );
    assert_eq!(
        params("prometheus", "{metrics: [{name: on, labelNames: [y, 007], kind: COUNTER}]}"),
        json!({"metrics": [{"name": "on", "label_names": ["y", "007"], "kind": "COUNTER"}]})
    );
}

#[test]
fn parameters_may_come_by_anchors_and_merge_keys() {
    assert_eq!(
        params(
            "memquota",
            "\n    quotas:\n    - &q {name: a, maxAmount: 5, validDuration: 1s}\n    - {<<: *q, name: \
             b}"
        ),
        json!({"quotas": [
            {"name": "a", "max_amount": 5, "valid_duration": "1s"},
            {"name": "b", "max_amount": 5, "valid_duration": "1s"},
        ]})
    );
}
