use std::time::{Duration, Instant};

use mixer_quota::{OpenError, QuotaMetrics, RedisOptions, RedisStore, StoreError};
use testbed::{Persistence, free_address};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::{FIXED, Server, ask, decided, fails, named};

/// Far above the default, so that a loaded machine does not decide the test; far below the wait for a
/// server that never answers.
const TIMEOUT: Duration = Duration::from_millis(300);

fn is_away(cause: &StoreError) -> bool {
    matches!(cause, StoreError::Away { .. })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_paused_server_costs_the_timeout_a_few_times_then_nothing_until_it_goes_on() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let store = server.store_with(TIMEOUT, &QuotaMetrics::default());
    let wanted = ask("a", 10, FIXED, 8);
    let named = wanted.clone().deduplicate(named("unheard"));
    decided(&store, &ask("warm", 1, FIXED, 1)).await;

    server.redis.pause().unwrap();
    let begin = Instant::now();
    let unheard = store.grant(&named).await.unwrap_err();
    assert!(matches!(unheard, StoreError::Unknown { .. }), "{unheard}");
    assert!(begin.elapsed() < Duration::from_secs(20), "not the server's time but ours");
    let away = fails(&store, &wanted, is_away).await;
    assert!(store.is_away() && away.to_string().contains("Redis at 127.0.0.1"), "{away}");

    server.redis.resume().unwrap();
    // It reads what was sent before the connection was given up, or gets the ask now; never both.
    assert_eq!(decided(&store, &named).await.amount, 8);
    let rest = decided(&store, &ask("a", 10, FIXED, 99).best_effort(true)).await;
    assert_eq!(rest.amount, 2, "what was asked for twice was taken once");
    assert!(!store.is_away());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_server_is_away_and_used_again_when_it_is_back() {
    let Some(mut server) = Server::start(Persistence::EachWrite) else { return };
    let store = server.store_with(TIMEOUT, &QuotaMetrics::default());
    assert_eq!(decided(&store, &ask("a", 10, FIXED, 8)).await.amount, 8);
    server.redis.kill().unwrap();
    let away = fails(&store, &ask("a", 10, FIXED, 1), is_away).await;
    assert!(away.to_string().contains("refused"), "{away}");
    server.redis.start_again().unwrap();
    let rest = decided(&store, &ask("a", 10, FIXED, 99).best_effort(true)).await;
    assert!(rest.amount <= 2, "{rest:?}");
}

#[tokio::test]
async fn a_server_that_cannot_write_is_named_with_its_reason_and_given_up() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let store = server.store_with(TIMEOUT, &QuotaMetrics::default());
    decided(&store, &ask("warm", 1, FIXED, 1)).await;
    server.redis.ask("CONFIG SET maxmemory 1").unwrap();
    let wanted = ask("a", 10, FIXED, 1);
    let refused = fails(&store, &wanted, |cause| matches!(cause, StoreError::Refused { .. })).await;
    assert!(refused.to_string().contains("OOM"), "{refused}");
    let away = fails(&store, &wanted, is_away).await;
    assert!(away.to_string().contains("OOM"), "{away}");
    server.redis.ask("CONFIG SET maxmemory 0").unwrap();
    assert_eq!(decided(&store, &wanted).await.amount, 1);
}

#[tokio::test]
async fn a_replica_is_refused_with_what_to_do() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let elsewhere = free_address().unwrap();
    server.redis.ask(&format!("REPLICAOF {} {}", elsewhere.ip(), elsewhere.port())).unwrap();
    let away = fails(&server.store(), &ask("a", 1, FIXED, 1), is_away).await;
    assert!(away.to_string().contains("give the primary's address"), "{away}");
}

#[tokio::test]
async fn a_missing_password_is_told_as_such() {
    let Some(server) = Server::start(Persistence::None) else { return };
    server.redis.ask("CONFIG SET requirepass secret").unwrap();
    let away = fails(&server.store(), &ask("a", 1, FIXED, 1), is_away).await;
    assert!(away.to_string().contains("NOAUTH"), "{away}");
    let url = server.redis.url().replace("://", "://:secret@");
    let options = RedisOptions { timeout: TIMEOUT, ..RedisOptions::new(url) };
    let store = RedisStore::open(&options, &QuotaMetrics::default()).unwrap();
    assert_eq!(decided(&store, &ask("a", 1, FIXED, 1)).await.amount, 1);
    assert!(!format!("{store:?} {options:?}").contains("secret"));
}

/// Answers everything it reads with `answer`.
async fn liar(answer: &'static str) -> (String, tokio::task::JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let mut task = tokio::task::JoinSet::new();
    task.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = [0; 4096];
            while stream.read(&mut asked).await.is_ok_and(|len| len > 0) {
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    (url, task)
}

#[tokio::test]
async fn a_server_that_is_no_redis_is_told_as_such() {
    for (answer, text) in [
        ("HTTP/1.1 400 Bad Request\r\n\r\n", "Redis at 127.0.0.1"),
        ("+OK\r\n+OK\r\n+OK\r\n", "another service"),
        ("$3\r\nfoo\r\n", "no connection within"),
        ("*99999999\r\n", "no connection within"),
    ] {
        let (url, _task) = liar(answer).await;
        let options = RedisOptions { timeout: TIMEOUT, ..RedisOptions::new(url) };
        let store = RedisStore::open(&options, &QuotaMetrics::default()).unwrap();
        let away = fails(&store, &ask("a", 1, FIXED, 1), |cause| {
            is_away(cause) && !cause.to_string().contains("takes longer")
        })
        .await;
        assert!(away.to_string().contains(text), "{answer:?}: {away}");
    }
}

/// A proxy that greets as Redis does and then lies about every grant.
#[tokio::test]
async fn a_reply_that_is_no_grant_is_an_error_that_shows_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("redis://{}", listener.local_addr().unwrap());
    let mut task = tokio::task::JoinSet::new();
    task.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut asked = vec![0; 65536];
            loop {
                let len = stream.read(&mut asked).await.unwrap_or(0);
                if len == 0 {
                    break;
                }
                let text = String::from_utf8_lossy(&asked[..len]);
                let info = "redis_version:7.0.0\r\nrun_id:liar\r\nrole:master\r\n";
                let answer = if text.contains("EVALSHA") {
                    "*2\r\n:1000000\r\n:1\r\n".to_owned()
                } else if text.contains("\r\nINFO") {
                    format!("${}\r\n{info}\r\n", info.len())
                } else if text.contains("SCRIPT") {
                    "+OK\r\n".to_owned()
                } else {
                    // The commands of a greeting come together.
                    "+OK\r\n".repeat(text.matches('*').count())
                };
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    break;
                }
            }
        }
    });
    let options = RedisOptions { timeout: TIMEOUT, ..RedisOptions::new(url) };
    let store = RedisStore::open(&options, &QuotaMetrics::default()).unwrap();
    let wanted = ask("a", 10, FIXED, 1);
    let garbage = fails(&store, &wanted, |cause| matches!(cause, StoreError::Garbage { .. })).await;
    assert!(garbage.to_string().contains("1000000"), "{garbage}");
}

#[tokio::test]
async fn too_many_asks_at_once_are_refused() {
    let Some(server) = Server::start(Persistence::None) else { return };
    let options = RedisOptions {
        max_in_flight: 3,
        timeout: Duration::from_secs(60),
        ..RedisOptions::new(server.redis.url())
    };
    let store = std::sync::Arc::new(RedisStore::open(&options, &QuotaMetrics::default()).unwrap());
    decided(&store, &ask("warm", 1, FIXED, 1)).await;
    server.redis.pause().unwrap();
    let mut clients = tokio::task::JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        clients.spawn(async move { store.grant(&ask("a", 10, FIXED, 1)).await });
    }
    let first = clients.join_next().await.unwrap().unwrap().unwrap_err();
    assert!(matches!(first, StoreError::Busy { in_flight: 3, .. }), "{first}");
    server.redis.resume().unwrap();
    assert_eq!(clients.join_all().await.into_iter().map(|g| g.unwrap().amount).sum::<i64>(), 3);
}

#[tokio::test]
async fn an_address_that_cannot_be_read_is_refused_when_the_store_is_opened() {
    let error =
        RedisStore::open(&RedisOptions::new("no address"), &QuotaMetrics::default()).unwrap_err();
    assert!(matches!(error, OpenError::Url { .. }), "{error}");
}
