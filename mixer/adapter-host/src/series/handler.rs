use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use super::cell::BadSample;
use super::definition::Definition;
use super::exemplar::Exemplar;
use super::family::{Family, Series};
use super::quota::Quota;
use super::store::SeriesStore;

/// Metrics that one handler may define.
const MAX_METRICS: usize = 1000;

/// The metrics of one handler. Definitions are collected while its first instance is configured and
/// shown by [`HandlerSeries::commit`]; the claims end with this value.
#[derive(Debug)]
pub(crate) struct HandlerSeries {
    store: Arc<SeriesStore>,
    handler: Arc<str>,
    quota: Arc<Quota>,
    prepared: Mutex<Vec<Arc<Family>>>,
    committed: OnceLock<Box<[Arc<Family>]>>,
}

impl HandlerSeries {
    pub(crate) fn new(store: &Arc<SeriesStore>, handler: &str) -> Self {
        Self {
            store: Arc::clone(store),
            handler: handler.into(),
            quota: store.quota(handler),
            prepared: Mutex::default(),
            committed: OnceLock::new(),
        }
    }

    /// The metric's number. After the commit only what was defined before it is found.
    pub(crate) fn define(&self, definition: Definition) -> Result<u32, String> {
        let find = |families: &[Arc<Family>]| {
            let name = definition.name();
            let index = families.iter().position(|f| f.definition().name() == name)?;
            Some(if families[index].definition() == &definition {
                Ok(u32::try_from(index).expect("MAX_METRICS fits"))
            } else {
                Err(format!("metric {name} is defined twice, differently"))
            })
        };
        if let Some(committed) = self.committed.get() {
            return find(committed).unwrap_or_else(|| {
                Err(format!("metric {} was not defined the first time", definition.name()))
            });
        }
        let mut prepared = self.prepared();
        if let Some(found) = find(&prepared) {
            return found;
        }
        if let Some(other) = prepared.iter().find(|f| f.definition().overlaps(&definition)) {
            let (name, other) = (definition.name(), other.definition().name());
            return Err(format!(
                "metric {name} cannot stand beside {other}: one is a histogram, which has samples of the other's name"
            ));
        }
        if prepared.len() >= MAX_METRICS {
            return Err(format!("a handler has {MAX_METRICS} metrics at most"));
        }
        let family = self
            .store
            .prepare(&self.handler, definition)
            .map_err(|conflict| conflict.to_string())?;
        prepared.push(family);
        Ok(u32::try_from(prepared.len() - 1).expect("MAX_METRICS fits"))
    }

    /// Shows the metrics to scrapes. Until then nothing outside has changed.
    pub(crate) fn commit(&self, max_series: u32, max_bytes: u64) -> Result<(), String> {
        let mut families = std::mem::take(&mut *self.prepared());
        self.store
            .claim(&self.handler, &mut families)
            .map_err(|conflict| format!("handler {}: {conflict}", self.handler))?;
        self.quota.set_limits(max_series.into(), max_bytes);
        // Only the first commit gets here with families: `prepared` is empty afterwards.
        self.committed.get_or_init(|| families.into());
        Ok(())
    }

    /// A moment on the clock that [`Self::intern`] and [`Self::apply`] work with.
    pub(crate) fn now(&self) -> u64 {
        self.store.now()
    }

    /// How many labels the metric has; `None` when there is no such metric, or none is shown yet.
    pub(crate) fn labels(&self, metric: u32) -> Option<usize> {
        Some(self.family(metric)?.definition().labels().len())
    }

    /// The series of `metric` with these values, one for each label.
    pub(crate) fn intern(&self, metric: u32, values: &[String], now: u64) -> Option<SeriesHandle> {
        let series = self.family(metric)?.intern(values, &self.quota, now);
        Some(SeriesHandle { metric, series })
    }

    /// Applies a sample, also when the series has expired since it was interned.
    pub(crate) fn apply(
        &self,
        handle: &mut SeriesHandle,
        sample: f64,
        exemplar: Option<Exemplar>,
        now: u64,
    ) -> Result<(), BadSample> {
        let family = self.family(handle.metric).expect("a handle is made with a shown metric");
        family.apply(&mut handle.series, sample, exemplar, &self.quota, now)
    }

    /// Series held, and samples' series that found no room.
    pub(crate) fn usage(&self) -> (u64, u64) {
        (self.quota.used(), self.quota.overflowed())
    }

    fn family(&self, metric: u32) -> Option<&Arc<Family>> {
        self.committed.get()?.get(usize::try_from(metric).ok()?)
    }

    fn prepared(&self) -> MutexGuard<'_, Vec<Arc<Family>>> {
        self.prepared.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for HandlerSeries {
    fn drop(&mut self) {
        if let Some(families) = self.committed.get() {
            self.store.release(&self.handler, families);
        }
    }
}

/// A series as a component instance holds it.
#[derive(Debug)]
pub(crate) struct SeriesHandle {
    metric: u32,
    series: Arc<Series>,
}
