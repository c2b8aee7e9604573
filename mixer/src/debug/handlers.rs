use std::time::SystemTime;

use adapter_host::Limits;
use mesh_attributes::Timestamp;
use serde_json::{Value, json};

use super::Seen;
use crate::handlers::{HandlerState, HandlerUnit};

/// `/debug/handlers`.
pub(super) fn page(seen: &Seen) -> Value {
    let policy = seen.mixer.policy();
    let handlers = policy.handlers().iter().map(|unit| handler(unit));
    json!({
        "revision": policy.revision(),
        "queued_instances": seen.mixer.metrics().report_queued.get(),
        "handlers": handlers.collect::<Vec<_>>(),
    })
}

fn handler(unit: &HandlerUnit) -> Value {
    let mut value = json!({
        "name": unit.name,
        "adapter": unit.adapter,
        "queue": unit.queue(),
        "last_error": unit.dispatches.last_error().map(|error| json!({
            "when": rfc3339(error.when),
            "text": error.text,
        })),
    });
    match &unit.state {
        HandlerState::Built { built, .. } => {
            value["state"] = "built".into();
            let templates = built.templates.iter().map(|template| template.name.as_str());
            value["templates"] = templates.collect();
            let instances = built.instances.iter().map(|instance| instance.name.as_str());
            value["instances"] = instances.collect();
            value["status"] = json!(built.engine.status());
            value["limits"] = built.engine.limits().map_or(Value::Null, limits);
        }
        HandlerState::Missing { why } => {
            value["state"] = "missing".into();
            value["why"] = why.as_str().into();
        }
    }
    value
}

/// Under the names in `spec.limits`.
fn limits(limits: &Limits) -> Value {
    let time = |time: std::time::Duration| format!("{time:?}");
    json!({
        "checkDeadline": time(limits.check_deadline),
        "reportDeadline": time(limits.report_deadline),
        "setupDeadline": time(limits.setup_deadline),
        "memory": limits.memory,
        "tableElements": limits.table_elements,
        "instances": limits.instances,
        "series": limits.series,
        "seriesBytes": limits.series_bytes,
        "outboundQueue": limits.outbound_queue,
        "outboundDeadline": time(limits.outbound_deadline),
        "logRate": limits.log_rate,
    })
}

fn rfc3339(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    Timestamp { seconds, nanos: since.subsec_nanos().cast_signed() }.to_rfc3339()
}
