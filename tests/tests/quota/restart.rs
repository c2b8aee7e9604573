use std::sync::Arc;

use mixer_quota::{QuotaMetrics, RedisStore};
use testbed::Persistence;

use crate::{FIXED, PATIENT, ROLLING, Server, ask, decided};

const LIMIT: i64 = 200;

/// What many clients get who ask one by one, again and again over the failures of a restart, until all are
/// denied. An ask that failed may have been granted, so only what was seen to be granted is summed.
async fn drained(stores: &[Arc<RedisStore>], user: &str, window: mixer_quota::Window) -> i64 {
    let mut clients = tokio::task::JoinSet::new();
    for n in 0..8 {
        let (store, user) = (stores[n % stores.len()].clone(), user.to_owned());
        clients.spawn(async move {
            let mut sum = 0;
            loop {
                match decided(&store, &ask(&user, LIMIT, window, 1)).await.amount {
                    0 => return sum,
                    amount => sum += amount,
                }
            }
        });
    }
    clients.join_all().await.into_iter().sum()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_each_write_in_a_file_a_restart_grants_nothing_again() {
    let Some(mut server) = Server::start(Persistence::EachWrite) else { return };
    let metrics = QuotaMetrics::default();
    let stores = [server.store_with(PATIENT, &metrics), server.store()];
    for (user, window) in [("fixed", FIXED), ("rolling", ROLLING)] {
        let before = decided(&stores[0], &ask(user, LIMIT, window, LIMIT / 2)).await.amount;
        let restarts = metrics.restarts_noticed();
        let (after, ()) = tokio::join!(drained(&stores, user, window), async {
            tokio::task::block_in_place(|| server.redis.start_again().unwrap());
        });
        assert!(before + after <= LIMIT, "{before} and {after} {user}");
        // Each ask under way when the server was killed may have been granted unseen.
        assert!(before + after >= LIMIT - 8, "{before} and {after} {user}");
        decided(&stores[0], &ask("other", LIMIT, window, 1)).await;
        assert!(metrics.restarts_noticed() > restarts, "the restart is noticed");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_persistence_each_restart_grants_at_most_one_further_limit_and_is_counted() {
    let Some(mut server) = Server::start(Persistence::None) else { return };
    let metrics = QuotaMetrics::default();
    let stores = [server.store_with(PATIENT, &metrics), server.store()];
    let mut sum = drained(&stores, "a", FIXED).await;
    assert_eq!((sum, metrics.restarts_noticed()), (LIMIT, 0));
    for restarts in 1..=2 {
        server.redis.start_again().unwrap();
        sum += drained(&stores, "a", FIXED).await;
        // A denial came over the first store, perhaps before it was lost.
        decided(&stores[0], &ask("other", LIMIT, FIXED, 1)).await;
        assert!(sum <= LIMIT * (1 + restarts), "{sum} after {restarts} restarts");
        assert_eq!(metrics.restarts_noticed(), restarts.unsigned_abs());
    }
    assert!(sum > LIMIT, "without a file counters begin anew");
}
