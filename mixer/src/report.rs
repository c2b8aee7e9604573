//! Report: from the bytes of a batch to the queues of the handlers.

use std::fmt::Display;
use std::sync::Arc;

use adapter_host::{AdapterValue, ColumnBatch, ColumnTemplate, MetricBatch};
use http::HeaderMap;
use mesh_attributes::Bag;
use mesh_attributes::wire::ReportRequest;
use mixer_expr::Evaluated;
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;
use remote_adapter::ReportRow;
use smallvec::SmallVec;
use tonic::Status;
use tracing::debug;

use crate::batches::Arrival;
use crate::generate::RememberedOutputs;
use crate::handlers::{HandlerUnit, ReportBatch};
use crate::instance::{FieldError, adapter_value, evaluate_owned};
use crate::layered::Layered;
use crate::policy::rule::{Field, ReportCall, ReportInput, ReportRule, Target};
use crate::service::Mixer;

/// How many bad elements an error names; the count is always whole.
const MAX_NAMED_ELEMENTS: usize = 10;

impl Mixer {
    /// Takes a `ReportRequest`: returns when its instances are in the queues of their handlers. Header
    /// `mixmesh-batch` names it; a batch that was taken before is not taken again.
    ///
    /// # Errors
    /// INVALID_ARGUMENT for a message that is no `ReportRequest`, or that has elements that cannot be
    /// read: those are named, and all others were taken.
    pub async fn report(&self, request: &[u8], headers: &HeaderMap) -> Result<(), Status> {
        self.metrics.report_requests.inc();
        let request = ReportRequest::decode(request).map_err(|cause| {
            self.metrics.malformed_messages.with_label_values(&["report"]).inc();
            Status::invalid_argument(format!("malformed ReportRequest: {cause}"))
        })?;
        let batch = headers.get("mixmesh-batch").and_then(|batch| batch.to_str().ok());
        if batch.is_some_and(|b| self.batches.arrive(b, &self.metrics) == Arrival::Repeated) {
            return Ok(());
        }
        let parent = mesh_runtime::parent_context(headers);
        let span = self.span("report", SpanKind::Server, parent.as_ref());
        self.metrics.reports_received.inc_by(request.len() as u64);
        let mut outgoing = Outgoing::default();
        let policy = self.policy();
        let mut remembered = RememberedOutputs::default();
        let mut bad = BadElements::default();
        let mut bags = request.bags();
        let mut element = 0;
        while let Some(bag) = bags.next_bag() {
            match bag {
                Ok(bag) => {
                    let generators = &policy.for_bag(bag).generate;
                    if generators.is_empty() {
                        let rules = &policy.for_bag(bag).report;
                        self.prepare_reports(element, rules, bag, &mut outgoing);
                    } else {
                        // What cannot be generated is missing, no more: the failure is counted.
                        let generated = self.generate(generators, bag, &mut remembered).await;
                        let generated = generated.map(|g| g.attributes).unwrap_or_default();
                        let bag = Layered { upper: bag, lower: &generated };
                        let rules = &policy.for_bag(&bag).report;
                        self.prepare_reports(element, rules, &bag, &mut outgoing);
                    }
                }
                Err(cause) => bad.add(&cause),
            }
            element += 1;
        }
        let failed = std::mem::take(&mut outgoing.failed);
        outgoing.send(self, span.context());
        if bad.count > 0 {
            self.metrics.malformed_messages.with_label_values(&["report"]).inc_by(bad.count);
            return Err(Status::invalid_argument(format!(
                "{} of {} elements could not be read, the others were taken: {}",
                bad.count,
                request.len(),
                bad.named.join("; ")
            )));
        }
        // Our filter would take an error for a batch of unknown fate.
        if batch.is_none() && failed.count > 0 {
            return Err(Status::invalid_argument(format!(
                "{} instances could not be made, the others were taken: {}",
                failed.count,
                failed.named.join("; ")
            )));
        }
        Ok(())
    }

    fn prepare_reports(
        &self,
        element: u32,
        rules: &[Arc<ReportRule>],
        bag: &impl Bag,
        outgoing: &mut Outgoing,
    ) {
        let mut known = KnownDimensions::default();
        for rule in rules {
            if !rule.scope.matches(bag, &self.metrics) || !rule.scope.takes(bag) {
                continue;
            }
            for call in &rule.calls {
                if let Err(cause) = outgoing.add(element, call, bag, &mut known) {
                    self.metrics
                        .report_instance_errors
                        .with_label_values(&[&call.target.instance])
                        .inc();
                    debug!(instance = %call.target.instance, %cause, "an instance could not be made");
                    let instance = &call.target.instance;
                    outgoing
                        .failed
                        .add(&format_args!("element {element}: instance {instance}: {cause}"));
                }
            }
        }
    }
}

/// What could not be read or made: all counted, a few named.
#[derive(Default)]
struct BadElements {
    count: u64,
    named: Vec<String>,
}

impl BadElements {
    fn add(&mut self, cause: &impl Display) {
        self.count += 1;
        if self.named.len() < MAX_NAMED_ELEMENTS {
            self.named.push(cause.to_string());
        }
    }
}

/// A handler, one of its templates, and what is for them.
type RowsOf = (Arc<HandlerUnit>, Arc<str>, Vec<ReportRow>);

/// The batches of one Report request, one for each handler and template.
#[derive(Default)]
struct Outgoing {
    metrics: SmallVec<[(Arc<HandlerUnit>, MetricBatch); 4]>,
    columns: SmallVec<[(Arc<HandlerUnit>, ColumnBatch); 4]>,
    /// For adapters that are no components, by template.
    rows: SmallVec<[RowsOf; 2]>,
    /// How many requests were selected for an instance.
    nothing: SmallVec<[(Target, u32); 2]>,
    /// Instances that could not be made.
    failed: BadElements,
}

impl Outgoing {
    fn add<'a>(
        &mut self,
        element: u32,
        call: &'a ReportCall,
        bag: &'a impl Bag,
        known: &mut KnownDimensions<'a>,
    ) -> Result<(), FieldError> {
        let target = &call.target;
        match &*call.input {
            ReportInput::Metric { value, dimensions, dimensions_digest } => {
                let value = value.evaluate(bag)?;
                let dimensions = known.evaluate(dimensions_digest, dimensions, bag)?;
                let values: Values<'_> = dimensions.iter().map(adapter_value).collect();
                self.metrics_of(&target.handler).push(
                    element,
                    target.index,
                    &values,
                    adapter_value(&value),
                );
            }
            ReportInput::Nothing => self.count(target),
            ReportInput::Columns { template, fields } => {
                let fields = evaluate_all(fields, bag)?;
                let values: Values<'_> = fields.iter().map(adapter_value).collect();
                self.columns_of(*template, &target.handler).push(element, target.index, &values);
            }
            ReportInput::Row { template, fields } => {
                let values = evaluate_owned(fields, bag)?;
                let row = ReportRow { element, instance: target.index, values };
                self.rows_of(template, &target.handler).push(row);
            }
        }
        Ok(())
    }

    fn metrics_of(&mut self, handler: &Arc<HandlerUnit>) -> &mut MetricBatch {
        let same = |(known, _): &(Arc<_>, _)| Arc::ptr_eq(known, handler);
        let new = || (Arc::clone(handler), MetricBatch::new());
        &mut find_or_push(&mut self.metrics, same, new).1
    }

    fn columns_of(
        &mut self,
        template: ColumnTemplate,
        handler: &Arc<HandlerUnit>,
    ) -> &mut ColumnBatch {
        let same = |(known, batch): &(Arc<_>, ColumnBatch)| {
            Arc::ptr_eq(known, handler) && batch.template() == template
        };
        let new = || (Arc::clone(handler), ColumnBatch::new(template));
        &mut find_or_push(&mut self.columns, same, new).1
    }

    fn rows_of(&mut self, template: &Arc<str>, handler: &Arc<HandlerUnit>) -> &mut Vec<ReportRow> {
        let same = |(known, of, _): &RowsOf| Arc::ptr_eq(known, handler) && of == template;
        let new = || (Arc::clone(handler), Arc::clone(template), Vec::new());
        &mut find_or_push(&mut self.rows, same, new).2
    }

    fn count(&mut self, target: &Target) {
        let same = |(known, _): &(Target, u32)| {
            Arc::ptr_eq(&known.handler, &target.handler) && known.index == target.index
        };
        find_or_push(&mut self.nothing, same, || (target.clone(), 0)).1 += 1;
    }

    fn send(self, mixer: &Mixer, parent: Option<&Context>) {
        let metrics = &mixer.metrics;
        let handlers =
            self.metrics.len() + self.columns.len() + self.rows.len() + self.nothing.len();
        let of_metrics = self.metrics.iter().map(|(_, batch)| batch.len());
        let instances = of_metrics.chain(self.columns.iter().map(|(_, batch)| batch.len()));
        let instances = instances.chain(self.rows.iter().map(|(.., rows)| rows.len()));
        metrics.dispatch_destinations.observe(handlers as f64);
        metrics.dispatch_instances.observe(instances.map(|len| len as f64).sum());
        for (handler, batch) in self.metrics {
            let span = mixer.span(&handler.name, SpanKind::Internal, parent);
            handler.enqueue(ReportBatch::Metrics(batch), span, metrics);
        }
        for (handler, batch) in self.columns {
            let span = mixer.span(&handler.name, SpanKind::Internal, parent);
            handler.enqueue(ReportBatch::Columns(batch), span, metrics);
        }
        for (handler, template, rows) in self.rows {
            let span = mixer.span(&handler.name, SpanKind::Internal, parent);
            handler.enqueue(ReportBatch::Rows(template, rows), span, metrics);
        }
        for (target, count) in self.nothing {
            let span = mixer.span(&target.handler.name, SpanKind::Internal, parent);
            target.handler.enqueue(ReportBatch::Nothing(target.index, count), span, metrics);
        }
    }
}

/// The entry that is meant, which is made when it is missing. A request goes to a handful of handlers: a
/// list is searched faster than a map.
fn find_or_push<A: smallvec::Array>(
    entries: &mut SmallVec<A>,
    is_meant: impl Fn(&A::Item) -> bool,
    new: impl FnOnce() -> A::Item,
) -> &mut A::Item {
    let at = entries.iter().position(is_meant).unwrap_or_else(|| {
        entries.push(new());
        entries.len() - 1
    });
    &mut entries[at]
}

/// Istio's metrics have 19 labels, a span 17 fields and some tags: no allocation for them.
type Values<'v> = SmallVec<[AdapterValue<'v>; 32]>;

/// What fields evaluate to.
type AllEvaluated<'a> = SmallVec<[Evaluated<'a>; 32]>;

/// The dimensions of a request's last metric. The metrics of a mesh are alike: Istio's all have the same
/// dimensions, and to evaluate them again for each was a third of what a report cost.
#[derive(Default)]
struct KnownDimensions<'a> {
    /// Which they are; none when they could not be evaluated.
    digest: Option<&'a [u8; 32]>,
    values: AllEvaluated<'a>,
}

impl<'a> KnownDimensions<'a> {
    /// The values of `dimensions`, whose digest is `digest`, for the one bag that this is for.
    fn evaluate(
        &mut self,
        digest: &'a [u8; 32],
        dimensions: &'a [Field],
        bag: &'a impl Bag,
    ) -> Result<&AllEvaluated<'a>, FieldError> {
        if self.digest != Some(digest) {
            self.digest = None;
            self.values = evaluate_all(dimensions, bag)?;
            self.digest = Some(digest);
        }
        Ok(&self.values)
    }
}

fn evaluate_all<'a>(
    fields: &'a [Field],
    bag: &'a impl Bag,
) -> Result<AllEvaluated<'a>, FieldError> {
    fields.iter().map(|field| field.evaluate(bag)).collect()
}

#[cfg(test)]
mod tests;
