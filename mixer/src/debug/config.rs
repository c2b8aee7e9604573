use mesh_config::{ConfigSet, Resource, Spec, Text};
use serde_json::{Map, Value, json};

use super::Seen;
use super::redact::redacted;
use crate::handlers::HandlerState;
use crate::policy::NamespaceState;

/// `/debug/config`.
pub(super) fn page(seen: &Seen) -> Value {
    let policy = seen.mixer.policy();
    let announcement = policy.announcement();
    let config = seen.configs.borrow().clone();
    let namespaces: Map<String, Value> = announcement
        .namespaces
        .iter()
        .map(|(name, state)| (name.clone(), namespace(state)))
        .collect();
    let of_kind = |wanted: fn(&Spec) -> bool| -> Vec<Value> {
        let resources = config.resources.values();
        resources.filter(|resource| wanted(&resource.spec)).map(|r| describe(r)).collect()
    };
    let handlers = policy.handlers().iter().map(|unit| {
        let state = match &unit.state {
            HandlerState::Built { .. } => "built",
            HandlerState::Missing { .. } => "missing",
        };
        json!({ "name": unit.name, "adapter": unit.adapter, "state": state })
    });
    json!({
        "snapshot": seen.mixer.metrics().config_snapshots.get(),
        "revision": policy.revision(),
        "source": source(seen, &config, policy.revision()),
        "default": namespace(&announcement.default),
        "namespaces": namespaces,
        "rules": of_kind(|spec| matches!(spec, Spec::Rule(_))),
        "instances": of_kind(|spec| matches!(spec, Spec::Instance(_))),
        "configured_handlers": of_kind(|spec| matches!(spec, Spec::Handler(_))),
        "handlers": handlers.collect::<Vec<_>>(),
        "problems": policy.problems().iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}

/// A newer revision than the policy's is being compiled.
fn source(seen: &Seen, config: &ConfigSet, in_force: u64) -> Value {
    let mut source = match &seen.source {
        Some(status) => crate::source::describe(&status.borrow()),
        None => json!({}),
    };
    source["in_force"] = (config.revision.0 == in_force).into();
    source
}

fn namespace(state: &NamespaceState) -> Value {
    json!({ "generation": state.generation.to_string(), "has_check": state.has_check })
}

fn describe(resource: &Resource) -> Value {
    let mut value = json!({
        "name": resource.key.name.as_str(),
        "namespace": resource.key.namespace.as_str(),
        "kind": resource.key.kind.name(),
        "at": resource.origin.to_string(),
    });
    match &resource.spec {
        Spec::Handler(handler) => {
            value["adapter"] = handler.adapter.name().into();
            value["params"] = redacted(handler.params.value());
        }
        Spec::Instance(instance) => {
            value["template"] = instance.template.name().into();
            value["params"] = redacted(instance.params.value());
        }
        Spec::Rule(rule) => {
            value["match"] = json!(rule.match_expression.as_ref().map(|text| &text.value));
            let actions = rule.actions.iter().map(|action| {
                let instances: Vec<&str> = action.instances.iter().map(text).collect();
                json!({ "handler": text(&action.handler), "instances": instances })
            });
            value["actions"] = actions.collect();
        }
        _ => {}
    }
    value
}

fn text(text: &Text) -> &str {
    &text.value
}
