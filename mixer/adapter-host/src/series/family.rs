use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use dashmap::DashMap;

use super::cell::{BadSample, Cell};
use super::definition::Definition;
use super::exemplar::Exemplar;
use super::labels;
use super::quota::Quota;

/// The label value of the series that takes what a handler's limit has no room for.
const OVERFLOW: &str = "__overflow__";

/// A metric with its series, by their labels as they stand in the text.
#[derive(Debug)]
pub(super) struct Family {
    definition: Definition,
    series: DashMap<Arc<str>, Arc<Series>, foldhash::quality::RandomState>,
}

/// One series.
#[derive(Debug)]
pub(super) struct Series {
    /// The key in the family.
    labels: Arc<str>,
    cell: Cell,
    /// Milliseconds on the store's clock; only kept where the family has an expiry.
    touched: AtomicU64,
    /// Set when the series has left its family.
    gone: AtomicBool,
    /// Whose room it takes, and how much; the overflow series takes none.
    room: Option<(Arc<Quota>, usize)>,
}

impl Family {
    pub(super) fn new(definition: Definition) -> Self {
        Self { definition, series: DashMap::default() }
    }

    pub(super) fn definition(&self) -> &Definition {
        &self.definition
    }

    /// The series with these label values, made if there is room in `quota`, else the overflow series.
    /// The caller has checked that there is one value for each label.
    pub(super) fn intern<S: AsRef<str>>(
        &self,
        values: &[S],
        quota: &Arc<Quota>,
        now: u64,
    ) -> Arc<Series> {
        let mut text = String::new();
        labels::write(&mut text, self.definition.labels(), values);
        self.intern_labels(text.into(), quota, now)
    }

    fn intern_labels(&self, labels: Arc<str>, quota: &Arc<Quota>, now: u64) -> Arc<Series> {
        if let Some(found) = self.series.get(&labels) {
            return Arc::clone(&found);
        }
        let bytes = self.definition.series_bytes(&labels);
        if quota.try_take(bytes) || (self.expire(now) > 0 && quota.try_take(bytes)) {
            let room = Some((Arc::clone(quota), bytes));
            return self.insert(labels, room, now);
        }
        quota.count_overflow();
        let mut text = String::new();
        let values = vec![OVERFLOW; self.definition.labels().len()];
        labels::write(&mut text, self.definition.labels(), &values);
        self.insert(text.into(), None, now)
    }

    /// When another thread was faster, its series is taken and the new one gives its room back.
    fn insert(&self, labels: Arc<str>, room: Option<(Arc<Quota>, usize)>, now: u64) -> Arc<Series> {
        let fresh = Arc::new(Series {
            labels: Arc::clone(&labels),
            cell: Cell::new(&self.definition),
            touched: AtomicU64::new(now),
            gone: AtomicBool::new(false),
            room,
        });
        Arc::clone(&self.series.entry(labels).or_insert(fresh))
    }

    /// Applies a sample. When the series has expired meanwhile, `series` becomes the one that has taken
    /// its place.
    pub(super) fn apply(
        &self,
        series: &mut Arc<Series>,
        sample: f64,
        exemplar: Option<Exemplar>,
        quota: &Arc<Quota>,
        now: u64,
    ) -> Result<(), BadSample> {
        if self.definition.expiry().is_some() {
            // `expire` does it the other way round, so one of the two sees the other.
            series.touched.store(now, Ordering::SeqCst);
            if series.gone.load(Ordering::SeqCst) {
                *series = self.intern_labels(Arc::clone(&series.labels), quota, now);
            }
        }
        series.cell.apply(sample, exemplar, &self.definition)
    }

    /// Removes the series that had no sample for the definition's expiry, and says how many.
    pub(super) fn expire(&self, now: u64) -> usize {
        let Some(expiry) = self.definition.expiry() else { return 0 };
        let expiry = u64::try_from(expiry.as_millis()).unwrap_or(u64::MAX);
        let mut removed = 0;
        self.series.retain(|_, series| {
            let fresh = || now.saturating_sub(series.touched.load(Ordering::SeqCst)) <= expiry;
            if fresh() {
                return true;
            }
            series.gone.store(true, Ordering::SeqCst);
            if fresh() {
                series.gone.store(false, Ordering::SeqCst);
                return true;
            }
            removed += 1;
            false
        });
        removed
    }

    pub(super) fn len(&self) -> usize {
        self.series.len()
    }

    /// The series, sorted by their labels.
    pub(super) fn sorted(&self) -> Vec<Arc<Series>> {
        let mut series: Vec<_> =
            self.series.iter().map(|entry| Arc::clone(entry.value())).collect();
        series.sort_unstable_by(|a, b| a.labels.cmp(&b.labels));
        series
    }
}

impl Series {
    /// As they stand in the text formats.
    pub(super) fn labels(&self) -> &str {
        &self.labels
    }

    pub(super) fn cell(&self) -> &Cell {
        &self.cell
    }
}

impl Drop for Series {
    fn drop(&mut self) {
        if let Some((quota, bytes)) = &self.room {
            quota.give_back(*bytes);
        }
    }
}
