use std::time::Duration;

use mesh_attributes::AttributeBag;
use serde_json::Value;

use super::fields::{ConfigError, Fields, Problem, duration, flag, one_of, text, whole};
use super::quotas::quota_specs;
use super::{
    CheckPolicyChange, FailPolicy, NoteWhen, RetryChange, RouteConfig, RouteId, Settings, Switch,
    Trust,
};
use crate::attributes::TokenSource;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);
const POLICIES: &[(&str, FailPolicy)] =
    &[("closed", FailPolicy::Closed), ("open", FailPolicy::Open)];
const DIRECTIONS: &[(&str, &str)] = &[("inbound", "inbound"), ("outbound", "outbound")];

const NOTES: &[(&str, NoteWhen)] =
    &[("always", NoteWhen::Always), ("refusals", NoteWhen::Refused), ("never", NoteWhen::Never)];

#[derive(Clone, Copy)]
enum Trusted {
    None,
    Mtls,
    Any,
}
const TRUSTED: &[(&str, Trusted)] =
    &[("none", Trusted::None), ("mtls", Trusted::Mtls), ("any", Trusted::Any)];

/// By this attribute Mixer chooses between the namespaces of both ends.
const REPORTER_KIND: &str = "context.reporter.kind";

/// What is checked.
#[derive(Clone, Copy)]
enum Layer {
    Requests,
    Connections,
}

impl Settings {
    /// Reads the configuration of a listener. Empty bytes mean all defaults.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        Self::parse_for(Layer::Requests, json)
    }

    /// Reads the configuration of a listener whose connections are checked, each by itself: the same
    /// fields but for `dynamic_metadata`, and `report_interval` (a second to an hour).
    pub fn parse_tcp(json: &[u8]) -> Result<Self, ConfigError> {
        Self::parse_for(Layer::Connections, json)
    }

    fn parse_for(layer: Layer, json: &[u8]) -> Result<Self, ConfigError> {
        let mut settings = Self::default();
        parse_object(json, |fields| {
            let mut direction = None;
            fields
                .read("mixer_cluster", |v| text(v).map(str::to_owned))
                .put(&mut settings.mixer_cluster);
            fields
                .read("check_timeout", |v| duration(v, Duration::from_millis(1), MINUTE))
                .put(&mut settings.check_timeout);
            fields.object("fail_policy", "fail_policy.", |fields| {
                let policies = &mut settings.fail_policy;
                policies.check = policies.check.changed(check_policy(fields));
                fields.read("report", |v| one_of(v, POLICIES)).put(&mut policies.report);
                settings.retry = settings.retry.changed(retry(fields));
            });
            let attributes = fields.read("attributes", attributes);
            fields.read("direction", |v| one_of(v, DIRECTIONS).map(Some)).put(&mut direction);
            fields.read("l1_entries", |v| whole(v, 1, 10_000_000)).put(&mut settings.l1_entries);
            fields.read("l1_bytes", |v| whole(v, 1 << 10, 16 << 30)).put(&mut settings.l1_bytes);
            fields
                .read("max_stale", |v| duration(v, Duration::ZERO, HOUR))
                .put(&mut settings.max_stale);
            fields
                .read("serve_stale", |v| duration(v, Duration::ZERO, HOUR))
                .put(&mut settings.serve_stale);
            fields
                .read("report_batch_entries", |v| whole(v, 1, 10_000))
                .put(&mut settings.report_batch_entries);
            fields
                .read("report_batch_time", |v| duration(v, Duration::from_millis(10), MINUTE))
                .put(&mut settings.report_batch_time);
            fields.read("quota_specs", quota_specs).put(&mut settings.quotas);
            match layer {
                Layer::Requests => {
                    settings.trust = trust(fields);
                    fields.read("forward_attributes", self::attributes).put(&mut settings.forward);
                    settings.token = token(fields);
                    fields
                        .read("dynamic_metadata", |v| one_of(v, NOTES))
                        .put(&mut settings.dynamic_metadata);
                }
                Layer::Connections => {
                    settings.dynamic_metadata = NoteWhen::Never;
                    fields
                        .read("report_interval", |v| duration(v, Duration::from_secs(1), HOUR))
                        .put(&mut settings.report_interval);
                }
            }
            fields.read("disable_check", switch).put(&mut settings.check);
            fields.read("disable_report", switch).put(&mut settings.report);
            for (name, value) in attributes.iter().flat_map(AttributeBag::iter) {
                settings.attributes.set(name.as_str(), value.clone());
            }
            if let Some(direction) = direction {
                settings.attributes.set(REPORTER_KIND, direction);
            }
        })?;
        Ok(settings)
    }
}

impl RouteConfig {
    /// Reads the configuration of a route. Empty bytes say nothing.
    pub fn parse(json: &[u8]) -> Result<Self, ConfigError> {
        let mut route = Self {
            id: RouteId::unused(),
            check: None,
            report: None,
            check_policy: CheckPolicyChange::default(),
            report_policy: None,
            retry: RetryChange::default(),
            quotas: None,
            forward: AttributeBag::new(),
            token: None,
            attributes: AttributeBag::new(),
        };
        parse_object(json, |fields| {
            route.check = fields.read("disable_check", switch);
            route.report = fields.read("disable_report", switch);
            fields.object("fail_policy", "fail_policy.", |fields| {
                route.check_policy = check_policy(fields);
                route.report_policy = fields.read("report", |v| one_of(v, POLICIES));
                route.retry = retry(fields);
            });
            route.quotas = fields.read("quota_specs", quota_specs);
            fields.read("forward_attributes", attributes).put(&mut route.forward);
            route.token = token(fields);
            fields.read("attributes", attributes).put(&mut route.attributes);
        })?;
        Ok(route)
    }
}

/// Overwrites a default with what was read.
trait Put<T> {
    fn put(self, place: &mut T);
}

impl<T> Put<T> for Option<T> {
    fn put(self, place: &mut T) {
        if let Some(value) = self {
            *place = value;
        }
    }
}

fn parse_object(json: &[u8], read: impl FnOnce(&mut Fields<'_, '_>)) -> Result<(), ConfigError> {
    let mut problems = Vec::new();
    let json = if json.trim_ascii().is_empty() { b"{}" } else { json };
    match serde_json::from_slice::<Value>(json) {
        Ok(Value::Object(object)) => {
            let mut fields = Fields::new("", &object, &mut problems);
            read(&mut fields);
            fields.finish();
        }
        Ok(_) => problems.push(Problem::new(
            "",
            "filter_config must be an object: a google.protobuf.Struct, or JSON text",
        )),
        Err(error) => {
            problems.push(Problem::new("", format!("filter_config is no JSON text: {error}")));
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(ConfigError { problems }) }
}

/// `check` of a fail policy: one word for all causes, or an object with a word for each.
fn check_policy(fields: &mut Fields<'_, '_>) -> CheckPolicyChange {
    let mut change = CheckPolicyChange::default();
    if fields.is_object("check") {
        fields.object("check", "fail_policy.check.", |causes| {
            change.unreachable = causes.read("unreachable", |v| one_of(v, POLICIES));
            change.timeout = causes.read("timeout", |v| one_of(v, POLICIES));
        });
    } else {
        let policy = fields.read("check", |v| one_of(v, POLICIES));
        change = CheckPolicyChange { unreachable: policy, timeout: policy };
    }
    change
}

fn retry(fields: &mut Fields<'_, '_>) -> RetryChange {
    let wait = |v: &Value| duration(v, Duration::from_millis(1), MINUTE);
    let most = |v: &Value| whole(v, 0, 10).map(|max| u32::try_from(max).unwrap_or(u32::MAX));
    RetryChange {
        max: fields.read("max_retry", most),
        base: fields.read("base_retry_wait", wait),
        cap: fields.read("max_retry_wait", wait),
    }
}

fn trust(fields: &mut Fields<'_, '_>) -> Trust {
    let mut trust = Trust::Nobody;
    fields.object("forwarded_attributes", "forwarded_attributes.", |fields| {
        let principals = fields.read("principals", texts);
        trust = match fields.read("trust", |v| one_of(v, TRUSTED)) {
            Some(Trusted::Mtls) => Trust::MutualTls(principals),
            _ if principals.is_some() => {
                fields.refuse("principals need trust mtls");
                Trust::Nobody
            }
            Some(Trusted::Any) => Trust::Anybody,
            Some(Trusted::None) | None => Trust::Nobody,
        };
    });
    trust
}

fn token(fields: &mut Fields<'_, '_>) -> Option<TokenSource> {
    let mut source = None;
    if fields.is_object("jwt") {
        fields.object("jwt", "jwt.", |fields| {
            let header = fields.read("header", |v| text(v).map(str::to_ascii_lowercase));
            let remove = fields.read("remove_header", flag).unwrap_or(false);
            let state = fields.read("filter_state", |v| text(v).map(str::to_owned));
            source = match (header, state) {
                (Some(name), None) => Some(TokenSource::Header { name, remove }),
                (None, Some(key)) => Some(TokenSource::FilterState(key)),
                _ => {
                    fields.refuse("must have one of header, filter_state");
                    None
                }
            };
        });
    } else {
        fields.read("jwt", |_| Err::<(), _>("must be an object".to_owned()));
    }
    source
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let list = value.as_array().filter(|list| !list.is_empty());
    let list = list.ok_or_else(|| "must be a list of texts that is not empty".to_owned())?;
    list.iter().map(|item| text(item).map(str::to_owned)).collect()
}

fn switch(disabled: &Value) -> Result<Switch, String> {
    flag(disabled).map(|disabled| if disabled { Switch::Off } else { Switch::On })
}

fn attributes(value: &Value) -> Result<AttributeBag, String> {
    mesh_attributes::bag_from_json(value).map_err(|error| error.to_string())
}
