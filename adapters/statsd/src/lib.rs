//! Sends metric instances to a StatsD or DogStatsD server.
//!
//! Dimensions are seen once for each series, so a sample costs its number and a copy of the line's
//! beginning. Counters of one series are added up within a batch: the server would do the same.

mod metric;
mod parameters;
mod template;

use std::collections::HashMap;

use adapter_sdk::host::clock;
use adapter_sdk::host::outbound::{self, Message, SendError};
use adapter_sdk::{
    Adapter, FailedElement, InstanceIndex, Instances, MetricSeries, NewSeries, Problems, Sample,
    Template, Value, nearest,
};

pub use crate::metric::Line;
use crate::metric::Metric;
use crate::parameters::Dialect;
pub use crate::parameters::Parameters;

adapter_sdk::export!(StatsD: metric);

/// The adapter: for each of the handler's instances its metric.
#[derive(Debug)]
pub struct StatsD {
    target: u32,
    dialect: Dialect,
    rate: f64,
    flush_bytes: usize,
    /// By the instance's index; `None` for instances of other templates.
    metrics: Vec<Option<Metric>>,
    chance: Chance,
}

/// Numbers that look random, for sampling.
#[derive(Debug)]
struct Chance(u64);

/// Lines that go out in one message.
#[derive(Debug, Default)]
struct Bundle {
    lines: String,
    elements: Vec<u32>,
}

/// What the counters of a batch have grown by, in the order in which they appeared.
#[derive(Debug, Default)]
struct Sums<'s> {
    in_order: Vec<Sum<'s>>,
    places: HashMap<*const Line, usize>,
}

#[derive(Debug)]
struct Sum<'s> {
    series: &'s Line,
    value: i64,
    elements: Vec<u32>,
}

impl Adapter for StatsD {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        let mut metrics: Vec<Option<Metric>> = (0..instances.len()).map(|_| None).collect();
        for (index, instance) in instances.of(Template::Metric) {
            let names = parameters.metrics.keys().map(String::as_str);
            match parameters.metrics.get(&instance.name) {
                Some(metric) => {
                    let field = format!("metrics[{}]", instance.name);
                    metrics[index.get()] =
                        Metric::new(&parameters, metric, instance, &field, &mut problems);
                }
                None => {
                    let hint = nearest(&instance.name, names);
                    let message = format!("has no entry for {}{hint}", instance.name);
                    problems.add("metrics", message);
                }
            }
        }
        let target = outbound::open(&parameters.target()).unwrap_or_else(|message| {
            problems.add("address", message);
            0
        });
        problems.none_or(Self {
            target,
            dialect: parameters.dialect,
            rate: parameters.rate(),
            flush_bytes: parameters.flush_bytes as usize,
            metrics,
            chance: Chance::new(),
        })
    }
}

impl MetricSeries for StatsD {
    type Series = Line;

    fn introduce(&mut self, series: &[NewSeries<'_>]) -> Vec<Line> {
        let line = |series: &NewSeries<'_>| {
            let dimensions: Vec<String> = series.dimensions().map(|d| d.to_string()).collect();
            self.metric(series.instance).series(&dimensions)
        };
        series.iter().map(line).collect()
    }

    fn report(&mut self, samples: &[Sample<'_, Line>]) -> Vec<FailedElement> {
        let mut failed = Vec::new();
        let mut bundle = Bundle::default();
        let mut sums = Sums::default();
        let mut line = String::new();
        for (element, sample) in (0..).zip(samples) {
            let series = sample.series;
            if let Value::Int64(number @ 0..) = sample.value
                && series.adds_up()
                && self.rate == 1.0
            {
                sums.add(series, number, element);
                continue;
            }
            let rate = if series.may_be_sampled() { self.rate } else { 1.0 };
            line.clear();
            match series.write(&mut line, sample.value, self.dialect, rate) {
                Err(message) => failed.push(FailedElement { element, message }),
                Ok(()) if self.chance.takes(rate) => {
                    self.add(&mut bundle, &line, &[element], &mut failed);
                }
                Ok(()) => {}
            }
        }
        for Sum { series, value, elements } in sums.in_order {
            line.clear();
            match series.write(&mut line, Value::Int64(value), self.dialect, 1.0) {
                Ok(()) => self.add(&mut bundle, &line, &elements, &mut failed),
                Err(message) => failed.extend(fail(&elements, &message)),
            }
        }
        self.send(&mut bundle, &mut failed);
        failed
    }

    fn forget(&mut self, _series: Vec<Line>) {}
}

impl StatsD {
    fn metric(&self, instance: InstanceIndex) -> &Metric {
        let metric = self.metrics.get(instance.get()).and_then(Option::as_ref);
        metric.expect("the host knows the instances that were configured")
    }

    /// Adds a line to the bundle, which goes out first when it would become too long.
    fn add(
        &self,
        bundle: &mut Bundle,
        line: &str,
        elements: &[u32],
        failed: &mut Vec<FailedElement>,
    ) {
        if !bundle.lines.is_empty() && bundle.lines.len() + 1 + line.len() > self.flush_bytes {
            self.send(bundle, failed);
        }
        if !bundle.lines.is_empty() {
            bundle.lines.push('\n');
        }
        bundle.lines.push_str(line);
        bundle.elements.extend_from_slice(elements);
    }

    fn send(&self, bundle: &mut Bundle, failed: &mut Vec<FailedElement>) {
        let Bundle { lines, elements } = std::mem::take(bundle);
        if lines.is_empty() {
            return;
        }
        let count = u32::try_from(elements.len()).unwrap_or(u32::MAX);
        let message = Message { data: lines.into_bytes(), elements: count, token: None };
        if let Err(error) = outbound::send(self.target, &message) {
            let why = match error {
                SendError::Full => "the queue to the server is full",
                SendError::TooLarge => "the line is longer than a message may be",
                SendError::Closed => "the handler is closed",
            };
            failed.extend(fail(&elements, why));
        }
    }
}

impl<'s> Sums<'s> {
    fn add(&mut self, series: &'s Line, value: i64, element: u32) {
        let next = self.in_order.len();
        let place = *self.places.entry(series).or_insert(next);
        if place == next {
            self.in_order.push(Sum { series, value: 0, elements: Vec::new() });
        }
        let sum = &mut self.in_order[place];
        sum.value = sum.value.saturating_add(value);
        sum.elements.push(element);
    }
}

impl Chance {
    fn new() -> Self {
        Self(clock::monotonic() | 1)
    }

    /// Whether a thing that happens in this part of all cases happens now.
    fn takes(&mut self, rate: f64) -> bool {
        if rate >= 1.0 {
            return true;
        }
        // Xorshift: good enough for a share, and a few instructions.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        ((self.0 >> 11) as f64 / (1u64 << 53) as f64) < rate
    }
}

fn fail<'e>(elements: &'e [u32], message: &'e str) -> impl Iterator<Item = FailedElement> + 'e {
    elements.iter().map(|element| FailedElement { element: *element, message: message.to_owned() })
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
