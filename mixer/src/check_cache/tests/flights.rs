use std::pin::pin;

use futures_util::poll;

use crate::check_cache::flights::{Flights, Lead, Turn, Waiting};
use crate::check_cache::{Arc, FlightKey};
use crate::metrics::{CheckCacheMetrics, Metrics};

const KEY: FlightKey = FlightKey(1);

struct Fixture {
    flights: Arc<Flights>,
    metrics: CheckCacheMetrics,
}

impl Fixture {
    fn new() -> Self {
        let metrics = Metrics::new().check_cache;
        Self { flights: Flights::new(metrics.clone()), metrics }
    }

    fn lead(&self) -> Lead {
        let Turn::Lead(lead) = self.flights.join(KEY) else { panic!("nobody leads") };
        lead
    }

    fn wait(&self) -> Waiting {
        let Turn::Wait(waiting) = self.flights.join(KEY) else { panic!("there is a leader") };
        waiting
    }
}

#[tokio::test]
async fn all_who_wait_are_woken_by_the_outcome() {
    let f = Fixture::new();
    let lead = f.lead();
    let (first, second) = (f.wait(), f.wait());
    assert_eq!((f.metrics.waiting.get(), f.metrics.waits.get()), (2, 2));
    let mut first = pin!(first.wake());
    assert!(poll!(&mut first).is_pending());
    lead.finish();
    assert!(first.await.is_none());
    assert!(second.wake().await.is_none());
    assert_eq!(f.metrics.waiting.get(), 0);
    f.lead().finish();
}

#[tokio::test]
async fn who_goes_away_hands_the_place_to_the_next_who_is_still_there() {
    let f = Fixture::new();
    let lead = f.lead();
    let (gone, second, third) = (f.wait(), f.wait(), f.wait());
    drop(gone);
    drop(lead);
    let lead = second.wake().await.expect("the place is handed over");
    assert!(matches!(f.flights.join(KEY), Turn::Wait(_)), "still one leads");
    // One to whom the place was handed, and who goes away before taking notice of it.
    drop(lead);
    drop(third);
    assert_eq!(f.metrics.waiting.get(), 0);
    f.lead().finish();
}

#[tokio::test]
async fn questions_whose_answer_could_not_be_kept_are_asked_alone_until_one_can() {
    let f = Fixture::new();
    f.flights.note(KEY, false);
    assert!(matches!(f.flights.join(KEY), Turn::Alone));
    f.flights.note(KEY, true);
    f.lead().finish();
}

#[test]
fn beyond_the_bounds_everyone_is_dispatched_alone_and_counted() {
    let f = Fixture::new();
    let lead = f.lead();
    let waiting: Vec<_> = (0..super::super::flights::MAX_WAITING).map(|_| f.wait()).collect();
    assert!(matches!(f.flights.join(KEY), Turn::Alone));
    assert_eq!(f.metrics.waits_refused.get(), 1);
    lead.finish();
    drop(waiting);
    let keys = 0..super::super::flights::MAX_FLIGHTS as u64;
    let turns: Vec<_> = keys.map(|key| f.flights.join(FlightKey(key))).collect();
    assert!(turns.iter().all(|turn| matches!(turn, Turn::Lead(_))));
    assert!(matches!(f.flights.join(FlightKey(u64::MAX)), Turn::Alone));
    assert_eq!(f.metrics.waits_refused.get(), 2);
}
