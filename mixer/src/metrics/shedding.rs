use prometheus::{IntCounter, IntGauge};

use super::name::Name;
use super::registrar::Registrar;
use crate::shedding::{RequestKind, ShedReason};

const REASONS: usize = ShedReason::ALL.len();

/// What was shed, by kind and reason. Handles are resolved: shedding is hot.
#[derive(Debug, Clone)]
pub(crate) struct SheddingMetrics {
    throttled: [[IntCounter; REASONS]; 2],
    cost: [[IntCounter; REASONS]; 2],
    waiting: [IntGauge; 2],
}

impl SheddingMetrics {
    pub(super) fn new(registrar: &Registrar<'_>) -> Self {
        let waiting = registrar.gauges(Name::SheddingWaiting);
        let by_reason = |name| {
            let counters = registrar.counters(name);
            RequestKind::ALL.map(|kind| {
                ShedReason::ALL
                    .map(|reason| counters.with_label_values(&[kind.name(), reason.name()]))
            })
        };
        Self {
            throttled: by_reason(Name::SheddingThrottled),
            cost: by_reason(Name::SheddingCost),
            waiting: RequestKind::ALL.map(|kind| waiting.with_label_values(&[kind.name()])),
        }
    }

    pub(crate) fn count(&self, kind: RequestKind, reason: ShedReason, cost: u32) {
        self.throttled[kind as usize][reason as usize].inc();
        self.cost[kind as usize][reason as usize].inc_by(u64::from(cost));
    }

    pub(crate) fn waiting(&self, kind: RequestKind) -> &IntGauge {
        &self.waiting[kind as usize]
    }

    #[cfg(test)]
    pub(crate) fn shed(&self, kind: RequestKind, reason: ShedReason) -> u64 {
        self.throttled[kind as usize][reason as usize].get()
    }

    #[cfg(test)]
    pub(crate) fn cost(&self, kind: RequestKind, reason: ShedReason) -> u64 {
        self.cost[kind as usize][reason as usize].get()
    }
}
