use std::time::SystemTime;

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
        }
        HandlerState::Missing { why } => {
            value["state"] = "missing".into();
            value["why"] = why.as_str().into();
        }
    }
    value
}

fn rfc3339(time: SystemTime) -> Option<String> {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).ok()?;
    let seconds = i64::try_from(since.as_secs()).ok()?;
    Timestamp { seconds, nanos: since.subsec_nanos().cast_signed() }.to_rfc3339()
}
