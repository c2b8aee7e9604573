//! The kinds beside handler, instance, rule and manifest, and what they have to do with processes of
//! others.

use mesh_attributes::OwnedValue;
use serde_json::json;

use super::{fields, handler, instance, mistakes, one, resource};
use crate::{
    AdapterRef, ApiKeyPlace, ApiPath, Authentication, CompiledAdapter, CompiledTemplate, FieldKind,
    Kind, LimitKind, ServiceTarget, Spec, StringMatch, TemplateRef, TokenHeader, TokenSource,
};

fn value(text: Option<&crate::Text>) -> &str {
    text.map_or("", |text| &text.value)
}

#[test]
fn every_field_of_every_template_is_read_in_both_spellings() {
    let camel = |name: &str| {
        let mut words = name.split('_');
        let first = words.next().unwrap_or_default().to_owned();
        words.fold(first, |all, word| all + &word[..1].to_uppercase() + &word[1..])
    };
    for template in CompiledTemplate::ALL {
        for spell in [str::to_owned, camel] as [fn(&str) -> String; 2] {
            let mut params = serde_json::Map::new();
            let mut expected = Vec::new();
            for field in template.schema() {
                let (value, name) = match field.kind {
                    FieldKind::Scalar(_) => (json!("a.b"), field.name.to_owned()),
                    FieldKind::Map(_) => {
                        (json!({"x_y.zA": "a.b"}), format!("{}.x_y.zA", field.name))
                    }
                };
                expected.push(name);
                match field.name.split_once('.') {
                    None => drop(params.insert(spell(field.name), value)),
                    Some((outer, inner)) => {
                        let outer = params.entry(spell(outer)).or_insert_with(|| json!({}));
                        outer[spell(inner)] = value;
                    }
                }
            }
            expected.sort();
            let params = serde_json::Value::Object(params);
            let text = format!("  compiledTemplate: {}\n  params: {params}", template.name());
            let read = instance("instance", &text);
            let names: Vec<_> = fields(&read).into_iter().map(|(name, ..)| name).collect();
            assert_eq!(names, expected, "{template:?}");
        }
    }
}

#[test]
fn the_older_kinds_are_those_of_all_that_istio_had_compiled_in() {
    const NOT_COMPILED: [CompiledAdapter; 3] =
        [CompiledAdapter::Authz, CompiledAdapter::KeyVal, CompiledAdapter::Otlp];
    for adapter in
        CompiledAdapter::ALL.into_iter().filter(|adapter| !NOT_COMPILED.contains(adapter))
    {
        let kind = Kind::from_name(adapter.name());
        assert_eq!(kind, Some(Kind::TypedHandler(adapter)));
        one(&resource(adapter.name(), "  {}"));
    }
    for template in CompiledTemplate::ALL.into_iter().filter(|t| *t != CompiledTemplate::KeyVal) {
        assert_eq!(Kind::from_name(template.name()), Some(Kind::TypedInstance(template)));
        one(&resource(template.name(), "  {}"));
    }
    for adapter in NOT_COMPILED {
        assert_eq!(Kind::from_name(adapter.name()), None);
    }
}

#[test]
fn an_attribute_generator_has_bindings_in_both_spellings() {
    let fields = "source_ip: source.ip";
    let bindings = "attributeBindings: {source.name: $out.source_pod_name | \"\"}";
    let new = instance(
        "instance",
        &format!("  compiledTemplate: kubernetes\n  params: {{{fields}}}\n  {bindings}"),
    );
    let old = instance(
        "kubernetes",
        &format!("  {fields}\n  {}", bindings.replace("attributeBindings", "attribute_bindings")),
    );
    for read in [new, old] {
        assert_eq!(read.fields["source_ip"].value, "source.ip");
        assert_eq!(read.attribute_bindings["source.name"].value, "$out.source_pod_name | \"\"");
    }
}

#[test]
fn a_template_by_reference_is_ours_if_it_has_the_name_of_one_of_ours() {
    for name in ["keyval", "keyval.istio-system", "keyval.template.istio-system"] {
        let read = instance("instance", &format!("  template: {name}\n  params: {{key: a}}"));
        assert_eq!(read.template, TemplateRef::Compiled(CompiledTemplate::KeyVal), "{name}");
    }
    let read = instance(
        "instance",
        "  template: keyval.of.others\n  params: {key: a, in: {side: b}}\n  attributeBindings: {c: d}",
    );
    assert_eq!(read.template.name(), "keyval.of.others");
    assert_eq!(fields(&read), [("in.side", "b", 6), ("key", "a", 6)]);
    assert_eq!(read.attribute_bindings["c"].value, "d");
    assert_eq!(read.params.value(), &json!({"key": "a", "in": {"side": "b"}}));
}

#[test]
fn a_handler_of_another_process_has_its_connection() {
    let read = handler(
        "  adapter: keyval.istio-system\n  params: {table: {jason: 1}}\n  connection:\n    address: \
         keyval:9070\n    timeout: 1m\n    authentication:\n      tls:\n        caCertificates: /ca\n        \
         oauth: {clientId: me, clientSecret: /secret, tokenUrl: 'https://t', scopes: [a], \
         endpointParams: {k: v}}\n        authHeader: BEARER\n        serverName: keyval\n",
    );
    assert_eq!(read.adapter.name(), "keyval.istio-system");
    assert_eq!(read.adapter.compiled(), Some(CompiledAdapter::KeyVal));
    assert_eq!(read.params.value(), &json!({"table": {"jason": "1"}}));
    let connection = read.connection.unwrap();
    assert_eq!((connection.address.value.as_str(), connection.address.line), ("keyval:9070", 8));
    assert_eq!(connection.timeout_nanos, Some(60_000_000_000));
    let Some(Authentication::Tls(tls)) = connection.authentication.as_deref() else { panic!() };
    assert_eq!(value(tls.ca_certificates.as_ref()), "/ca");
    assert_eq!(value(tls.server_name.as_ref()), "keyval");
    assert_eq!(tls.token_header, TokenHeader::Bearer);
    let Some(TokenSource::OAuth(oauth)) = &tls.token else { panic!() };
    assert_eq!((oauth.client_id.value.as_str(), oauth.scopes.len()), ("me", 1));
    assert_eq!(oauth.endpoint_params["k"].value, "v");
}

#[test]
fn a_connection_may_have_a_token_or_certificates_at_both_ends() {
    let authentication = |text: &str| {
        let read =
            handler(&format!("  adapter: a\n  connection: {{address: a, authentication: {text}}}"));
        assert_eq!(read.adapter.compiled(), None);
        assert!(matches!(read.adapter, AdapterRef::Named(_)));
        *read.connection.unwrap().authentication.unwrap()
    };
    let Authentication::Tls(tls) = authentication("{tls: {tokenPath: /t, customHeader: x-t}}")
    else {
        panic!()
    };
    assert!(matches!(tls.token, Some(TokenSource::File(path)) if path.value == "/t"));
    assert!(matches!(tls.token_header, TokenHeader::Custom(name) if name.value == "x-t"));
    let Authentication::Mutual(mutual) =
        authentication("{mutual: {privateKey: /k, clientCertificate: /c, caCertificates: /ca}}")
    else {
        panic!()
    };
    assert_eq!(value(mutual.ca_certificates.as_ref()), "/ca");
    assert_eq!((mutual.private_key.value.as_str(), mutual.server_name), ("/k", None));
}

#[test]
fn adapters_and_templates_are_kept_as_they_were_declared() {
    let read = one(&resource(
        "adapter",
        "  name: a\n  description: mine\n  session_based: yes\n  templates: [quota.ns, keyval]\n  \
         config: |\n    Cg\n    A\n",
    ));
    let Spec::Adapter(adapter) = read.spec else { panic!() };
    assert_eq!(value(adapter.description.as_ref()), "mine");
    assert_eq!((adapter.config.as_slice(), adapter.session_based), (&[10, 0][..], true));
    let templates: Vec<_> = adapter.templates.iter().map(|text| text.value.as_str()).collect();
    assert_eq!(templates, ["quota.ns", "keyval"]);
    let Spec::Template(template) = one(&resource("template", "  descriptor: CgA=")).spec else {
        panic!()
    };
    assert_eq!(template.descriptor, [10, 0]);
}

#[test]
fn a_quota_specification_has_rules_with_matches_and_charges() {
    let read = one(&resource(
        "QuotaSpec",
        "  rules:\n  - match:\n    - clause:\n        a.exact: {exact: x}\n        a.prefix: {prefix: \
         ''}\n        a.regex: {regex: 'x+'}\n        a.any: {}\n        a.none:\n    quotas: [{quota: \
         q}, {quota: r, charge: 0}]\n  - quotas: [{quota: s, charge: '3'}]\n",
    ));
    let Spec::QuotaSpec(spec) = read.spec else { panic!() };
    let clause = &spec.rules[0].matches[0].clause;
    assert!(matches!(&clause["a.exact"], StringMatch::Exact(text) if text.value == "x"));
    assert!(matches!(&clause["a.prefix"], StringMatch::Prefix(text) if text.value.is_empty()));
    assert!(matches!(&clause["a.regex"], StringMatch::Regex(text) if text.value == "x+"));
    assert_eq!((&clause["a.any"], &clause["a.none"]), (&StringMatch::Any, &StringMatch::Any));
    let charges: Vec<_> =
        spec.rules.iter().flat_map(|rule| rule.quotas.iter().map(|quota| quota.charge)).collect();
    assert_eq!(charges, [1, 0, 3]);
    assert!(spec.rules[1].matches.is_empty());
}

#[test]
fn a_binding_names_services_and_specifications() {
    let read = one(&resource(
        "QuotaSpecBinding",
        "  services:\n  - {name: ratings, namespace: ns, domain: d, labels: {version: v1}}\n  - {service: \
         '*'}\n  quotaSpecs: [{name: q.r}, {name: s, namespace: ns}]\n",
    ));
    let Spec::QuotaSpecBinding(binding) = read.spec else { panic!() };
    let ServiceTarget::Name { name, namespace, domain } = &binding.services[0].target else {
        panic!()
    };
    assert_eq!(
        [Some(name), namespace.as_ref(), domain.as_ref()].map(value),
        ["ratings", "ns", "d"]
    );
    assert_eq!(binding.services[0].labels["version"].value, "v1");
    assert!(matches!(&binding.services[1].target, ServiceTarget::Host(host) if host.value == "*"));
    assert_eq!(binding.quota_specs[0].name.value, "q.r");
    assert_eq!(value(binding.quota_specs[1].namespace.as_ref()), "ns");
}

#[test]
fn an_api_specification_has_typed_attributes_patterns_and_keys() {
    let read = one(&resource(
        "HTTPAPISpec",
        "  attributes:\n    attributes:\n      api.service: {stringValue: pets}\n      api.number: \
         {int64Value: '7'}\n      api.map: {stringMapValue: {entries: {a: b}}}\n      api.on: {boolValue: \
         on}\n      api.bytes: {bytesValue: AQI=}\n  patterns:\n  - attributes: {attributes: \
         {api.operation: {stringValue: list}}}\n    httpMethod: GET\n    uriTemplate: /pets\n  - {regex: \
         '/pets/[0-9]+'}\n  api_keys: [{query: key}, {header: x-key}, {cookie: key}]\n",
    ));
    let Spec::HttpApiSpec(spec) = read.spec else { panic!() };
    assert_eq!(spec.attributes["api.number"], OwnedValue::Int64(7));
    assert_eq!(spec.attributes["api.on"], OwnedValue::Bool(true));
    assert_eq!(spec.attributes["api.bytes"], OwnedValue::Bytes(vec![1, 2]));
    assert_eq!(spec.attributes.len(), 5);
    assert_eq!(value(spec.patterns[0].http_method.as_ref()), "GET");
    assert!(matches!(&spec.patterns[0].path, ApiPath::Template(path) if path.value == "/pets"));
    assert!(matches!(&spec.patterns[1].path, ApiPath::Regex(path) if path.value.ends_with("+")));
    assert!(matches!(&spec.api_keys[2], ApiKeyPlace::Cookie(name) if name.value == "key"));
    let read = one(&resource(
        "HTTPAPISpecBinding",
        "  services: [{name: pets}]\n  apiSpecs: [{name: pets}]",
    ));
    assert!(matches!(read.spec, Spec::HttpApiSpecBinding(_)));
}

#[test]
fn what_kubectl_adds_to_a_resource_is_let_be() {
    let read = one(
        "apiVersion: config.istio.io/v1alpha2\nkind: QuotaSpec\nmetadata:\n  annotations:\n    \
         kubectl.kubernetes.io/last-applied-configuration: |\n      {\"kind\":\"QuotaSpec\"}\n  \
         creationTimestamp: \"2019-10-02T07:04:05Z\"\n  generation: 1\n  managedFields:\n  - \
         apiVersion: config.istio.io/v1alpha2\n    fieldsV1: {f:spec: {.: {}}}\n    manager: kubectl\n  \
         name: q\n  namespace: ns\n  resourceVersion: \"7\"\n  selfLink: /apis/q\n  uid: \
         0a0b\n  clusterName: \"\"\nspec: {rules: [{quotas: [{quota: q}]}]}\nstatus: {}\n",
    );
    assert_eq!(read.key.to_string(), "q.QuotaSpec.ns");
}

#[test]
fn a_handler_has_limits_in_their_units() {
    let read = handler(
        "  compiledAdapter: noop\n  limits: {memory: 16Mi, checkDeadline: 20ms, log_rate: 5}\n",
    );
    let limits: Vec<_> = read.limits.iter().map(|limit| (limit.kind, limit.value)).collect();
    assert_eq!(
        limits,
        [
            (LimitKind::CheckDeadline, 20_000_000),
            (LimitKind::LogRate, 5),
            (LimitKind::Memory, 16 << 20),
        ]
    );
    let told = mistakes(&resource(
        "handler",
        "  compiledAdapter: noop\n  limits: {memmory: 1, series: 0, setupDeadline: 5, instances: [1]}\n",
    ));
    for expected in [
        "unknown field `spec.limits.memmory`, did you mean `memory`?",
        "`spec.limits.series` must be a whole number, more than 0, not `0`",
        "`spec.limits.setupDeadline` must be a duration such as 50ms, more than 0, not `5`",
        "`spec.limits.instances` must be a whole number, more than 0, not a list",
    ] {
        assert!(told.iter().any(|message| message.contains(expected)), "{expected}: {told:?}");
    }
}

#[test]
fn an_adapter_is_a_place_when_it_is_written_as_one() {
    for place in ["teams/rates.wasm", "rates.wasm", "file:///opt/a", "oci://host/a@sha256:0"] {
        let read = handler(&format!("  adapter: {place}\n"));
        assert!(matches!(&read.adapter, AdapterRef::Component(text) if text.value == place));
        let told = mistakes(&resource("handler", &format!("  compiledAdapter: {place}\n")));
        assert!(told[0].contains("`spec.adapter`"), "{told:?}");
    }
}
