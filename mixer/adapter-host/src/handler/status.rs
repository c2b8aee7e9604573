use std::sync::atomic::{AtomicU64, Ordering};

use serde::Serialize;

use super::Handler;
use crate::{ListStatus, TargetStatus};

/// What a handler has done so far, for metrics and debugging. Counts only grow.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct HandlerStatus {
    /// `name.namespace`.
    pub name: String,
    /// The adapter's name.
    pub adapter: String,
    /// SHA-256 of the component, in hexadecimal; empty for an adapter that is none.
    pub digest: String,
    /// Where an adapter in another process is; empty for others.
    pub address: String,
    /// Calls asked for.
    pub calls: u64,
    /// Calls that ended in a crash, or for which no instance could be made.
    pub traps: u64,
    /// Calls that were cancelled at their deadline.
    pub deadlines: u64,
    /// Calls that an adapter in another process did not get, or broke off.
    pub unreachable: u64,
    /// Requests with report batches that were sent again because the adapter did not get them.
    pub retries: u64,
    /// Calls that found no instance in time.
    pub exhausted: u64,
    /// Calls that were refused because the adapter had failed too often.
    pub refused_by_breaker: u64,
    /// Whether calls are refused now.
    pub breaker_open: bool,
    /// Answers in which the adapter said that it cannot.
    pub errors: u64,
    /// Answers of which a part was cut or left out, because it was too large or made no sense.
    pub answers_trimmed: u64,
    /// Elements of report batches that the adapter could not take.
    pub failed_elements: u64,
    /// Instances of the component ready for a call.
    pub instances_idle: usize,
    /// Instances in a call.
    pub instances_in_use: usize,
    /// Instances that were lost and are being made again, where a component is so large that calls do not
    /// make the instances they need.
    pub instances_missing: usize,
    /// Series held in the host.
    pub series: u64,
    /// New series that went to an overflow series, for want of room.
    pub series_overflowed: u64,
    /// Diagnostic messages dropped because there were too many.
    pub messages_dropped: u64,
    /// Bytes of log lines that wait to be written; handlers with one file share this.
    pub log_bytes_queued: usize,
    /// Batches of log lines that the handler's stream did not take, because it does not keep up.
    pub log_writes_refused: u64,
    /// What was sent to each target.
    pub outbound: Vec<TargetStatus>,
    /// The documents that are fetched.
    pub lists: Vec<ListStatus>,
    /// Batches of log lines that were taken and could not be written; handlers with one file share this.
    pub log_writes_lost: u64,
}

/// What is counted as calls go by.
#[derive(Debug, Default)]
pub(super) struct Counts {
    pub(super) calls: Count,
    pub(super) traps: Count,
    pub(super) deadlines: Count,
    pub(super) exhausted: Count,
    pub(super) refused_by_breaker: Count,
    pub(super) errors: Count,
    pub(super) answers_trimmed: Count,
    pub(super) failed_elements: Count,
}

#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, amount: u64) {
        self.0.fetch_add(amount, Ordering::Relaxed);
    }

    fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Handler {
    /// What the handler has done so far.
    pub fn status(&self) -> HandlerStatus {
        let (series, series_overflowed) = self.surroundings.series.usage();
        let digest = self.component.digest().iter().map(|byte| format!("{byte:02x}")).collect();
        HandlerStatus {
            name: self.spec.name.clone(),
            adapter: self.component.name().to_owned(),
            digest,
            address: String::new(),
            unreachable: 0,
            retries: 0,
            calls: self.counts.calls.value(),
            traps: self.counts.traps.value(),
            deadlines: self.counts.deadlines.value(),
            exhausted: self.counts.exhausted.value(),
            refused_by_breaker: self.counts.refused_by_breaker.value(),
            breaker_open: self.breaker.is_open(),
            errors: self.counts.errors.value(),
            answers_trimmed: self.counts.answers_trimmed.value(),
            failed_elements: self.counts.failed_elements.value(),
            instances_idle: self.pool.idle(),
            instances_in_use: self.pool.in_use(),
            instances_missing: self.pool.missing(),
            series,
            series_overflowed,
            messages_dropped: self.surroundings.talk.dropped(),
            log_bytes_queued: self.surroundings.stream.get().map_or(0, |s| s.queued_bytes()),
            log_writes_refused: self.surroundings.writes_refused.load(Ordering::Relaxed),
            outbound: self.surroundings.targets.status(),
            lists: self.surroundings.lists.status(),
            log_writes_lost: self.surroundings.stream.get().map_or(0, |s| s.lost_writes()),
        }
    }
}
