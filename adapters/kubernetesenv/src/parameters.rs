use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// As in Istio.
const CACHE_REFRESH_DURATION: Duration = Duration::from_secs(300);

/// What a handler of this adapter is configured with. All of it is Istio's, for unmodified
/// configuration: where pods are learned of is told to the process, not to an adapter.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Refused: `mixer serve --workloads` says where pods are learned of.
    kubeconfig_path: String,
    /// No effect: what is known follows the cluster at once.
    cache_refresh_duration: Interval,
    /// Refused: there is one cluster.
    cluster_registries_namespace: String,
}

impl Default for Parameters {
    fn default() -> Self {
        Self {
            kubeconfig_path: String::new(),
            cache_refresh_duration: Interval(CACHE_REFRESH_DURATION),
            cluster_registries_namespace: String::new(),
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if !self.kubeconfig_path.is_empty() {
            let message = "adapters read no files; say where pods are learned of with the flag \
                           --workloads of mixer serve";
            problems.add("kubeconfig_path", message);
        }
        if self.cache_refresh_duration.is_zero() {
            problems.add("cache_refresh_duration", "must be longer than 0s");
        }
        if !self.cluster_registries_namespace.is_empty() {
            let message = "remote clusters are not looked into; only the pods of the flag \
                           --workloads of mixer serve are known";
            problems.add("cluster_registries_namespace", message);
        }
    }
}
