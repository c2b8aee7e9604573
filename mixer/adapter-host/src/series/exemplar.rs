//! Exemplars: for a counter the last sample that had one, for a histogram the last of each bucket.
//! OpenMetrics allows 128 characters of labels; we hold them to 128 bytes, so that room can be reserved.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::SystemTime;

use super::definition::is_label_name;

const MAX_LABEL_BYTES: usize = 128;

/// What one takes at most: its labels, some two allocations, and its place in the list.
pub(super) const EXEMPLAR_BYTES: usize = MAX_LABEL_BYTES + 128;

/// A sample with what it is an example of.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Exemplar {
    pub(super) labels: Box<[(Box<str>, Box<str>)]>,
    pub(super) value: f64,
    pub(super) at: SystemTime,
}

/// The exemplars of one series: none, one, or one for each bucket.
#[derive(Debug)]
pub(super) struct Exemplars(Mutex<Box<[Option<Exemplar>]>>);

impl Exemplar {
    /// `None` when the labels are not what scrapes can show.
    pub(crate) fn new(labels: Vec<(String, String)>, value: f64, at: SystemTime) -> Option<Self> {
        let bytes: usize = labels.iter().map(|(name, value)| name.len() + value.len()).sum();
        let twice = |index: usize| labels[..index].iter().any(|(name, _)| *name == labels[index].0);
        let fits = !labels.is_empty()
            && bytes <= MAX_LABEL_BYTES
            && labels.iter().all(|(name, _)| is_label_name(name))
            && !(0..labels.len()).any(twice);
        let boxed = |(name, value): (String, String)| (name.into(), value.into());
        fits.then(|| Self { labels: labels.into_iter().map(boxed).collect(), value, at })
    }
}

impl Exemplars {
    pub(super) fn new(places: usize) -> Self {
        Self(Mutex::new(vec![None; places].into()))
    }

    /// Puts an exemplar in its place, if there is one.
    pub(super) fn set(&self, place: usize, exemplar: Exemplar) {
        if let Some(place) = self.lock().get_mut(place) {
            *place = Some(exemplar);
        }
    }

    /// All of them, each in its place.
    pub(super) fn all(&self) -> Box<[Option<Exemplar>]> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Box<[Option<Exemplar>]>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exemplar(labels: &[(&str, &str)]) -> Option<Exemplar> {
        let labels = labels.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Exemplar::new(labels, 1.0, SystemTime::UNIX_EPOCH)
    }

    #[test]
    fn labels_of_exemplars_are_words_unique_and_short() {
        assert!(exemplar(&[("trace_id", &"x".repeat(120))]).is_some());
        assert!(exemplar(&[("trace_id", &"x".repeat(121))]).is_none());
        assert!(exemplar(&[("trace-id", "1")]).is_none());
        assert!(exemplar(&[("a", "1"), ("a", "2")]).is_none());
        assert!(exemplar(&[]).is_none());
    }

    #[test]
    fn a_series_without_places_keeps_none() {
        let none = Exemplars::new(0);
        none.set(0, exemplar(&[("a", "1")]).unwrap());
        assert!(none.all().is_empty());
    }
}
