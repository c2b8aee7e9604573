//! Which report batches of each filter arrived.
//!
//! A filter numbers its batches and sends each once. A number that never arrives is a loss that the
//! filter itself may not know of (the batch left, the answer did not come back), so it is counted here.
//! A number that arrives twice was repeated by something between us, and would be counted twice.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use crate::metrics::Metrics;

/// Filters remembered: a filter is an Envoy worker set, so this is sidecars of one Mixer with room for
/// restarts. When full, the longest silent one is forgotten.
const MAX_FILTERS: usize = 10_000;

/// How far behind the highest number a batch may arrive late: batches overtake one another only while
/// they are under way, and a filter has a few of them at once.
const WINDOW: u64 = 64;

/// Longer ids are not ours.
const MAX_FILTER_ID: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<Filters>);

#[derive(Debug, Default)]
struct Filters {
    seen: HashMap<Box<str>, Seen>,
    arrivals: u64,
}

#[derive(Debug, Clone, Copy)]
struct Seen {
    /// The first that arrived: those before it were never missed.
    first: u64,
    highest: u64,
    /// Bit n: number `highest - n` arrived.
    arrived: u64,
    /// The last arrival, counted over all filters.
    touched: u64,
}

/// Whether a batch is to be processed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Arrival {
    New,
    Repeated,
}

impl Batches {
    /// Notes the arrival of `batch`, which is `<filter id>-<number>`; anything else is always new.
    pub(crate) fn arrive(&self, batch: &str, metrics: &Metrics) -> Arrival {
        let Some((filter, number)) = batch.rsplit_once('-') else { return Arrival::New };
        let Ok(number) = number.parse::<u64>() else { return Arrival::New };
        if filter.is_empty() || filter.len() > MAX_FILTER_ID {
            return Arrival::New;
        }
        let mut filters = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        filters.arrivals += 1;
        let now = filters.arrivals;
        let filters = &mut filters.seen;
        if let Some(seen) = filters.get_mut(filter) {
            seen.touched = now;
            return seen.arrive(number, metrics);
        }
        if filters.len() >= MAX_FILTERS
            && let Some(oldest) = filters.iter().min_by_key(|(_, seen)| seen.touched)
        {
            let oldest = oldest.0.clone();
            filters.remove(&oldest);
        }
        // What a filter sent before this Mixer started is not missing here.
        filters.insert(
            filter.into(),
            Seen { first: number, highest: number, arrived: 1, touched: now },
        );
        Arrival::New
    }
}

impl Seen {
    fn arrive(&mut self, number: u64, metrics: &Metrics) -> Arrival {
        if number > self.highest {
            let ahead = number - self.highest;
            metrics.report_gaps.add(i64::try_from(ahead - 1).unwrap_or(i64::MAX));
            self.arrived = if ahead < WINDOW { self.arrived << ahead | 1 } else { 1 };
            self.highest = number;
            return Arrival::New;
        }
        let behind = self.highest - number;
        if behind >= WINDOW {
            return Arrival::New;
        }
        let bit = 1 << behind;
        if self.arrived & bit != 0 {
            metrics.report_repeats.inc();
            return Arrival::Repeated;
        }
        self.arrived |= bit;
        if number > self.first {
            metrics.report_gaps.sub(1);
        }
        Arrival::New
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn arrivals(numbers: &[u64]) -> (Vec<bool>, i64) {
        let (batches, metrics) = (Batches::default(), Metrics::new());
        let new = numbers
            .iter()
            .map(|n| batches.arrive(&format!("f-1-{n}"), &metrics) == Arrival::New)
            .collect();
        (new, metrics.report_gaps.get())
    }

    #[test]
    fn counts_numbers_that_never_arrive_and_forgives_late_ones() {
        assert_eq!(arrivals(&[5, 6, 7]), (vec![true; 3], 0));
        assert_eq!(arrivals(&[1, 4]), (vec![true; 2], 2));
        assert_eq!(arrivals(&[1, 4, 2]), (vec![true; 3], 1));
        assert_eq!(arrivals(&[1, 200, 201]), (vec![true; 3], 198));
        assert_eq!(arrivals(&[2, 1, 3]), (vec![true; 3], 0));
    }

    #[test]
    fn a_repeated_number_is_not_processed_again() {
        assert_eq!(arrivals(&[1, 2, 2, 1]), (vec![true, true, false, false], 0));
    }

    #[test]
    fn a_name_that_is_not_ours_is_always_new() {
        let (batches, metrics) = (Batches::default(), Metrics::new());
        for name in ["", "-", "x", "x-y", "-1", &"f".repeat(65)] {
            assert_eq!(batches.arrive(name, &metrics), Arrival::New);
            assert_eq!(batches.arrive(name, &metrics), Arrival::New);
        }
    }

    #[test]
    fn the_longest_silent_filter_is_forgotten_first() {
        let (batches, metrics) = (Batches::default(), Metrics::new());
        for n in 0..MAX_FILTERS {
            batches.arrive(&format!("f{n}-1"), &metrics);
        }
        batches.arrive("f0-2", &metrics);
        batches.arrive("new-1", &metrics);
        assert_eq!(batches.arrive("f0-2", &metrics), Arrival::Repeated);
        assert_eq!(batches.arrive("f1-1", &metrics), Arrival::New);
    }
}
