use std::ops::Range;

use mesh_attributes::{Value, ValueType};

use super::key;
use crate::bindings::exports::mixmesh::adapter::metric;
use crate::{AdapterValue, InstanceIndex};

/// The dimensions of one metric in a batch, in bytes. What is longer comes from a client that sends
/// nonsense, and would be a series of its own each time.
const MAX_KEY: usize = 64 << 10;

/// Metric instances of one Report request for one handler. Grows with what is pushed; the caller bounds
/// the request.
#[derive(Debug, Default)]
pub struct MetricBatch {
    pub(super) samples: Vec<Pending>,
    /// Series keys and texts of measures, one after the other.
    bytes: Vec<u8>,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) element: u32,
    pub(super) instance: u32,
    pub(super) hash: u64,
    key: Range<usize>,
    measure: Measure,
}

#[derive(Debug, Clone)]
enum Measure {
    Int64(i64),
    Double(f64),
    Duration(i64),
    Boolean(bool),
    Timestamp(i64),
    Text(Range<usize>),
    /// An address or a map.
    None,
}

impl MetricBatch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an instance. `element` is the caller's number for it, `dimensions` are in the order of the
    /// instance's declaration. Costs a copy and a hash of the dimensions.
    pub fn push(
        &mut self,
        element: u32,
        instance: InstanceIndex,
        dimensions: &[AdapterValue<'_>],
        value: AdapterValue<'_>,
    ) {
        let start = self.bytes.len();
        key::encode(instance.0, dimensions, &mut self.bytes);
        let key = start..self.bytes.len();
        let hash = key::hash(&self.bytes[key.clone()]);
        let measure = self.measure(value);
        self.samples.push(Pending { element, instance: instance.0, hash, key, measure });
    }

    /// How many instances it holds.
    pub fn len(&self) -> usize {
        self.samples.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.samples.is_empty()
    }

    /// The numbers of the instances from `start`.
    pub(crate) fn elements(&self, start: usize) -> impl Iterator<Item = u32> {
        self.samples[start..].iter().map(|pending| pending.element)
    }

    fn measure(&mut self, value: Value<'_>) -> Measure {
        match value {
            Value::Int64(number) => Measure::Int64(number),
            Value::Double(number) => Measure::Double(number),
            Value::Duration(span) => Measure::Duration(span.as_nanos()),
            Value::Bool(truth) => Measure::Boolean(truth),
            Value::Timestamp(moment) => Measure::Timestamp(super::epoch_nanos(moment)),
            Value::String(text) => {
                let start = self.bytes.len();
                let end = text.floor_char_boundary(MAX_KEY);
                self.bytes.extend_from_slice(&text.as_bytes()[..end]);
                Measure::Text(start..self.bytes.len())
            }
            Value::Bytes(_) | Value::StringMap(_) => Measure::None,
        }
    }

    /// The series' key, or why the instance cannot be delivered. `declared` is the type that its
    /// instance declares for the value.
    pub(super) fn key(
        &self,
        pending: &Pending,
        declared: Option<ValueType>,
    ) -> Result<&[u8], String> {
        if pending.key.len() > MAX_KEY {
            return Err(format!("the dimensions take more than {MAX_KEY} bytes"));
        }
        if let Some(declared) = declared
            && !pending.measure.fits(declared)
        {
            return Err(format!("the value is no {}", declared.name()));
        }
        Ok(&self.bytes[pending.key.clone()])
    }

    pub(super) fn sample(&self, pending: &Pending, series: u32) -> metric::Sample<'_> {
        let value = match &pending.measure {
            Measure::Int64(number) => metric::Measure::Int64(*number),
            Measure::Double(number) => metric::Measure::Double(*number),
            Measure::Duration(nanos) => metric::Measure::Duration(*nanos),
            Measure::Boolean(truth) => metric::Measure::Boolean(*truth),
            Measure::Timestamp(nanos) => metric::Measure::Timestamp(*nanos),
            Measure::Text(range) => {
                let text = std::str::from_utf8(&self.bytes[range.clone()]);
                metric::Measure::Text(text.expect("copied from a str, cut between characters"))
            }
            Measure::None => metric::Measure::Text(""),
        };
        metric::Sample { series, value }
    }
}

impl Measure {
    fn fits(&self, declared: ValueType) -> bool {
        use ValueType as T;
        match self {
            Self::Int64(_) => declared == T::Int64,
            Self::Double(_) => declared == T::Double,
            Self::Duration(_) => declared == T::Duration,
            Self::Boolean(_) => declared == T::Bool,
            Self::Timestamp(_) => declared == T::Timestamp,
            Self::Text(_) => {
                matches!(declared, T::String | T::DnsName | T::EmailAddress | T::Uri)
            }
            Self::None => false,
        }
    }
}
