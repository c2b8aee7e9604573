//! For tests: answers with what it was handed.
//!
//! The message of an answer names each field with its value; denials carry a direct response. It crashes
//! when a field is the text `crash`, and says that it cannot when one is `refuse`.

use std::time::Duration;

use adapter_sdk::host::log::{self, Level};
use adapter_sdk::{
    Action, Adapter, ApiKey, ApiKeyRequest, Authorization, CallError, CheckResult, Code,
    DirectResponse, Endpoint, Grant, Header, InstanceIndex, Instances, KeyVal, Kubernetes,
    ListEntry, Problems, Property, Quota, QuotaRequest, ReportNothing, Subject, Value, Workload,
    Workloads,
};

adapter_sdk::export!(
    Echo: listentry, apikey, authorization, keyval, quota, kubernetes, reportnothing
);

/// The adapter.
#[derive(Debug)]
pub struct Echo {
    instances: Instances,
    reported: u64,
}

/// It has no parameters.
#[derive(Debug, serde::Deserialize, schemars::JsonSchema)]
pub struct Parameters {}

impl Adapter for Echo {
    type Parameters = Parameters;

    fn configure(_parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        Ok(Self { instances, reported: 0 })
    }
}

impl ListEntry for Echo {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        let value = describe(value);
        obey(&value)?;
        Ok(pass(value))
    }
}

impl ApiKey for Echo {
    fn api_key(
        &mut self,
        _instance: InstanceIndex,
        request: &ApiKeyRequest,
    ) -> Result<CheckResult, CallError> {
        let ApiKeyRequest { api, api_version, api_operation, api_key, timestamp } = request;
        obey(api_key)?;
        let handed = format!("{api:?} {api_version:?} {api_operation:?} {api_key:?} {timestamp}");
        let header = |name: &str, value: &str| Header { name: name.into(), value: value.into() };
        Ok(CheckResult {
            code: Code::PERMISSION_DENIED,
            direct_response: Some(DirectResponse {
                code: 418,
                body: "short and stout".to_owned(),
                headers: vec![header("x-api", api), header("Set-Cookie", "a=1"), header("x-", "")],
            }),
            ..pass(handed)
        })
    }
}

impl Authorization for Echo {
    fn authorize(
        &mut self,
        _instance: InstanceIndex,
        subject: &Subject,
        action: &Action,
    ) -> Result<CheckResult, CallError> {
        obey(&subject.user)?;
        let Subject { user, groups, properties } = subject;
        let subject = format!("{user:?} {groups:?} {}", list(properties));
        let Action { namespace, service, method, path, properties } = action;
        let texts = format!("{namespace:?} {service:?} {method:?} {path:?}");
        Ok(pass(format!("{subject}; {texts} {}", list(properties))))
    }
}

impl KeyVal for Echo {
    /// The value under a key is the key; under the empty one there is none.
    fn key_val(
        &mut self,
        _instance: InstanceIndex,
        key: &str,
    ) -> Result<(CheckResult, Option<String>), CallError> {
        obey(key)?;
        let value = (!key.is_empty()).then(|| key.to_owned());
        Ok((pass(String::new()), value))
    }
}

impl Quota for Echo {
    fn allocate(
        &mut self,
        instance: InstanceIndex,
        dimensions: &[Value<'_>],
        request: &QuotaRequest,
    ) -> Result<Grant, CallError> {
        obey(&request.deduplication_id)?;
        let names = self.instances[instance].fields.iter().map(|field| &field.name);
        let dimensions =
            names.zip(dimensions).map(|(n, value)| format!("{n}={}", describe(*value)));
        let QuotaRequest { deduplication_id, amount, best_effort } = request;
        let dimensions = dimensions.collect::<Vec<_>>().join(" ");
        let message = format!("{dimensions}; {deduplication_id:?} {amount} {best_effort}");
        Ok(Grant { message, ..Grant::of(*amount, Duration::from_secs(2)) })
    }
}

impl Kubernetes for Echo {
    /// Each end is named as what was handed in. A port has a container.
    fn generate(
        &mut self,
        _instance: InstanceIndex,
        source: &Endpoint,
        destination: &Endpoint,
    ) -> Result<Workloads, CallError> {
        obey(&source.uid)?;
        Ok(Workloads { source: workload(source), destination: workload(destination) })
    }
}

impl ReportNothing for Echo {
    fn report_nothing(&mut self, _instance: InstanceIndex, count: u32) -> Result<(), CallError> {
        match count {
            0 => return Err(CallError::backend("nobody to tell")),
            u32::MAX => panic!("told to crash"),
            _ => {}
        }
        self.reported += u64::from(count);
        log::log(Level::Info, &format!("{} reported", self.reported));
        Ok(())
    }
}

fn obey(text: &str) -> Result<(), CallError> {
    assert!(text != "crash", "told to crash");
    if text == "refuse" { Err(CallError::backend("told to refuse")) } else { Ok(()) }
}

fn pass(message: String) -> CheckResult {
    CheckResult {
        code: Code::OK,
        message,
        valid_duration: Duration::from_secs(1),
        valid_use_count: None,
        direct_response: None,
    }
}

fn list(properties: &[Property]) -> String {
    let each = properties.iter().map(|p| format!("{}={}", p.name, describe(p.value())));
    format!("[{}]", each.collect::<Vec<_>>().join(" "))
}

/// The type and the value.
fn describe(value: Value<'_>) -> String {
    let kind = match value {
        Value::Text(text) => return text.to_owned(),
        Value::Int64(_) => "int64",
        Value::Double(_) => "double",
        Value::Boolean(_) => "boolean",
        Value::Timestamp(_) => "timestamp",
        Value::Duration(_) => "duration",
        Value::IpAddress(_) => "ip",
        Value::StringMap(_) => "map",
    };
    format!("{kind}({value})")
}

fn workload(end: &Endpoint) -> Option<Workload> {
    if end.uid.is_empty() && end.ip.is_empty() {
        return None;
    }
    Some(Workload {
        pod_uid: end.uid.clone(),
        pod_ip: end.ip.clone(),
        pod_name: "pod".to_owned(),
        labels: vec![("app".to_owned(), "web".to_owned()), ("empty".to_owned(), String::new())],
        // Neither 4 nor 16 bytes: no address.
        host_ip: vec![1, 2, 3],
        container_name: if end.port == 0 { String::new() } else { end.port.to_string() },
        ..Workload::default()
    })
}
