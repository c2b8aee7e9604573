use prometheus::{IntCounter, IntGauge, Registry};

/// What is exported about pods. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WorkloadMetrics {
    pub(crate) known: IntGauge,
    pub(crate) left_out: IntGauge,
    pub(crate) refused: IntCounter,
}

impl WorkloadMetrics {
    /// Registers the metrics.
    ///
    /// # Errors
    /// When they are registered already.
    pub fn register(registry: &Registry) -> prometheus::Result<Self> {
        let known = IntGauge::new("mixer_workloads_pods", "Pods that adapters can look up.")?;
        let left_out = IntGauge::new(
            "mixer_workloads_pods_left_out",
            "Pods that adapters cannot look up, because there are more than are kept.",
        )?;
        let refused = IntCounter::new(
            "mixer_workloads_refused_total",
            "Changes of the pods that had mistakes: what was known before stays.",
        )?;
        registry.register(Box::new(known.clone()))?;
        registry.register(Box::new(left_out.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        Ok(Self { known, left_out, refused })
    }
}
