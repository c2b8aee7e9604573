use std::time::{Duration, Instant};

use mixer_quota::{
    Ask, CounterKey, Limit, MAX_AMOUNT, MemoryOptions, MemoryStore, QuotaMetrics, RedisStore,
    StoreError, Window,
};
use proptest::prelude::*;
use testbed::Persistence;

use crate::{FIXED, HOUR, ROLLING, Server, ask, named};

/// Sums what concurrent clients of two stores are granted: `(user, amount)` of each ask, all at once.
async fn granted(stores: &[std::sync::Arc<RedisStore>; 2], asks: Vec<Ask>) -> i64 {
    let mut clients = tokio::task::JoinSet::new();
    for (n, ask) in asks.into_iter().enumerate() {
        let store = stores[n % 2].clone();
        clients.spawn(async move { store.grant(&ask).await.unwrap().amount });
    }
    clients.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_stores_together_grant_the_limit_of_each_key_and_no_more() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let stores = [server.store(), server.store()];
    for (name, window) in [("fixed", FIXED), ("rolling", ROLLING)] {
        for user in ["a", "b", "c"] {
            let user = format!("{name} {user}");
            let asks = (0..400).map(|_| ask(&user, 300, window, 1)).collect();
            assert_eq!(granted(&stores, asks).await, 300, "{user}");
        }
        let user = format!("{name} best effort");
        let asks = (0..100).map(|_| ask(&user, 300, window, 7).best_effort(true)).collect();
        assert_eq!(granted(&stores, asks).await, 300, "partly granted at the end");
        let user = format!("{name} all or nothing");
        let asks = (0..100).map(|_| ask(&user, 300, window, 7)).collect();
        assert_eq!(granted(&stores, asks).await, 294, "whole sevens");
    }
}

/// Windows much shorter than the run. Whatever the machine's speed, no window that lies wholly in the run
/// may see more than the limit, so the sum is bounded by the time that went by.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn windows_that_pass_grant_the_limit_again_and_no_more() {
    const LENGTH: Duration = Duration::from_millis(100);
    let bucket = Duration::from_millis(10);
    let Some(server) = Server::start(Persistence::None) else { return };
    let stores = [server.store(), server.store()];
    for window in [Window::Fixed { length: LENGTH }, Window::Rolling { length: LENGTH, bucket }] {
        let begin = Instant::now();
        let mut sum = 0;
        while sum < 100 {
            let asks = (0..10).map(|_| ask("passing", 20, window, 3).best_effort(true)).collect();
            sum += granted(&stores, asks).await;
        }
        let windows = begin.elapsed().as_nanos() / LENGTH.as_nanos() + 1;
        assert!(sum <= 20 * i64::try_from(windows).unwrap(), "{sum} in {windows} windows");
    }
}

#[tokio::test]
async fn a_repeated_ask_gets_what_was_decided_with_the_time_that_is_left() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let stores = [server.store(), server.store()];
    for window in [FIXED, ROLLING] {
        let wanted = ask("again", 10, window, 8).deduplicate(named("one"));
        let first = stores[0].grant(&wanted).await.unwrap();
        let second = stores[1].grant(&wanted).await.unwrap();
        assert_eq!((first.amount, second.amount), (8, 8));
        assert!(second.valid_for < first.valid_for, "{second:?} after {first:?}");
        let denied = ask("again", 10, window, 8).deduplicate(named("two"));
        assert_eq!(stores[0].grant(&denied).await.unwrap().amount, 0);
        assert_eq!(stores[0].grant(&ask("again", 10, window, -8)).await.unwrap().amount, 8);
        assert_eq!(stores[1].grant(&denied).await.unwrap().amount, 0, "the denial is known");
        let rest = ask("again", 10, window, 99).best_effort(true);
        assert_eq!(stores[1].grant(&rest).await.unwrap().amount, 10);
    }
}

#[tokio::test]
async fn nothing_stays_in_redis_for_ever() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let store = server.store();
    for (window, amount) in [(FIXED, 1), (ROLLING, 1), (ROLLING, -1), (FIXED, 99)] {
        let id = format!("{window:?} {amount}");
        store.grant(&ask("kept", 9, window, amount).deduplicate(named(&id))).await.unwrap();
    }
    let info = server.redis.ask("INFO keyspace").unwrap();
    let keys = |name: &str| {
        let (_, rest) = info.split_once(&format!("{name}=")).unwrap();
        rest.split(',').next().unwrap().trim().to_owned()
    };
    assert_ne!(keys("keys"), "0", "{info}");
    assert_eq!(keys("keys"), keys("expires"), "{info}");
    let forever = store.grant(&ask("kept", 9, Window::Forever, 1)).await.unwrap_err();
    assert!(matches!(forever, StoreError::Forever { .. }), "{forever}");
}

#[tokio::test]
async fn a_server_that_forgot_the_scripts_learns_them_again() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let store = server.store();
    for window in [FIXED, ROLLING] {
        store.grant(&ask("flushed", 9, window, 4)).await.unwrap();
        server.redis.ask("SCRIPT FLUSH").unwrap();
        let rest = ask("flushed", 9, window, 99).best_effort(true);
        assert_eq!(store.grant(&rest).await.unwrap().amount, 5);
    }
}

#[tokio::test]
async fn the_largest_numbers_are_counted_exactly() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let store = server.store();
    let length = mixer_quota::MAX_SPAN;
    let rolling = Window::Rolling { length, bucket: length / 1000 };
    for window in [Window::Fixed { length }, rolling] {
        let all = store.grant(&ask("large", MAX_AMOUNT, window, MAX_AMOUNT - 1)).await.unwrap();
        assert_eq!(all.amount, MAX_AMOUNT - 1);
        assert_eq!(all.valid_for, length);
        assert_eq!(store.grant(&ask("large", MAX_AMOUNT, window, 2)).await.unwrap().amount, 0);
        assert_eq!(store.grant(&ask("large", MAX_AMOUNT, window, 1)).await.unwrap().amount, 1);
        let back = store.grant(&ask("large", MAX_AMOUNT, window, -MAX_AMOUNT)).await.unwrap();
        assert_eq!(back.amount, MAX_AMOUNT);
    }
}

/// An ask of each kind within one window, which no test lasts as long as.
fn asks() -> impl Strategy<Value = Vec<(usize, i64, bool, Option<u8>)>> {
    let one = (0usize..3, -4i64..9, any::<bool>(), prop::option::weighted(0.3, 0u8..3));
    prop::collection::vec(one, 1..40)
}

#[test]
fn redis_and_memory_decide_alike() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let redis = runtime.block_on(async { server.store() });
    let round = std::cell::Cell::new(0);
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(100));
    let windows = prop::sample::select(vec![FIXED, ROLLING]);
    runner
        .run(&(windows, 0i64..20, asks()), |(window, max_amount, asks)| {
            round.set(round.get() + 1);
            let memory = MemoryStore::new(MemoryOptions::default(), &QuotaMetrics::default());
            let limit = Limit::new(max_amount, window).unwrap();
            for (user, amount, best_effort, id) in asks {
                let user = format!("{} {user}", round.get());
                let key = CounterKey::new("handler", "alike", [("user", &*user)], window);
                let mut ask = Ask::new(key, limit, amount).unwrap().best_effort(best_effort);
                if let Some(id) = id {
                    ask = ask.deduplicate(named(&id.to_string()));
                }
                let [here, there] =
                    [memory.grant(&ask).unwrap(), runtime.block_on(redis.grant(&ask)).unwrap()];
                prop_assert_eq!(here.amount, there.amount);
                prop_assert_eq!(here.valid_for.is_zero(), there.valid_for.is_zero());
                prop_assert!(there.valid_for <= HOUR);
            }
            Ok(())
        })
        .unwrap();
}
