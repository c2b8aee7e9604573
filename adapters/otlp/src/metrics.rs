//! Metrics as deltas.
//!
//! Each report of the host becomes a request: sums and buckets of what this report has, and of gauges the
//! last value. So nothing is kept from one to the next, and nothing is lost with an instance of the
//! component. (Cumulative sums would have to outlive it.) A back end that wants them cumulative puts the
//! collector's processor `deltatocumulative` before it.
//!
//! A stream of deltas may have one writer alone, and instances of the component work side by side: each
//! has a `service.instance.id` of its own, and its reports follow each other without a gap.

use std::collections::BTreeMap;

use adapter_sdk::host::clock;
use adapter_sdk::{
    FailedElement, InstanceIndex, Instances, NewSeries, Problems, Sample, Template, nearest,
};

use crate::attribute::AttributeWriter;
use crate::envelope::{DATA, Envelope};
use crate::metric::{Metric, Point};
use crate::outlet::{Outlet, Signal, resource};
use crate::parameters::Parameters;
use crate::wire;

/// The metrics of the handler's instances.
#[derive(Debug)]
pub(crate) struct Metrics {
    outlet: Outlet,
    envelope: Envelope,
    max_bytes: usize,
    /// By the instance's index; `None` for instances of other templates.
    metrics: Vec<Option<Metric>>,
    /// By [`SeriesId`].
    series: Vec<Option<(InstanceIndex, Point)>>,
    free: Vec<usize>,
    /// The end of the last report.
    reported: i64,
    writer: AttributeWriter,
}

/// A series by its place in [`Metrics`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct SeriesId(usize);

impl Metrics {
    /// `None` when the handler has no metrics, or something is wrong with them.
    pub(crate) fn new(
        parameters: &Parameters,
        instances: &Instances,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut metrics: Vec<Option<Metric>> = (0..instances.len()).map(|_| None).collect();
        for (at, instance) in instances.of(Template::Metric) {
            let mut declared = parameters.metrics.iter().enumerate();
            let Some((index, declared)) =
                declared.find(|(_, declared)| declared.instance_name == instance.name)
            else {
                let names = parameters.metrics.iter().map(|m| m.instance_name.as_str());
                let hint = nearest(&instance.name, names);
                let message = format!("no entry has instance_name {}{hint}", instance.name);
                problems.add("metrics", message);
                continue;
            };
            let field = format!("metrics[{index}]");
            metrics[at.get()] =
                Metric::new(declared, instance, &parameters.attribute_names, &field, problems);
        }
        instances.of(Template::Metric).next()?;
        let now = clock::now();
        let mut attributes = resource(parameters, &parameters.service_name);
        let id = || format!("{:016x}", now.cast_unsigned() ^ clock::monotonic().rotate_left(32));
        attributes.entry("service.instance.id".to_owned()).or_insert_with(id);
        Some(Self {
            outlet: Outlet::open(Signal::Metrics, parameters, problems)?,
            envelope: Envelope::new(&attributes),
            max_bytes: parameters.max_request_bytes as usize,
            metrics,
            series: Vec::new(),
            free: Vec::new(),
            reported: now,
            writer: AttributeWriter::default(),
        })
    }

    pub(crate) fn introduce(&mut self, new: &NewSeries<'_>) -> SeriesId {
        let metric = self.metrics[new.instance.get()].as_ref();
        let metric = metric.expect("the host knows the instances that were configured");
        let series = Some((new.instance, metric.series(new, &mut self.writer)));
        match self.free.pop() {
            Some(place) => {
                self.series[place] = series;
                SeriesId(place)
            }
            None => {
                self.series.push(series);
                SeriesId(self.series.len() - 1)
            }
        }
    }

    pub(crate) fn forget(&mut self, SeriesId(place): SeriesId) {
        self.series[place] = None;
        self.free.push(place);
    }

    /// Sends what a report has.
    pub(crate) fn report(&mut self, samples: &[Sample<'_, SeriesId>]) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        // By instance, so that each metric is there once.
        let mut touched: BTreeMap<(InstanceIndex, SeriesId), Vec<u32>> = BTreeMap::new();
        for (element, sample) in (0..).zip(samples) {
            let id = *sample.series;
            let (instance, point) =
                self.series[id.0].as_mut().expect("the SDK hands in series that were introduced");
            let metric = self.metrics[instance.get()].as_ref();
            let metric = metric.expect("a series is introduced with its metric");
            match metric.apply(point, sample.value) {
                Ok(()) => touched.entry((*instance, id)).or_default().push(element),
                Err(message) => failed.push(FailedElement { element, message }),
            }
        }
        let start = self.reported;
        // A clock that was set back makes no stretch of time of no length.
        let now = clock::now().max(start + 1);
        self.reported = now;
        let mut request = Request::default();
        let touched: Vec<_> = touched.into_iter().collect();
        for of_metric in touched.chunk_by(|((a, _), _), ((b, _), _)| a == b) {
            let ((instance, _), _) = &of_metric[0];
            let metric = self.metrics[instance.get()].as_ref();
            let metric = metric.expect("a series is introduced with its metric");
            let mut points = Vec::new();
            for ((_, SeriesId(place)), elements) in of_metric {
                let Some((_, point)) = &mut self.series[*place] else { continue };
                metric.take(&mut points, point, start, now);
                request.elements.extend(elements);
                if request.data.len() + points.len() >= self.max_bytes / 2 {
                    let points = std::mem::take(&mut points);
                    wire::bytes(&mut request.data, DATA, &metric.with_points(points));
                    self.send(std::mem::take(&mut request), &mut failed);
                }
            }
            if !points.is_empty() {
                wire::bytes(&mut request.data, DATA, &metric.with_points(points));
            }
        }
        self.send(request, &mut failed);
        failed
    }

    fn send(&self, request: Request, failed: &mut Vec<FailedElement>) {
        if request.data.is_empty() {
            return;
        }
        let elements = u32::try_from(request.elements.len()).unwrap_or(u32::MAX);
        if let Err(message) = self.outlet.send(self.envelope.request(&request.data), elements) {
            let fail = |element| FailedElement { element, message: message.clone() };
            failed.extend(request.elements.into_iter().map(fail));
        }
    }
}

/// A request under way.
#[derive(Debug, Default)]
struct Request {
    data: Vec<u8>,
    elements: Vec<u32>,
}
