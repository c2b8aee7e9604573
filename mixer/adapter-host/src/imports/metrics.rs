use std::time::{Duration, SystemTime};

use wasmtime::{Result, bail};

use crate::bindings::mixmesh::host::metrics::{self, Kind, Sample};
use crate::guest::GuestState;
use crate::series::{Definition, Draft, Exemplar, MetricKind, NativeLayout, SeriesHandle};

/// Ids that one component instance may hold. The host's own series are limited for the handler; this
/// bounds what a guest that never forgets costs.
const MAX_IDS: usize = 1 << 17;

/// The series that a component instance knows by id.
#[derive(Debug, Default)]
pub(crate) struct SeriesTable {
    slots: Vec<Option<SeriesHandle>>,
    free: Vec<u32>,
}

impl metrics::Host for GuestState {
    fn define(&mut self, definition: metrics::Definition) -> Result<Result<u32, String>> {
        self.define_with(definition, metrics::Options { native_histogram: None, exemplars: false })
    }

    fn define_with(
        &mut self,
        definition: metrics::Definition,
        options: metrics::Options,
    ) -> Result<Result<u32, String>> {
        let kind = match definition.kind {
            Kind::Counter => MetricKind::Counter,
            Kind::Gauge => MetricKind::Gauge,
            Kind::Histogram => MetricKind::Histogram,
        };
        let native = options.native_histogram.map(|native| NativeLayout {
            schema: native.schema,
            max_buckets: native.max_buckets,
            zero_threshold: native.zero_threshold,
        });
        let checked = Definition::new(&Draft {
            name: &definition.name,
            help: &definition.help,
            kind,
            buckets: &definition.buckets,
            labels: &definition.labels,
            expiry: definition.expiry.map(Duration::from_nanos),
            native,
            exemplars: options.exemplars,
        });
        Ok(match checked {
            Ok(checked) => self.surroundings.series.define(checked),
            Err(wrong) => Err(wrong.to_string()),
        })
    }

    fn intern(&mut self, metric: u32, label_values: Vec<Vec<String>>) -> Result<Vec<u32>> {
        let series = &self.surroundings.series;
        let Some(labels) = series.labels(metric) else {
            bail!("the adapter interned a series of metric {metric}, which is not defined");
        };
        let now = series.now();
        let mut ids = Vec::with_capacity(label_values.len());
        for values in label_values {
            if values.len() != labels {
                bail!("the adapter gave {} values for {labels} labels", values.len());
            }
            let Some(handle) = series.intern(metric, &values, now) else { break };
            ids.push(self.interned.insert(handle)?);
        }
        Ok(ids)
    }

    fn update(&mut self, samples: Vec<Sample>) -> Result<Vec<u32>> {
        self.update_with(samples, Vec::new())
    }

    fn update_with(
        &mut self,
        samples: Vec<Sample>,
        exemplars: Vec<metrics::Exemplar>,
    ) -> Result<Vec<u32>> {
        let series = &self.surroundings.series;
        let now = series.now();
        let mut exemplars = Exemplars::new(exemplars);
        let mut refused = Vec::new();
        for (position, sample) in (0..).zip(samples) {
            let Some(handle) = self.interned.get_mut(sample.series) else {
                bail!("the adapter updated series {}, which it has not interned", sample.series);
            };
            let exemplar = exemplars.of(position, sample.value);
            if series.apply(handle, sample.value, exemplar, now).is_err() {
                refused.push(position);
            }
        }
        Ok(refused)
    }

    fn forget(&mut self, series: Vec<u32>) -> Result<()> {
        for id in series {
            self.interned.remove(id);
        }
        Ok(())
    }
}

/// The exemplars of a list of samples, to be asked for in the samples' order.
struct Exemplars {
    /// Sorted by position, the first one last.
    rest: Vec<metrics::Exemplar>,
    at: SystemTime,
}

impl Exemplars {
    fn new(mut given: Vec<metrics::Exemplar>) -> Self {
        given.sort_by_key(|exemplar| std::cmp::Reverse(exemplar.sample));
        Self { rest: given, at: SystemTime::now() }
    }

    /// The one of the sample at `position`; of several the last.
    fn of(&mut self, position: u32, value: f64) -> Option<Exemplar> {
        let mut found = None;
        while let Some(next) = self.rest.pop_if(|next| next.sample <= position) {
            found = Exemplar::new(next.labels, value, self.at);
        }
        found
    }
}

impl SeriesTable {
    fn insert(&mut self, handle: SeriesHandle) -> Result<u32> {
        if let Some(id) = self.free.pop() {
            self.slots[id as usize] = Some(handle);
            return Ok(id);
        }
        if self.slots.len() >= MAX_IDS {
            bail!("the adapter holds {MAX_IDS} series and forgets none");
        }
        self.slots.push(Some(handle));
        Ok(u32::try_from(self.slots.len() - 1)?)
    }

    fn get_mut(&mut self, id: u32) -> Option<&mut SeriesHandle> {
        self.slots.get_mut(id as usize)?.as_mut()
    }

    fn remove(&mut self, id: u32) {
        if self.slots.get_mut(id as usize).is_some_and(|slot| slot.take().is_some()) {
            self.free.push(id);
        }
    }
}
