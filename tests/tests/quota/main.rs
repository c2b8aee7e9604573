//! Quota counters in a real Redis: shared by two stores, restarted, paused, and replaced by a liar.

#![expect(clippy::unwrap_used, reason = "a fixture that does not work fails its test")]

mod limits;
mod mixers;
mod outage;
mod restart;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use mixer_quota::{
    Ask, CounterKey, Deduplication, Grant, Limit, QuotaMetrics, RedisOptions, RedisStore,
    StoreError, Window,
};
use tempfile::TempDir;
use testbed::{Layout, Part, Persistence, Redis};

/// A loaded machine answers late; what is tested here is not the timeout.
const PATIENT: Duration = Duration::from_secs(10);

/// Longer than any test.
const HOUR: Duration = Duration::from_secs(3600);

const FIXED: Window = Window::Fixed { length: HOUR };
const ROLLING: Window = Window::Rolling { length: HOUR, bucket: Duration::from_secs(4) };

/// A Redis with the folder that it writes to.
struct Server {
    redis: Redis,
    _folder: TempDir,
}

impl Server {
    /// `None` when the machine has no Redis, which is noted.
    fn start(persistence: Persistence) -> Option<Self> {
        Part::Redis.or_note_missing().then(|| {
            let folder = tempfile::tempdir().unwrap();
            let path: &Path = folder.path();
            let redis = Redis::start(&Layout::of_checkout(), persistence, path).unwrap();
            Self { redis, _folder: folder }
        })
    }

    fn store(&self) -> Arc<RedisStore> {
        self.store_with(PATIENT, &QuotaMetrics::default())
    }

    fn store_with(&self, timeout: Duration, metrics: &QuotaMetrics) -> Arc<RedisStore> {
        let options = RedisOptions { timeout, ..RedisOptions::new(self.redis.url()) };
        Arc::new(RedisStore::open(&options, metrics).unwrap())
    }
}

fn ask(user: &str, max_amount: i64, window: Window, amount: i64) -> Ask {
    let key = CounterKey::new("handler", "quota", [("user", user)], window);
    Ask::new(key, Limit::new(max_amount, window).unwrap(), amount).unwrap()
}

fn named(id: &str) -> Deduplication {
    Deduplication { id: id.to_owned(), keep: HOUR }
}

/// Asks until there is a decision, as a client does that repeats what failed.
async fn decided(store: &RedisStore, ask: &Ask) -> Grant {
    let decision = async {
        loop {
            match store.grant(ask).await {
                Ok(grant) => return grant,
                Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), decision).await.unwrap()
}

/// Asks until there is an error that `fits`.
async fn fails(store: &RedisStore, ask: &Ask, fits: impl Fn(&StoreError) -> bool) -> StoreError {
    let failure = async {
        loop {
            match store.grant(ask).await {
                Err(cause) if fits(&cause) => return cause,
                _ => tokio::time::sleep(Duration::from_millis(5)).await,
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), failure).await.unwrap()
}
