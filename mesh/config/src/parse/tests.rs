use std::collections::BTreeMap;

use mesh_attributes::ValueType;
use serde_json::json;

use super::duration::parse_duration;
use super::parse;
use crate::{
    Action, AdapterRef, CompiledAdapter, CompiledTemplate, FailPolicy, Handler,
    HeaderOperationKind, Instance, Kind, Resource, Rule, Sampling, Spec, TemplateRef,
};

mod kinds;
mod old_yaml;
mod written;

/// The only resource of `text`, which has no mistakes.
fn one(text: &str) -> Resource {
    let parsed = parse("test.yaml", text);
    assert_eq!(parsed.problems, [], "{text}");
    assert!(parsed.complete && parsed.refused.is_empty());
    assert_eq!(parsed.resources.len(), 1);
    Resource::clone(&parsed.resources[0])
}

/// A resource of `kind` named `x` in `istio-system`, with `spec` at line 5.
fn resource(kind: &str, spec: &str) -> String {
    format!(
        "apiVersion: config.istio.io/v1alpha2\nkind: {kind}\n\
         metadata: {{name: x, namespace: istio-system}}\nspec:\n{spec}"
    )
}

fn handler(spec: &str) -> Handler {
    match one(&resource("handler", spec)).spec {
        Spec::Handler(handler) => handler,
        other => panic!("{other:?}"),
    }
}

fn instance(kind: &str, spec: &str) -> Instance {
    match one(&resource(kind, spec)).spec {
        Spec::Instance(instance) => instance,
        other => panic!("{other:?}"),
    }
}

fn rule(spec: &str) -> Rule {
    match one(&resource("rule", spec)).spec {
        Spec::Rule(rule) => rule,
        other => panic!("{other:?}"),
    }
}

fn mistakes(text: &str) -> Vec<String> {
    parse("test.yaml", text).problems.iter().map(ToString::to_string).collect()
}

#[test]
fn a_resource_is_known_by_kind_name_and_namespace() {
    let read = one("# remark\n\n---\napiVersion: config.istio.io/v1alpha2\nkind: checknothing\n\
                    metadata:\n  name: n-1\n  namespace: ns\n  labels: {a: b}\n  annotations:\n    \
                    policy.istio.io/lang: CEL\nstatus: {}\n");
    assert_eq!(read.key.to_string(), "n-1.checknothing.ns");
    assert_eq!(read.key.kind, Kind::TypedInstance(CompiledTemplate::CheckNothing));
    assert_eq!(read.origin.to_string(), "test.yaml:4");
    assert_eq!(read.annotations["policy.istio.io/lang"], "CEL");
}

#[test]
fn a_handler_speaks_under_its_short_name_unless_its_kind_is_the_adapter() {
    let label = |kind| one(&resource(kind, "  {}")).key.handler_label();
    assert_eq!(label("denier"), "x.denier.istio-system");
    let read = one(&resource("handler", "  compiledAdapter: denier"));
    assert_eq!(read.key.handler_label(), "x.istio-system");
}

#[test]
fn a_handler_has_its_parameters_as_json_with_their_lines() {
    let text = "  name: ignored\n  compiledAdapter: prometheus\n  params:\n    metrics:\n    - \
                name: a\n      instanceName: a.instance.ns\n      kind: COUNTER\n    - \
                name: \"b\"\n      label_names: [y, \"n\"]\n";
    let handler = handler(text);
    assert_eq!(handler.adapter, AdapterRef::Compiled(CompiledAdapter::Prometheus));
    assert_eq!(
        handler.params.value(),
        &json!({"metrics": [
            {"name": "a", "instance_name": "a.instance.ns", "kind": "COUNTER"},
            {"name": "b", "label_names": ["y", "n"]},
        ]})
    );
    for (path, line) in [
        ("", 7),
        ("metrics", 8),
        ("metrics[0]", 9),
        ("metrics[0].kind", 11),
        ("metrics[0].instance_name", 10),
        ("metrics[0].instanceName", 10),
        ("metrics[0].buckets.bounds", 9),
        ("metrics[1].label_names[1]", 13),
        ("metrics[7]", 8),
        ("metrics[", 8),
        ("other", 7),
        ("é[0]", 7),
    ] {
        assert_eq!(handler.params.line_of(path), line, "{path}");
    }
}

#[test]
fn keys_with_dots_are_found_by_path() {
    let handler = handler(
        "  compiledAdapter: stdio\n  params:\n    severity_levels:\n      a.b: INFO\n      a: {c: \
         1}\n",
    );
    assert_eq!(handler.params.line_of("severity_levels.a.b"), 8);
    assert_eq!(handler.params.line_of("severity_levels.a.c"), 9);
}

#[test]
fn booleans_of_yaml_1_1_are_read_where_a_boolean_is_wanted() {
    let params = |text: &str| {
        handler(&format!("  compiledAdapter: listchecker\n  params: {text}")).params.value().clone()
    };
    assert_eq!(
        params("{blacklist: yes, overrides: [on, n, 1]}"),
        json!({"blacklist": true, "overrides": ["on", "n", "1"]})
    );
    assert_eq!(params("{blacklist: Off}"), json!({"blacklist": false}));
    assert_eq!(params("{blacklist: 'yes'}"), json!({"blacklist": "yes"}));
    assert_eq!(params("{blacklist: yEs}"), json!({"blacklist": "yEs"}));
    let text = "  actions: [{handler: on, instances: [y, n]}]\n  sampling: {random: \
                {useIndependentRandomness: on}}";
    let rule = rule(text);
    assert_eq!(rule.actions[0].handler.value, "on");
    assert!(rule.sampling.unwrap().random.unwrap().independent);
}

#[test]
fn a_handler_without_parameters_has_an_empty_object() {
    for text in ["  compiledAdapter: denier", "  compiled_adapter: denier\n  params:\n"] {
        let handler = handler(text);
        assert_eq!(handler.params.value(), &json!({}));
        assert_eq!(handler.params.line_of("status.code"), 4);
    }
}

/// The fields of an instance in the order of their names, each with its expression and its line.
fn fields(read: &Instance) -> Vec<(&str, &str, u32)> {
    read.fields.iter().map(|(name, text)| (name.as_str(), text.value.as_str(), text.line)).collect()
}

#[test]
fn instances_have_their_expressions_with_lines() {
    let read = instance(
        "instance",
        "  compiledTemplate: metric\n  params:\n    value: \"1\"\n    dimensions:\n      b: \
         source.name | \"unknown\"\n      a: >-\n        request.path |\n        \"\"\n    \
         monitored_resource_type: '\"UNSPECIFIED\"'\n",
    );
    assert_eq!(read.template, TemplateRef::Compiled(CompiledTemplate::Metric));
    assert_eq!(
        fields(&read),
        [
            ("dimensions.a", "request.path | \"\"", 10),
            ("dimensions.b", "source.name | \"unknown\"", 9),
            ("monitored_resource_type", "\"UNSPECIFIED\"", 13),
            ("value", "1", 7),
        ]
    );
}

#[test]
fn both_spellings_of_an_instance_say_the_same() {
    let text = "value: source.ip";
    let old = instance("listentry", &format!("  {text}"));
    let new = instance("instance", &format!("  compiledTemplate: listentry\n  params: {{{text}}}"));
    assert_eq!(fields(&old), [("value", "source.ip", 5)]);
    assert_eq!(fields(&new), [("value", "source.ip", 6)]);
    assert_eq!(old.template, new.template);
    assert_eq!(fields(&instance("checknothing", "")), []);
}

#[test]
fn a_log_entry_has_all_its_fields() {
    let read = instance(
        "logentry",
        "  severity: '\"info\"'\n  timestamp: request.time\n  variables: {user: source.user}\n  \
         monitoredResourceDimensions: {}\n  monitored_resource_type: \"\"\n",
    );
    assert_eq!(
        fields(&read),
        [
            ("severity", "\"info\"", 5),
            ("timestamp", "request.time", 6),
            ("variables.user", "source.user", 7),
        ]
    );
}

#[test]
fn a_rule_has_match_actions_and_header_operations_in_order() {
    let rule = rule(
        "  match: request.path == \"/admin\"\n  actions:\n  - handler: a.handler\n    instances: [i, \
         j.metric.ns]\n    name: out\n  - {handler: b, instances: [k]}\n  \
         requestHeaderOperations:\n  - {name: x-user, values: [out.output.value, '\"b\"']}\n  - \
         {name: \":path\", operation: REMOVE}\n  response_header_operations:\n  - {name: a, values: \
         ['\"c\"'], operation: 2}\n  failPolicy: open\n",
    );
    assert_eq!(rule.match_expression.unwrap().value, "request.path == \"/admin\"");
    let names = |action: &Action| {
        let instances: Vec<_> = action.instances.iter().map(|text| text.value.clone()).collect();
        (action.handler.value.clone(), instances.join(" "), action.name.is_some())
    };
    let actions: Vec<_> = rule.actions.iter().map(names).collect();
    assert_eq!(
        actions,
        [
            ("a.handler".to_owned(), "i j.metric.ns".to_owned(), true),
            ("b".to_owned(), "k".to_owned(), false),
        ]
    );
    let kinds: Vec<_> =
        rule.request_header_operations.iter().map(|operation| operation.kind).collect();
    assert_eq!(kinds, [HeaderOperationKind::Replace, HeaderOperationKind::Remove]);
    assert_eq!(rule.response_header_operations[0].kind, HeaderOperationKind::Append);
    assert_eq!(rule.fail_policy, Some(FailPolicy::Open));
}

#[test]
fn an_empty_match_always_applies_and_actions_may_be_empty_beside_header_operations() {
    for unset in ["", "~", "\"\"", "'  '"] {
        let rule = rule(&format!(
            "  match: {unset}\n  actions: []\n  responseHeaderOperations: [{{name: a, operation: \
             REMOVE}}]\n"
        ));
        assert_eq!(rule.match_expression, None, "{unset}");
        assert!(rule.actions.is_empty());
    }
}

#[test]
fn sampling_has_a_share_and_a_rate() {
    let read = rule(
        "  actions: [{handler: h, instances: [i]}]\n  sampling:\n    random:\n      \
         attributeExpression: request.headers[\"p\"]\n      percentSampled: {numerator: 250, \
         denominator: TEN_THOUSAND}\n    rateLimit: {samplingDuration: 1.5s, maxUnsampledEntries: \
         \"10\", samplingRate: 100}\n",
    );
    let Some(Sampling { random: Some(random), rate_limit: Some(rate) }) = read.sampling else {
        panic!()
    };
    assert_eq!((random.numerator, random.denominator, random.independent), (250, 10_000, false));
    assert_eq!(random.attribute_expression.unwrap().line, 8);
    let rate = (rate.period_nanos, rate.max_unsampled_entries, rate.sampling_rate);
    assert_eq!(rate, (1_500_000_000, 10, 100));
}

#[test]
fn durations_are_those_of_protobuf_and_of_go() {
    for (text, nanos) in [
        ("0.000000001s", 1),
        ("5s", 5_000_000_000),
        ("1.50000000000000000000s", 1_500_000_000),
        ("500ms", 500_000_000),
        ("1.5us", 1_500),
        ("2µs", 2_000),
        ("1m30s", 90_000_000_000),
        ("0.1h", 360_000_000_000),
        ("0s", 0),
    ] {
        assert_eq!(parse_duration(text), Some(nanos), "{text}");
    }
    for bad in [
        "",
        "s",
        "5",
        "-1s",
        "1.0000000001s",
        "0.5ns",
        ".5s",
        "1e3s",
        "1.2.3s",
        "1d",
        "1 s",
        "5s1",
        "99999999999999999999s",
        "18446744073710s",
    ] {
        assert_eq!(parse_duration(bad), None, "{bad}");
    }
}

#[test]
fn a_manifest_declares_types_by_name_or_number() {
    let read = one(&resource(
        "attributemanifest",
        "  revision: \"1\"\n  name: proxy\n  attributes:\n    source.ip: {valueType: IP_ADDRESS}\n    \
         response.total-size: {value_type: 2, description: bytes}\n",
    ));
    let Spec::AttributeManifest(manifest) = read.spec else { panic!() };
    let read: BTreeMap<_, _> = manifest
        .attributes
        .iter()
        .map(|(name, declaration)| (name.as_str(), (declaration.value_type, declaration.line)))
        .collect();
    let expected =
        [("response.total-size", (ValueType::Int64, 9)), ("source.ip", (ValueType::IpAddress, 8))];
    assert_eq!(read, BTreeMap::from(expected));
}

#[test]
fn a_list_as_kubectl_prints_it_has_its_items() {
    let item = |name: &str| {
        format!(
            "- apiVersion: config.istio.io/v1alpha2\n  kind: denier\n  metadata:\n    name: {name}\n\
             \x20   namespace: ns\n    resourceVersion: \"7\"\n  spec: {{}}\n"
        )
    };
    let text =
        format!("apiVersion: v1\nkind: List\nmetadata: {{}}\nitems:\n{}{}", item("a"), item("b"));
    let parsed = parse("test.yaml", &text);
    assert_eq!(parsed.problems, []);
    let places: Vec<_> = parsed.resources.iter().map(|read| read.origin.line).collect();
    assert_eq!(places, [5, 12]);
}

#[test]
fn what_is_refused_is_known_and_what_cannot_be_known_makes_a_file_incomplete() {
    let good = resource("denier", "  {}\n");
    let refused = resource("rule", "  nothing: 1\n");
    let parsed = parse("test.yaml", &format!("{good}---\n{refused}"));
    assert!(parsed.complete);
    assert_eq!(parsed.resources.len(), 1);
    let keys: Vec<_> = parsed.refused.iter().map(ToString::to_string).collect();
    assert_eq!(keys, ["x.rule.istio-system"]);
    for (text, complete) in [
        ("kind: [", false),
        ("text", false),
        ("kind: rule\nmetadata: {name: a}", false),
        (
            "apiVersion: config.istio.io/v1alpha2\nkind: rul\nmetadata: {name: a, namespace: b}",
            false,
        ),
        ("apiVersion: config.istio.io/v1alpha2\nkind: stackdriver\nmetadata: {}", true),
        ("apiVersion: v1\nkind: ConfigMap\nmetadata: {}", true),
    ] {
        let parsed = parse("test.yaml", &format!("{good}---\n{text}\n"));
        assert_eq!(parsed.complete, complete, "{text}");
        assert_eq!((parsed.resources.len(), parsed.problems.is_empty()), (1, false), "{text}");
    }
}

#[test]
fn no_more_problems_than_a_screenful_are_listed() {
    let fields: String = (0..500).map(|i| format!("  field{i}: 1\n")).collect();
    let told = mistakes(&resource("denier", "").replace("spec:", &fields.replace("  ", "")));
    assert_eq!(told.len(), 201);
    assert_eq!(told[200], "test.yaml: 300 more problems of this file are not listed");
}

#[test]
fn names_are_bounded_as_kubernetes_does_it() {
    let named = |name: &str, namespace: &str| {
        format!(
            "apiVersion: config.istio.io/v1alpha2\nkind: denier\nmetadata: {{name: \"{name}\", \
             namespace: \"{namespace}\"}}\n"
        )
    };
    let (name, namespace) = ("n".repeat(253), "s".repeat(63));
    assert_eq!(mistakes(&named(&name, &namespace)), Vec::<String>::new());
    let too_long = mistakes(&named(&(name + "n"), &(namespace + "s")));
    assert!(too_long[0].contains("has 254 characters, at most 253 are allowed"), "{too_long:?}");
    assert!(too_long[1].contains("has 64 characters, at most 63 are allowed"), "{too_long:?}");
    for bad in ["", "-a", "a-", "a b", "A", "é", "a_b", "a/b", "..", "a\\n"] {
        assert_ne!(mistakes(&named(bad, "ns")), Vec::<String>::new(), "{bad}");
        assert_ne!(mistakes(&named("a", bad)), Vec::<String>::new(), "{bad}");
    }
}
