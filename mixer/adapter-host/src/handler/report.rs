use std::collections::HashMap;

use super::Handler;
use super::lease::until;
use crate::bindings::mixmesh::adapter::types;
use crate::guest_text::cut;
use crate::{
    CallError, ColumnBatch, ColumnTemplate, FailedElement, InstanceIndex, MetricBatch, Template,
    Variety,
};

impl Handler {
    /// Hands metric instances to the adapter: once, in one call as a rule and in several when they would
    /// not fit into its memory. Each call has [`crate::Limits::report_deadline`].
    ///
    /// Returns the elements that were not taken; all others were.
    ///
    /// # Errors
    /// When the first call fails: nothing counts as delivered then. Elements of a later call that fails
    /// are among those returned.
    pub async fn report_metrics(
        &self,
        batch: &MetricBatch,
    ) -> Result<Vec<FailedElement>, CallError> {
        let mut failed = Failed::default();
        let mut start = 0;
        while start < batch.len() {
            let mut lease = match self.lease(self.spec.limits.report_deadline).await {
                Ok(lease) => lease,
                Err(cause) => {
                    failed.rest(batch.elements(start), &cause)?;
                    break;
                }
            };
            let deadline = lease.deadline;
            let guest = lease.guest();
            let instances = &self.spec.instances;
            let chunk = guest.series.chunk(batch, start, instances, &mut failed.elements);
            start = chunk.end;
            let Some(interface) = guest.exports.metric.as_ref().filter(|_| !chunk.is_empty())
            else {
                // Nothing in it was as declared, and nothing was introduced.
                lease.finish(Ok(Ok(())))?;
                continue;
            };
            let store = &mut guest.store;
            let call = chunk.call(async |batch| interface.call_report(store, batch).await);
            let outcome = until(deadline, call).await;
            match lease.finish(outcome) {
                Ok(refused) => failed.refused(refused, chunk.elements()),
                Err(cause) => failed.rest(chunk.elements().iter().copied(), &cause)?,
            }
            failed.delivered = true;
        }
        self.count(failed)
    }

    /// Hands log entries, spans or edges to the adapter, as [`Self::report_metrics`] does with metrics.
    ///
    /// # Errors
    /// As there.
    pub async fn report_columns(
        &self,
        batch: &ColumnBatch,
    ) -> Result<Vec<FailedElement>, CallError> {
        let mut failed = Failed::default();
        for call in batch.calls(&self.spec.instances, &mut failed.elements) {
            let mut lease = match self.lease(self.spec.limits.report_deadline).await {
                Ok(lease) => lease,
                Err(cause) => {
                    failed.rest(call.elements(), &cause)?;
                    continue;
                }
            };
            let deadline = lease.deadline;
            let guest = lease.guest();
            let (exports, store) = (&guest.exports, &mut guest.store);
            // Handlers are built only with instances of templates that the component exports.
            let matches = "instances match the exports";
            let outcome = match batch.template() {
                ColumnTemplate::LogEntry => {
                    let interface = exports.logentry.as_ref().expect(matches);
                    let outcome = call.log_entries(async |b| interface.call_report(store, b).await);
                    until(deadline, outcome).await
                }
                ColumnTemplate::TraceSpan => {
                    let interface = exports.tracespan.as_ref().expect(matches);
                    let outcome = call.spans(async |b| interface.call_report(store, b).await);
                    until(deadline, outcome).await
                }
                ColumnTemplate::Edge => {
                    let interface = exports.edge.as_ref().expect(matches);
                    let outcome = call.edges(async |b| interface.call_report(store, b).await);
                    until(deadline, outcome).await
                }
            };
            match lease.finish(outcome) {
                Ok(refused) => failed.elements.extend(handed_over(refused, call.elements())),
                Err(cause) => failed.rest(call.elements(), &cause)?,
            }
            failed.delivered = true;
        }
        self.count(failed)
    }

    /// Tells the adapter how many requests rules have selected for an instance.
    ///
    /// # Errors
    /// When the call fails or the adapter cannot take it: nothing counts as delivered then.
    pub async fn report_nothing(
        &self,
        instance: InstanceIndex,
        count: u32,
    ) -> Result<(), CallError> {
        let variety = Variety::Report;
        if self.instance_of(instance, variety)?.template != Template::ReportNothing {
            return Err(CallError::NoSuchInstance { variety, index: instance.0 });
        }
        let mut lease = self.lease(self.spec.limits.report_deadline).await?;
        let deadline = lease.deadline;
        let guest = lease.guest();
        let interface = guest.exports.reportnothing.as_ref().expect("instances match the exports");
        let call = interface.call_report(&mut guest.store, instance.0, count);
        let outcome = until(deadline, call).await;
        lease.finish(outcome)?.map_err(|error| self.refusal(error))
    }

    fn count(&self, failed: Failed) -> Result<Vec<FailedElement>, CallError> {
        self.counts.failed_elements.add(failed.elements.len() as u64);
        Ok(failed.elements)
    }
}

/// What the adapter refused of the `elements` of a call: no others, and none more often than it was handed
/// over. The rest is the adapter's mistake and stands for nothing.
pub(crate) fn handed_over(
    refused: Vec<types::FailedElement>,
    elements: impl Iterator<Item = u32>,
) -> impl Iterator<Item = FailedElement> {
    let mut left: HashMap<u32, u32> = HashMap::new();
    if !refused.is_empty() {
        elements.for_each(|element| *left.entry(element).or_default() += 1);
    }
    refused.into_iter().filter_map(move |refused| {
        let left = left.get_mut(&refused.element).filter(|left| **left > 0)?;
        *left -= 1;
        Some(FailedElement { element: refused.element, message: cut(refused.message) })
    })
}

/// What was not delivered so far.
#[derive(Debug, Default)]
struct Failed {
    elements: Vec<FailedElement>,
    /// Whether a call was made.
    delivered: bool,
}

impl Failed {
    /// Notes what the adapter refused: positions in `elements`.
    fn refused(&mut self, refused: Vec<types::FailedElement>, elements: &[u32]) {
        let positions = (0..).zip(elements).map(|(position, _)| position);
        self.elements.extend(
            handed_over(refused, positions).map(|failed| FailedElement {
                element: elements[failed.element as usize],
                ..failed
            }),
        );
    }

    /// Notes that a call failed with all its elements; when it was the first one, that is the result.
    fn rest(
        &mut self,
        elements: impl Iterator<Item = u32>,
        cause: &CallError,
    ) -> Result<(), CallError> {
        if !self.delivered {
            return Err(cause.clone());
        }
        let failed = |element| FailedElement { element, message: cause.to_string() };
        self.elements.extend(elements.map(failed));
        Ok(())
    }
}
