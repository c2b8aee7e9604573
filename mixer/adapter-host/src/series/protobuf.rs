//! Prometheus' protobuf format: messages of its client model, each after its length.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_api::io::prometheus::client::{
    Bucket, BucketSpan, Counter, Exemplar as WireExemplar, Gauge, Histogram as WireHistogram,
    LabelPair, Metric, MetricFamily, MetricType,
};
use prost::Message;

use super::cell::Cell;
use super::definition::{Definition, MetricKind};
use super::exemplar::Exemplar;
use super::family::Series;
use super::histogram::Histogram;
use super::labels;

/// Runs of empty buckets up to this long are written as zeros: another span would be longer.
const MAX_GAP: i32 = 2;

/// Appends a metric with its series.
pub(super) fn write_family(out: &mut Vec<u8>, definition: &Definition, series: &[Arc<Series>]) {
    let metric_type = match definition.kind() {
        MetricKind::Counter => MetricType::Counter,
        MetricKind::Gauge => MetricType::Gauge,
        MetricKind::Histogram => MetricType::Histogram,
    };
    let family = MetricFamily {
        name: Some(definition.name().to_owned()),
        help: Some(definition.help().to_owned()),
        r#type: Some(metric_type.into()),
        metric: series.iter().map(|series| metric(definition, series)).collect(),
    };
    out.extend(family.encode_length_delimited_to_vec());
}

fn metric(definition: &Definition, series: &Series) -> Metric {
    let pair = |(name, value): (&str, String)| label(name, value);
    let label = labels::read(series.labels()).map(pair).collect();
    let metric = Metric { label, ..Metric::default() };
    match series.cell() {
        Cell::Counter(counter) => {
            let exemplar = counter.exemplar().map(exemplar);
            let counter = Counter { value: Some(counter.total()), exemplar };
            Metric { counter: Some(counter), ..metric }
        }
        Cell::Gauge(last) => Metric { gauge: Some(Gauge { value: Some(last.value()) }), ..metric },
        Cell::Histogram(of_series) => {
            Metric { histogram: Some(histogram(definition, of_series)), ..metric }
        }
    }
}

fn histogram(definition: &Definition, histogram: &Histogram) -> WireHistogram {
    let (reading, mut exemplars) = (histogram.read(), histogram.exemplars());
    let bounds = super::text::bounds(definition);
    let buckets = bounds.zip(&reading.cumulative).enumerate().map(|(index, (bound, count))| {
        let exemplar = exemplars.get_mut(index).and_then(Option::take).map(exemplar);
        Bucket { cumulative_count: Some(*count), upper_bound: Some(bound), exemplar }
    });
    let wire = WireHistogram {
        bucket: buckets.collect(),
        sample_count: Some(reading.count()),
        sample_sum: Some(reading.sum),
        ..WireHistogram::default()
    };
    let Some(native) = reading.native else { return wire };
    let (negative_span, negative_delta) = spans(&native.negative);
    let (mut positive_span, positive_delta) = spans(&native.positive);
    if positive_span.is_empty() && negative_span.is_empty() && native.zero_threshold == 0.0 {
        // Else it could not be told from a histogram without native buckets.
        positive_span.push(BucketSpan { offset: Some(0), length: Some(0) });
    }
    WireHistogram {
        schema: Some(native.schema),
        zero_threshold: Some(native.zero_threshold),
        zero_count: Some(native.zero_count),
        negative_span,
        negative_delta,
        positive_span,
        positive_delta,
        ..wire
    }
}

/// Buckets as stretches of consecutive ones, with each count as the difference to the one before.
fn spans(buckets: &BTreeMap<i32, u64>) -> (Vec<BucketSpan>, Vec<i64>) {
    let (mut spans, mut deltas) = (Vec::<BucketSpan>::new(), Vec::new());
    let (mut next, mut before) = (0, 0);
    for (number, count) in buckets {
        let gap = number - next;
        match spans.last_mut() {
            Some(BucketSpan { length: Some(length), .. }) if gap <= MAX_GAP => {
                for _ in 0..gap {
                    deltas.push(-before);
                    before = 0;
                }
                *length += gap.unsigned_abs() + 1;
            }
            _ => spans.push(BucketSpan { offset: Some(gap), length: Some(1) }),
        }
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        deltas.push(count - before);
        (next, before) = (number + 1, count);
    }
    (spans, deltas)
}

fn exemplar(Exemplar { labels, value, at }: Exemplar) -> WireExemplar {
    let pair = |(name, value): &(Box<str>, Box<str>)| label(name, value.to_string());
    WireExemplar {
        label: labels.iter().map(pair).collect(),
        value: Some(value),
        timestamp: Some(at.into()),
    }
}

fn label(name: &str, value: String) -> LabelPair {
    LabelPair { name: Some(name.to_owned()), value: Some(value) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(buckets: &[(i32, u64)]) -> (Vec<(i32, u32)>, Vec<i64>) {
        let (spans, deltas) = spans(&buckets.iter().copied().collect());
        let pair = |span: BucketSpan| (span.offset.unwrap(), span.length.unwrap());
        (spans.into_iter().map(pair).collect(), deltas)
    }

    #[test]
    fn short_gaps_are_filled_and_long_ones_begin_a_span() {
        assert_eq!(written(&[]), (vec![], vec![]));
        assert_eq!(written(&[(-3, 2), (-2, 5)]), (vec![(-3, 2)], vec![2, 3]));
        assert_eq!(written(&[(0, 4), (3, 1)]), (vec![(0, 4)], vec![4, -4, 0, 1]));
        assert_eq!(written(&[(7, 4), (11, 1)]), (vec![(7, 1), (3, 1)], vec![4, -3]));
    }
}
