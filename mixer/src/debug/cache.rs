use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Seen;
use crate::policy::NamespacePolicy;

/// How namespaces without policy of their own are called.
const UNLISTED: &str = "*";

/// `/debug/cache`.
pub(super) fn page(seen: &Seen) -> Value {
    let mixer = &seen.mixer;
    let metrics = &mixer.metrics().check_cache;
    let policy = mixer.policy();
    let shapes: BTreeMap<&str, Value> = policy
        .namespaces()
        .map(|(name, policy)| (name.unwrap_or(UNLISTED), shapes(policy)))
        .collect();
    let (hits, misses) = (metrics.hits.get(), metrics.misses.get());
    json!({
        "size": mixer.cache.usage(),
        "hits": hits,
        "misses": misses,
        "hit_ratio": if hits + misses == 0 { 0.0 } else { hits as f64 / (hits + misses) as f64 },
        "writes": metrics.writes.get(),
        "refused": metrics.refused.get(),
        "stale": metrics.stale.get(),
        "waits": metrics.waits.get(),
        "waits_in_vain": metrics.waits_in_vain.get(),
        "evicted": {
            "expired": metrics.expired.get(),
            "size": metrics.evicted.get(),
        },
        "shapes": shapes,
    })
}

/// Each shape as the attributes that answers of it depend on; `name[key]` for a key of a map.
fn shapes(policy: &NamespacePolicy) -> Value {
    let table = policy.shapes.table();
    let shapes = table.iter().map(|(_, shape)| {
        let probes = shape.probes().iter().map(|probe| match probe.key() {
            Some(key) => format!("{}[{key}]", probe.name()),
            None => probe.name().to_string(),
        });
        probes.collect::<Vec<_>>()
    });
    shapes.collect::<Vec<_>>().into()
}
