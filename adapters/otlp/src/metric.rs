use std::collections::BTreeMap;

use adapter_sdk::{Instance, NewSeries, Problems, Value, ValueType};

use crate::attribute::{AttributeWriter, Name};
use crate::parameters::{Kind, MetricParameters};
use crate::wire::{self, Field};

/// The buckets that OpenTelemetry's conventions have for durations in seconds.
const USUAL_BOUNDS: [f64; 14] =
    [0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0];

/// More buckets than anybody reads.
const MAX_BOUNDS: usize = 500;

/// `Metric`.
const NAME: Field = 1;
const DESCRIPTION: Field = 2;
const UNIT: Field = 3;
const GAUGE: Field = 5;
const SUM: Field = 7;
const HISTOGRAM: Field = 9;
/// `Gauge`, `Sum`, `Histogram`.
const DATA_POINTS: Field = 1;
const TEMPORALITY: Field = 2;
const IS_MONOTONIC: Field = 3;
/// `AGGREGATION_TEMPORALITY_DELTA`.
const DELTA: u64 = 1;
/// `NumberDataPoint` and `HistogramDataPoint`.
const START: Field = 2;
const TIME: Field = 3;
const AS_DOUBLE: Field = 4;
const AS_INTEGER: Field = 6;
const NUMBER_ATTRIBUTES: Field = 7;
const COUNT: Field = 4;
const TOTAL: Field = 5;
const BUCKET_COUNTS: Field = 6;
const BOUNDS: Field = 7;
const HISTOGRAM_ATTRIBUTES: Field = 9;
const MIN: Field = 11;
const MAX: Field = 12;

/// How the samples of an instance become data points.
#[derive(Debug)]
pub(crate) struct Metric {
    kind: Kind,
    is_integer: bool,
    /// Name, description and unit, as fields of `Metric`.
    head: Vec<u8>,
    bounds: Vec<f64>,
    names: Vec<Name>,
}

/// What a series has had since the last report.
#[derive(Debug)]
pub(crate) struct Point {
    attributes: Vec<u8>,
    state: State,
    /// Samples in it; none: there is nothing to report.
    pub(crate) samples: u32,
}

#[derive(Debug)]
enum State {
    Integer(i64),
    Double(f64),
    Distribution { sum: f64, min: f64, max: f64, counts: Vec<u64> },
}

impl Metric {
    /// Checks a metric; `field` is its place in the parameters.
    pub(crate) fn new(
        parameters: &MetricParameters,
        instance: &Instance,
        renamed: &BTreeMap<String, String>,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        use ValueType as T;
        let mut problem =
            |name: &str, message: String| problems.add(format!("{field}.{name}"), message);
        if parameters.kind == Kind::Unspecified {
            problem("kind", "must be GAUGE, COUNTER or DISTRIBUTION".to_owned());
            return None;
        }
        let bounds = match (parameters.kind, &parameters.bounds[..]) {
            (Kind::Distribution, []) => USUAL_BOUNDS.to_vec(),
            (Kind::Distribution, bounds) => bounds.to_vec(),
            (_, []) => Vec::new(),
            _ => {
                problem("bounds", "are for DISTRIBUTION alone".to_owned());
                return None;
            }
        };
        let rises = bounds.windows(2).all(|pair| pair[0] < pair[1]);
        if !rises || bounds.iter().any(|bound| !bound.is_finite()) || bounds.len() > MAX_BOUNDS {
            problem("bounds", format!("must be finite and rising, {MAX_BOUNDS} at most"));
            return None;
        }
        // Texts may read as numbers; that is seen with each value.
        let is_number = matches!(
            instance.value_type,
            None | Some(
                T::Int64
                    | T::Double
                    | T::Duration
                    | T::Text
                    | T::EmailAddress
                    | T::Uri
                    | T::DnsName
            )
        );
        if !is_number {
            problem("instance_name", format!("the value of {} is no number", instance.name));
            return None;
        }
        let seconds = if instance.value_type == Some(T::Duration) { "s" } else { "" };
        let unit = if parameters.unit.is_empty() { seconds } else { &parameters.unit };
        let name = match parameters.name.as_str() {
            "" => short_name(&instance.name),
            name => name,
        };
        let mut head = Vec::new();
        for (field, text) in [(NAME, name), (DESCRIPTION, &parameters.description), (UNIT, unit)] {
            if !text.is_empty() {
                wire::bytes(&mut head, field, text.as_bytes());
            }
        }
        Some(Self {
            kind: parameters.kind,
            is_integer: instance.value_type == Some(T::Int64),
            head,
            bounds,
            names: Name::of_fields(instance, renamed),
        })
    }

    /// A series without samples.
    pub(crate) fn series(&self, new: &NewSeries<'_>, writer: &mut AttributeWriter) -> Point {
        let field = match self.kind {
            Kind::Distribution => HISTOGRAM_ATTRIBUTES,
            _ => NUMBER_ATTRIBUTES,
        };
        let mut attributes = Vec::new();
        for (name, value) in self.names.iter().zip(new.dimensions()) {
            writer.write(&mut attributes, field, name, value);
        }
        Point { attributes, state: self.fresh(), samples: 0 }
    }

    /// Adds a sample.
    ///
    /// # Errors
    /// When it is no number, or none for this kind of metric.
    pub(crate) fn apply(&self, point: &mut Point, value: Value<'_>) -> Result<(), String> {
        let bad = || Err(format!("{value} is no sample for this metric"));
        match (&mut point.state, value) {
            (State::Integer(sum), Value::Int64(number)) => match self.kind {
                Kind::Counter if number < 0 => return bad(),
                Kind::Counter => *sum = sum.saturating_add(number),
                _ => *sum = number,
            },
            (State::Integer(_), _) => return bad(),
            (state, _) => {
                let Some(number) = value.number() else {
                    return Err(format!("{value} is no number"));
                };
                if self.kind != Kind::Gauge && number.is_nan() {
                    return bad();
                }
                match state {
                    State::Double(_) if self.kind == Kind::Counter && number < 0.0 => return bad(),
                    State::Double(sum) if self.kind == Kind::Counter => *sum += number,
                    State::Double(last) => *last = number,
                    State::Distribution { sum, min, max, counts } => {
                        counts[self.bounds.partition_point(|bound| *bound < number)] += 1;
                        *sum += number;
                        *min = min.min(number);
                        *max = max.max(number);
                    }
                    State::Integer(_) => return bad(),
                }
            }
        }
        point.samples += 1;
        Ok(())
    }

    /// Appends a series as a data point and begins it anew.
    pub(crate) fn take(&self, out: &mut Vec<u8>, point: &mut Point, start: i64, now: i64) {
        let mut data = point.attributes.clone();
        if self.kind != Kind::Gauge {
            wire::time(&mut data, START, start);
        }
        wire::time(&mut data, TIME, now);
        match std::mem::replace(&mut point.state, self.fresh()) {
            State::Integer(number) => wire::fixed64(&mut data, AS_INTEGER, number.cast_unsigned()),
            State::Double(number) => wire::double(&mut data, AS_DOUBLE, number),
            State::Distribution { sum, min, max, counts } => {
                wire::fixed64(&mut data, COUNT, point.samples.into());
                // The protocol has no sum of samples below zero, which would not only rise.
                if min >= 0.0 {
                    wire::double(&mut data, TOTAL, sum);
                }
                wire::packed(&mut data, BUCKET_COUNTS, counts.into_iter());
                wire::packed(&mut data, BOUNDS, self.bounds.iter().map(|bound| bound.to_bits()));
                wire::double(&mut data, MIN, min);
                wire::double(&mut data, MAX, max);
            }
        }
        point.samples = 0;
        wire::bytes(out, DATA_POINTS, &data);
    }

    /// The metric with its data points, as the content of a `Metric`.
    pub(crate) fn with_points(&self, mut points: Vec<u8>) -> Vec<u8> {
        let field = match self.kind {
            Kind::Counter => SUM,
            Kind::Distribution => HISTOGRAM,
            Kind::Gauge | Kind::Unspecified => GAUGE,
        };
        if matches!(self.kind, Kind::Counter | Kind::Distribution) {
            wire::varint(&mut points, TEMPORALITY, DELTA);
        }
        if self.kind == Kind::Counter {
            wire::varint(&mut points, IS_MONOTONIC, 1);
        }
        let mut metric = self.head.clone();
        wire::bytes(&mut metric, field, &points);
        metric
    }

    fn fresh(&self) -> State {
        match self.kind {
            Kind::Distribution => State::Distribution {
                sum: 0.0,
                min: f64::INFINITY,
                max: f64::NEG_INFINITY,
                counts: vec![0; self.bounds.len() + 1],
            },
            _ if self.is_integer => State::Integer(0),
            _ => State::Double(0.0),
        }
    }
}

/// The name that the configuration gives an instance, without what follows it.
pub(crate) fn short_name(instance: &str) -> &str {
    instance.split('.').next().unwrap_or(instance)
}
