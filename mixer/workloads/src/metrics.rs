use prometheus::{Gauge, IntCounter, IntGauge, Registry};

/// What is exported about pods. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WorkloadMetrics {
    pub(crate) known: IntGauge,
    pub(crate) left_out: IntGauge,
    pub(crate) refused: IntCounter,
    pub(crate) connected: IntGauge,
    pub(crate) last_contact: Gauge,
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
        let connected = IntGauge::new(
            "mixer_workloads_connected",
            "Whether changes of the pods are noticed: 1, or 0 while their source is away.",
        )?;
        let last_contact = Gauge::new(
            "mixer_workloads_last_contact_timestamp_seconds",
            "When the source of pods was last heard, since the Unix epoch.",
        )?;
        registry.register(Box::new(known.clone()))?;
        registry.register(Box::new(left_out.clone()))?;
        registry.register(Box::new(refused.clone()))?;
        registry.register(Box::new(connected.clone()))?;
        registry.register(Box::new(last_contact.clone()))?;
        Ok(Self { known, left_out, refused, connected, last_contact })
    }

    /// So many pods can be looked up, and so many not.
    pub(crate) fn shown(&self, known: usize, left_out: usize) {
        let gauge = |count: usize| i64::try_from(count).unwrap_or(i64::MAX);
        self.known.set(gauge(known));
        self.left_out.set(gauge(left_out));
    }
}
