use std::collections::BTreeMap;

use proptest::prelude::*;
use serde_json::json;

use super::{handler, one, parse, resource};
use crate::{Instance, Kind, Spec};

/// A YAML scalar in double quotes.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap()
}

fn label() -> impl Strategy<Value = String> {
    "[a-z0-9]([-a-z0-9]{0,20}[a-z0-9])?"
}

/// Expressions and header values are any text here.
fn text() -> impl Strategy<Value = String> {
    any::<String>().prop_filter("an expression", |text| !text.trim().is_empty())
}

proptest! {
    #[test]
    fn a_rule_is_read_as_it_was_written(
        name in label(),
        namespace in label(),
        condition in text(),
        actions in prop::collection::vec(
            (label(), prop::collection::btree_set(label(), 1..4)), 1..4),
        header_values in prop::collection::vec(text(), 1..4),
    ) {
        let mut yaml = format!(
            "apiVersion: config.istio.io/v1alpha2\nkind: rule\nmetadata:\n  name: {}\n  \
             namespace: {}\nspec:\n  match: {}\n  actions:\n",
            quoted(&name), quoted(&namespace), quoted(&condition),
        );
        for (handler, instances) in &actions {
            let instances: Vec<_> = instances.iter().map(|name| quoted(name)).collect();
            yaml += &format!("  - handler: {}\n    instances:\n", quoted(handler));
            for instance in instances {
                yaml += &format!("    - {instance}\n");
            }
        }
        let values: Vec<_> = header_values.iter().map(|value| quoted(value)).collect();
        yaml += &format!("  requestHeaderOperations: [{{name: a, values: [{}]}}]\n", values.join(", "));

        let read = one(&yaml);
        prop_assert_eq!(read.key.name.as_str(), &name);
        prop_assert_eq!(read.key.namespace.as_str(), &namespace);
        let Spec::Rule(rule) = read.spec else { panic!() };
        prop_assert_eq!(rule.match_expression.unwrap().value, condition);
        let read_actions: Vec<_> = rule.actions.into_iter().map(|action| {
            (action.handler.value, action.instances.into_iter().map(|text| text.value).collect())
        }).collect();
        prop_assert_eq!(read_actions, actions);
        let read_values = rule.request_header_operations[0].values.iter();
        prop_assert!(read_values.map(|text| &text.value).eq(&header_values));
    }

    #[test]
    fn dimensions_are_read_as_they_were_written(
        dimensions in prop::collection::btree_map(any::<String>(), text(), 0..6),
    ) {
        let mut yaml = resource("instance", "  compiledTemplate: metric\n  params:\n    dimensions:\n");
        for (name, expression) in &dimensions {
            // A quoted key of more than 1024 characters needs a `?` in YAML.
            yaml += &format!("      ? {}\n      : {}\n", quoted(name), quoted(expression));
        }
        let merge_key = dimensions.contains_key("<<");
        prop_assume!(!merge_key);
        let Spec::Instance(Instance { fields, .. }) = one(&yaml).spec else { panic!() };
        let written: BTreeMap<_, _> = dimensions
            .into_iter()
            .map(|(name, expression)| (format!("dimensions.{name}"), expression))
            .collect();
        let read = fields.into_iter().map(|(name, text)| (name, text.value));
        prop_assert_eq!(read.collect::<BTreeMap<_, _>>(), written);
    }

    #[test]
    fn parameters_are_read_as_the_json_that_was_written(
        texts in prop::collection::btree_map("[a-z]{1,8}", any::<String>(), 0..6),
        numbers in prop::collection::vec(any::<i64>(), 0..6),
        truth in any::<bool>(),
    ) {
        let params = json!({"texts": texts, "numbers": numbers, "nested": [{"truth": truth}, null]});
        let handler = handler(&format!("  compiledAdapter: stdio\n  params: {params}\n"));
        prop_assert_eq!(handler.params.value(), &params);
    }

    #[test]
    fn a_file_with_any_byte_changed_is_read_or_refused(at in 0usize..400, byte in 0u8..128) {
        let mut bytes = resource(
            "rule",
            "  match: a == \"b\"\n  actions: &x\n  - handler: h\n    instances: [i, 'j']\n",
        ).into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        let parsed = parse("test.yaml", &text);
        prop_assert!(
            parsed.resources.len() == 1 || !parsed.problems.is_empty(),
            "a resource is lost without a word: {}", text
        );
    }
}

/// What the fields of all kinds react to.
fn resource_like() -> impl Strategy<Value = String> {
    let parts = [
        "apiVersion: config.istio.io/v1alpha2\n",
        "kind: ",
        "handler\n",
        "instance\n",
        "rule\n",
        "QuotaSpec\n",
        "QuotaSpecBinding\n",
        "HTTPAPISpec\n",
        "adapter\n",
        "template\n",
        "kubernetes\n",
        "memquota\n",
        "metadata: {name: a, namespace: b}\n",
        "spec:\n",
        "  params:",
        "  compiledTemplate: authorization\n",
        "  compiledAdapter: redisquota\n",
        "  adapter: x\n",
        "  connection: ",
        "{address: a}\n",
        "{authentication: {tls: {oauth: ",
        "{clientId: 1}}}}\n",
        "  rules:",
        "\n  - match:",
        " [{clause: {a.b: ",
        "{exact: x}}}]\n",
        "    quotas: ",
        "[{quota: q, charge: 010}]\n",
        "  services: ",
        "[{name: s}]\n",
        "  attributeBindings: ",
        "{a.b: $out.c}\n",
        " {subject: ",
        "{user: a, properties: {b: c}}}\n",
        "  descriptor: CgA=\n",
        "  quotaSpecs: ",
        "[{name: q}]\n",
        "  attributes: {attributes: {a: ",
        "{int64Value: 1}}}\n",
        "  apiKeys: ",
        "  patterns: ",
        "---\n",
        "\n",
        " ",
        "- ",
        "[",
        "]",
        "{",
        "}",
        ": ",
        "~",
        "1",
        "''",
        "&a ",
        "*a",
        "<<: ",
        "!!str ",
        "\"",
        "é",
    ];
    let part = prop::sample::select(parts.to_vec());
    prop::collection::vec(part, 0..40).prop_map(|parts| parts.concat())
}

/// Every problem is at a line of the file.
fn is_read_or_refused(text: &str) -> Result<(), TestCaseError> {
    let lines = text.lines().flat_map(|line| line.split('\r')).count().max(1);
    let parsed = parse("test.yaml", text);
    for problem in &parsed.problems {
        let line = problem.origin.line as usize;
        prop_assert!(
            line <= lines && (line >= 1 || problem.message.contains("not listed")),
            "{problem}"
        );
        prop_assert!(problem.to_string().starts_with("test.yaml"), "{problem}");
    }
    for read in &parsed.resources {
        let line = read.origin.line as usize;
        prop_assert!(line >= 1 && line <= lines);
    }
    prop_assert!(parsed.complete || !parsed.problems.is_empty());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn anything_like_a_resource_is_read_or_refused_with_its_place(text in resource_like()) {
        is_read_or_refused(&text)?;
    }

    #[test]
    fn a_resource_with_any_spec_is_read_or_refused_with_its_place(
        kind in prop::sample::select(Kind::all().map(Kind::name).collect::<Vec<_>>()),
        spec in resource_like(),
    ) {
        is_read_or_refused(&resource(kind, &spec))?;
    }

    #[test]
    fn any_text_is_read_or_refused_with_its_place(text in any::<String>()) {
        is_read_or_refused(&text)?;
    }
}
