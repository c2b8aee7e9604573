use std::sync::Mutex;

use proptest::prelude::*;

use super::*;
use crate::{FOREVER, Limit, Window};

const SECOND: Duration = Duration::from_secs(1);
const KEEP: Duration = Duration::from_millis(700);

/// A clock that tests set.
#[derive(Debug, Default)]
struct Hand(Mutex<Duration>);

impl Hand {
    fn advance(&self, time: Duration) {
        *self.0.lock().unwrap() += time;
    }
}

impl Clock for Hand {
    fn now(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

fn store(options: MemoryOptions) -> (MemoryStore, Arc<Hand>) {
    let clock = Arc::new(Hand::default());
    (MemoryStore::with_clock(options, &QuotaMetrics::default(), clock.clone()), clock)
}

fn limit(max_amount: i64, window: Window) -> Limit {
    Limit::new(max_amount, window).unwrap()
}

fn ask(user: &str, limit: Limit, amount: i64) -> Ask {
    let key = CounterKey::new("handler", "quota", [("user", user)], limit.window());
    Ask::new(key, limit, amount).unwrap()
}

fn named(id: &str) -> Deduplication {
    Deduplication { id: id.to_owned(), keep: KEEP }
}

fn amount(store: &MemoryStore, ask: &Ask) -> i64 {
    store.grant(ask).unwrap().amount
}

const FIXED: Window = Window::Fixed { length: SECOND };
const ROLLING: Window = Window::Rolling { length: SECOND, bucket: Duration::from_millis(100) };

#[derive(Debug, Clone)]
enum Step {
    Advance(Duration),
    Ask { user: usize, amount: i64, best_effort: bool, id: Option<u8> },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0u64..400).prop_map(|millis| Step::Advance(Duration::from_millis(millis))),
        (0usize..3, -4i64..9, any::<bool>(), prop::option::weighted(0.3, 0u8..3)).prop_map(
            |(user, amount, best_effort, id)| Step::Ask { user, amount, best_effort, id }
        ),
    ]
}

/// What was granted when, to one user, and what has not been given back. Everything is worked out anew
/// for each ask.
#[derive(Debug, Default)]
struct Model {
    grants: Vec<(Duration, i64)>,
    answers: Vec<(u8, Duration, Grant)>,
}

impl Model {
    fn grant(&mut self, step: (i64, bool, Option<u8>), limit: Limit, now: Duration) -> Grant {
        let (amount, best_effort, id) = step;
        if amount == 0 {
            return Grant::NONE;
        }
        let known = |answer: &&(u8, Duration, Grant)| Some(answer.0) == id && now < answer.1 + KEEP;
        if let Some((_, then, grant)) = self.answers.iter().rfind(known) {
            let valid_for = (*then + grant.valid_for).saturating_sub(now);
            return Grant { valid_for, ..*grant };
        }
        let grant = self.decide(amount, best_effort, limit, now);
        if let Some(id) = id {
            self.answers.push((id, now, grant));
        }
        grant
    }

    fn decide(&mut self, amount: i64, best_effort: bool, limit: Limit, now: Duration) -> Grant {
        let window_end = |start: Duration| start + SECOND;
        match limit.window() {
            Window::Forever => {}
            Window::Fixed { .. } => {
                if self.grants.first().is_some_and(|(start, _)| window_end(*start) <= now) {
                    self.grants.clear();
                }
            }
            Window::Rolling { length, bucket } => self.grants.retain(|(then, _)| {
                let buckets = then.as_millis() / bucket.as_millis() + 1;
                buckets * bucket.as_millis() + length.as_millis() > now.as_millis()
            }),
        }
        let used: i64 = self.grants.iter().map(|(_, amount)| amount).sum();
        if amount < 0 {
            let freed = used.min(-amount);
            let mut rest = freed;
            for (_, taken) in self.grants.iter_mut().rev() {
                let here = rest.min(*taken);
                *taken -= here;
                rest -= here;
            }
            return Grant { amount: freed, ..Grant::NONE };
        }
        let left = (limit.max_amount() - used).max(0);
        let granted = if amount <= left { amount } else { left * i64::from(best_effort) };
        if granted == 0 {
            return Grant::NONE;
        }
        self.grants.push((now, granted));
        let valid_for = match limit.window() {
            Window::Forever => FOREVER,
            Window::Fixed { .. } => window_end(self.grants[0].0) - now,
            Window::Rolling { length, .. } => length,
        };
        Grant { amount: granted, valid_for }
    }
}

proptest! {
    #[test]
    fn counts_as_a_list_of_all_grants_says(
        window in prop::sample::select(vec![Window::Forever, FIXED, ROLLING]),
        max_amount in 0i64..20,
        steps in prop::collection::vec(step(), 1..80),
    ) {
        let (store, clock) = store(MemoryOptions::default());
        let limit = limit(max_amount, window);
        let mut models = [Model::default(), Model::default(), Model::default()];
        for step in steps {
            match step {
                Step::Advance(time) => clock.advance(time),
                Step::Ask { user, amount, best_effort, id } => {
                    let mut asked = ask(&user.to_string(), limit, amount).best_effort(best_effort);
                    if let Some(id) = id {
                        asked = asked.deduplicate(named(&id.to_string()));
                    }
                    let expected =
                        models[user].grant((amount, best_effort, id), limit, clock.now());
                    prop_assert_eq!(store.grant(&asked).unwrap(), expected);
                }
            }
        }
    }

    #[test]
    fn no_stretch_of_a_rolling_window_sees_more_than_the_limit_even_without_room_for_buckets(
        max_buckets in 0usize..5,
        steps in prop::collection::vec((0u64..300, 1i64..9), 1..80),
    ) {
        let (store, clock) = store(MemoryOptions { max_buckets, ..MemoryOptions::default() });
        let mut grants: Vec<(Duration, i64)> = Vec::new();
        for (millis, wanted) in steps {
            clock.advance(Duration::from_millis(millis));
            let granted = amount(&store, &ask("a", limit(20, ROLLING), wanted).best_effort(true));
            let now = clock.now();
            grants.push((now, granted));
            let recent: i64 =
                grants.iter().filter(|(then, _)| *then + SECOND > now).map(|(_, n)| n).sum();
            prop_assert!(recent <= 20, "{} in the last second", recent);
        }
        prop_assert!(store.buckets.load(Ordering::Relaxed) <= max_buckets);
        clock.advance(SECOND * 2);
        prop_assert_eq!(amount(&store, &ask("a", limit(20, ROLLING), 20)), 20);
    }
}

#[test]
fn concurrent_asks_get_the_limit_together_and_no_more() {
    let (store, _clock) = store(MemoryOptions::default());
    for window in [Window::Forever, FIXED, ROLLING] {
        let granted: i64 = std::thread::scope(|threads| {
            let ask_often = || {
                (0..1000)
                    .map(|n| amount(&store, &ask(&format!("u{}", n % 3), limit(500, window), 1)))
                    .sum::<i64>()
            };
            let threads: Vec<_> = (0..4).map(|_| threads.spawn(ask_often)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        assert_eq!(granted, 1500);
    }
}

#[test]
fn concurrent_repetitions_of_one_ask_take_once() {
    let (store, _clock) = store(MemoryOptions::default());
    let one = ask("a", limit(10, FIXED), 2).deduplicate(named("same"));
    std::thread::scope(|threads| {
        for _ in 0..4 {
            threads.spawn(|| assert_eq!(amount(&store, &one), 2));
        }
    });
    assert_eq!(amount(&store, &ask("a", limit(10, FIXED), 100).best_effort(true)), 8);
}

#[test]
fn an_empty_id_is_no_id() {
    let (store, _clock) = store(MemoryOptions::default());
    let one = ask("a", limit(3, FIXED), 1).deduplicate(named(""));
    assert_eq!([(); 4].map(|()| amount(&store, &one)), [1, 1, 1, 0]);
}

#[test]
fn a_denial_is_remembered_until_its_time_is_over() {
    let (store, clock) = store(MemoryOptions::default());
    let all = ask("a", limit(1, Window::Fixed { length: KEEP / 2 }), 1);
    let again = all.clone().deduplicate(named("denied"));
    assert_eq!(amount(&store, &all), 1);
    assert_eq!(amount(&store, &again), 0);
    clock.advance(KEEP / 2);
    assert_eq!(amount(&store, &again), 0, "there is quota again, but the answer is known");
    clock.advance(KEEP / 2);
    assert_eq!(amount(&store, &again), 1);
}

#[test]
fn a_changed_limit_applies_to_what_was_granted_before() {
    let (store, _clock) = store(MemoryOptions::default());
    assert_eq!(amount(&store, &ask("a", limit(10, FIXED), 8)), 8);
    assert_eq!(amount(&store, &ask("a", limit(5, FIXED), 1).best_effort(true)), 0);
    assert_eq!(amount(&store, &ask("a", limit(12, FIXED), 9).best_effort(true)), 4);
}

#[test]
fn a_full_store_makes_room_by_what_has_expired_and_refuses_else() {
    let (store, clock) = store(MemoryOptions { max_cells: 2, ..MemoryOptions::default() });
    for user in ["a", "b"] {
        assert_eq!(amount(&store, &ask(user, limit(1, FIXED), 1)), 1);
    }
    let third = ask("c", limit(1, FIXED), 1);
    assert_eq!(store.grant(&third), Err(StoreError::Full { cells: 2 }));
    assert_eq!(amount(&store, &ask("a", limit(1, FIXED), 1)), 0, "known counters go on");
    clock.advance(SECOND);
    assert_eq!(amount(&store, &third), 1);
    assert_eq!(store.metrics.cells.get(), 1);
}

#[test]
fn without_room_an_answer_is_not_remembered_and_that_is_counted() {
    let (store, clock) = store(MemoryOptions { max_remembered: 1, ..MemoryOptions::default() });
    let asks = ["x", "y"].map(|id| ask("a", limit(9, Window::Forever), 1).deduplicate(named(id)));
    for ask in asks.iter().chain(&asks) {
        assert_eq!(amount(&store, ask), 1);
    }
    assert_eq!(store.metrics.not_remembered.get(), 2);
    assert_eq!(amount(&store, &ask("a", limit(9, Window::Forever), 9).best_effort(true)), 6);
    clock.advance(SECOND);
    store.grant(&asks[1]).unwrap();
    assert_eq!(store.metrics.not_remembered.get(), 2, "the first answer's time was over");
}

#[test]
fn an_ask_that_cannot_be_counted_is_refused() {
    let limit = limit(1, FIXED);
    let key = || CounterKey::new("h", "q", [], FIXED);
    let error = Ask::new(key(), limit, i64::MIN).unwrap_err();
    assert!(error.to_string().contains("-9223372036854775808"), "{error}");
    let other = CounterKey::new("h", "q", [], ROLLING);
    let error = Ask::new(other, limit, 1).unwrap_err();
    assert!(matches!(error, StoreError::OtherWindow { .. }), "{error}");
}
