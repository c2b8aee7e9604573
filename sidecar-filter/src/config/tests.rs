use std::sync::Arc;
use std::time::Duration;

use mesh_attributes::{AttributeBag, AttributeName, Value};

use super::*;
use crate::attributes::TokenSource;
use crate::mixer::Mixer;
use crate::quota::{Charge, Clause, QuotaRule, TextMatch};

fn problems(json: &str) -> Vec<String> {
    let error = Settings::parse(json.as_bytes()).unwrap_err();
    error.problems.iter().map(ToString::to_string).collect()
}

#[test]
fn an_empty_configuration_means_the_defaults() {
    for json in ["", "  ", "{}"] {
        assert_eq!(Settings::parse(json.as_bytes()), Ok(Settings::default()));
    }
    let defaults = Settings::default();
    assert_eq!(defaults.mixer_cluster, "mixer");
    assert_eq!(defaults.fail_policy.check, CheckPolicy::all(FailPolicy::Closed));
    assert_eq!(defaults.fail_policy.report, FailPolicy::Open);
}

fn one_charge() -> QuotaRule {
    let clause = (AttributeName::new("request.path"), TextMatch::Prefix("/api".into()));
    QuotaRule {
        clauses: vec![Clause(vec![clause])],
        charges: vec![Charge { quota: "requestcount".into(), amount: 2 }],
    }
}

#[test]
fn mistakes_about_whom_to_trust_are_told() {
    for (json, told) in [
        (
            r#"{"forwarded_attributes": {"trust": "all"}}"#,
            "forwarded_attributes.trust: must be one of",
        ),
        (
            r#"{"forwarded_attributes": {"trust": "any", "principals": ["spiffe://a"]}}"#,
            "forwarded_attributes: principals need trust mtls",
        ),
        (
            r#"{"forwarded_attributes": {"trust": "mtls", "principals": []}}"#,
            "forwarded_attributes.principals: must be a list of texts that is not empty",
        ),
        (
            r#"{"forwarded_attributes": {"principals": ["spiffe://a/"]}}"#,
            "forwarded_attributes: principals need trust mtls",
        ),
        (r#"{"jwt": {}}"#, "jwt: must have one of header, filter_state"),
        (r#"{"jwt": {"header": "a", "filter_state": "b"}}"#, "jwt: must have one of"),
        (r#"{"jwt": "x-jwt"}"#, "jwt: must be an object"),
    ] {
        let problems = problems(json);
        assert!(problems.len() == 1 && problems[0].starts_with(told), "{told}: {problems:?}");
    }
}

#[test]
fn mistakes_in_quotas_are_told_with_their_place() {
    let specs = |rule: &str| problems(&format!(r#"{{"quota_specs": [{{"rules": [{rule}]}}]}}"#));
    for (rule, told) in [
        ("{}", "rules[0]: charges no quota"),
        (r#"{"quotas": [{"charge": 1}]}"#, "quotas[0]: names no quota"),
        (r#"{"quotas": [{"quota": "q", "charge": 0}]}"#, "quotas[0].charge: must be a whole"),
        (
            r#"{"quotas": [{"quota": "q"}], "match": [{"clause": {"a": {"regex": "("}}}]}"#,
            ".a.regex:",
        ),
        (
            r#"{"quotas": [{"quota": "q"}], "match": [{"clause": {"a": {"suffix": "x"}}}]}"#,
            ".a.suffix: no such field; there are exact, prefix, regex",
        ),
    ] {
        let problems = specs(rule);
        assert!(problems.len() == 1 && problems[0].contains(told), "{told} in {problems:?}");
    }
}

#[test]
fn every_field_is_read() {
    let json = r#"{
        "mixer_cluster": "policy", "check_timeout": "1.5s",
        "fail_policy": {"check": {"timeout": "open"}, "report": "closed", "max_retry": 3,
            "base_retry_wait": "5ms", "max_retry_wait": "1s"},
        "attributes": {"destination.service.host": {"t": "STRING", "v": "a.b"}},
        "direction": "outbound", "l1_entries": 5.0, "l1_bytes": 65536,
        "max_stale": "250ms", "serve_stale": "1m",
        "report_batch_entries": 7, "report_batch_time": "2s",
        "forwarded_attributes": {"trust": "mtls", "principals": ["spiffe://a/"]},
        "forward_attributes": {"source.uid": {"t": "STRING", "v": "u"}},
        "jwt": {"header": "X-Jwt", "remove_header": true},
        "quota_specs": [{"rules": [{"match": [{"clause": {"request.path": {"prefix": "/api"}}}],
            "quotas": [{"quota": "requestcount", "charge": 2}]}]}],
        "dynamic_metadata": "always", "disable_check": true, "disable_report": false
    }"#;
    let expected = Settings {
        mixer_cluster: "policy".to_owned(),
        check_timeout: Duration::from_millis(1500),
        fail_policy: FailPolicies {
            check: CheckPolicy { unreachable: FailPolicy::Closed, timeout: FailPolicy::Open },
            report: FailPolicy::Closed,
        },
        retry: RetryPolicy { max: 3, base: Duration::from_millis(5), cap: Duration::from_secs(1) },
        attributes: AttributeBag::new()
            .with("destination.service.host", "a.b")
            .with("context.reporter.kind", "outbound"),
        l1_entries: 5,
        l1_bytes: 65536,
        max_stale: Duration::from_millis(250),
        serve_stale: Duration::from_secs(60),
        report_batch_entries: 7,
        report_batch_time: Duration::from_secs(2),
        trust: Trust::MutualTls(Some(vec!["spiffe://a/".to_owned()])),
        forward: AttributeBag::new().with("source.uid", "u"),
        token: Some(TokenSource::Header { name: "x-jwt".to_owned(), remove: true }),
        quotas: Arc::new(QuotaSpecs { rules: vec![one_charge()] }),
        dynamic_metadata: NoteWhen::Always,
        check: Switch::Off,
        report: Switch::On,
        report_interval: DEFAULT_REPORT_INTERVAL,
    };
    assert_eq!(Settings::parse(json.as_bytes()), Ok(expected));
}

#[test]
fn unknown_fields_are_refused_with_the_nearest_name() {
    assert_eq!(
        problems(r#"{"mixer_clutser": "x", "fail_policy": {"chekc": "open"}}"#),
        [
            "fail_policy.chekc: no such field; did you mean check?",
            "mixer_clutser: no such field; did you mean mixer_cluster?",
        ]
    );
    let unlike = problems(r#"{"zzz": 1}"#);
    assert!(unlike[0].starts_with("zzz: no such field; there are mixer_cluster, "), "{unlike:?}");
}

#[test]
fn all_mistakes_are_named_at_once_with_field_value_and_remedy() {
    let json = r#"{"mixer_cluster": "", "check_timeout": "5 minutes", "direction": "up",
        "l1_entries": 1.5, "fail_policy": 3, "disable_check": "yes",
        "attributes": {"a": {"t": "STRING", "v": 1}}}"#;
    let problems = problems(json);
    for start in [
        "mixer_cluster: must be a text that is not empty, not \"\"",
        "check_timeout: must be a time from 1ms to 60s such as \"500ms\" or \"5s\", not \"5 minutes\"",
        "direction: must be one of inbound, outbound, not \"up\"",
        "l1_entries: must be a whole number from 1 to 10000000, not 1.5",
        "fail_policy: must be an object, not 3",
        "disable_check: must be true or false, not \"yes\"",
        "attributes: ",
    ] {
        assert!(problems.iter().any(|p| p.starts_with(start)), "{start} in {problems:#?}");
    }
    assert_eq!(problems.len(), 7);
}

#[test]
fn what_is_no_object_is_refused() {
    assert!(problems("[]")[0].contains("must be an object"));
    assert!(problems("{")[0].contains("no JSON text"));
    assert!(Settings::parse(b"\xff").is_err());
}

#[test]
fn times_are_read_with_their_unit_and_nothing_else() {
    for (text, time) in [
        ("1ms", Some(Duration::from_millis(1))),
        ("0.5s", Some(Duration::from_millis(500))),
        ("1m", Some(Duration::from_secs(60))),
        ("1", None),
        ("ms", None),
        ("-1s", None),
        ("1e3s", None),
        ("1.2.3s", None),
        ("1d", None),
        ("NaNs", None),
        ("61s", None),
    ] {
        let json = format!(r#"{{"check_timeout": "{text}"}}"#);
        let read = Settings::parse(json.as_bytes()).ok().map(|settings| settings.check_timeout);
        assert_eq!(read, time, "{text}");
    }
}

fn route(json: &str) -> RouteConfig {
    RouteConfig::parse(json.as_bytes()).unwrap()
}

fn config(json: &str) -> FilterConfig {
    let settings = Settings::parse(json.as_bytes()).unwrap();
    FilterConfig::new(settings, Arc::new(Mixer::new("mixer")))
}

#[test]
fn a_route_overrides_what_it_names_and_inherits_the_rest() {
    let config = config(
        r#"{"attributes": {"destination.service.host": {"t": "STRING", "v": "listener"},
                           "source.name": {"t": "STRING", "v": "kept"}}}"#,
    );
    let route = route(
        r#"{"disable_check": true, "fail_policy": {"check": "open"},
            "attributes": {"destination.service.host": {"t": "STRING", "v": "route"}}}"#,
    );
    let text = |scope: &Scope, name: &str| match scope.statics.get(&AttributeName::new(name)) {
        Some(Value::String(text)) => Some(text.to_owned()),
        _ => None,
    };
    let (plain, routed) = (config.scope(None), config.scope(Some(&route)));
    assert_eq!((plain.check, routed.check), (Switch::On, Switch::Off));
    assert_eq!((plain.report, routed.report), (Switch::On, Switch::On));
    assert_eq!(routed.policies.check, CheckPolicy::all(FailPolicy::Open));
    assert_eq!(routed.policies.report, FailPolicy::Open);
    assert_eq!(text(&plain, "destination.service.host").as_deref(), Some("listener"));
    assert_eq!(text(&routed, "destination.service.host").as_deref(), Some("route"));
    assert_eq!(text(&routed, "source.name").as_deref(), Some("kept"));
    assert_ne!(plain.destination.id(), routed.destination.id());
}

#[test]
fn scopes_with_the_same_attributes_have_one_destination_even_across_configurations() {
    let settings = Settings::default();
    let mixer = Arc::new(Mixer::new("mixer"));
    let old = FilterConfig::new(settings.clone(), Arc::clone(&mixer));
    let new = FilterConfig::new(settings, mixer);
    assert_eq!(old.scope(None).destination.id(), new.scope(None).destination.id());
    let plain_route = route(r#"{"disable_report": true}"#);
    let routed = new.scope(Some(&plain_route));
    assert_eq!(routed.destination.id(), new.scope(None).destination.id());
}

#[test]
fn many_routes_do_not_grow_what_is_kept_without_bound() {
    let config = config("{}");
    for _ in 0..5000 {
        let route = route(r#"{"disable_check": true}"#);
        assert_eq!(config.scope(Some(&route)).check, Switch::Off);
    }
}
