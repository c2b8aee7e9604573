//! What a quota costs: counted in memory, through the adapter, and in Redis.

use std::time::Duration;

use adapter_host::{
    AdapterHost, Handler, HandlerSpec, HostOptions, InstanceDecl, InstanceIndex, Limits,
    QuotaRequest, Template,
};
use anyhow::{Context, Result, ensure};
use governor::{Quota, RateLimiter};
use mesh_attributes::{OwnedValue, ValueType};
use mixer_quota::{
    Ask, CounterKey, Deduplication, Limit, MAX_AMOUNT, MemoryOptions, MemoryStore, QuotaMetrics,
    RedisOptions, RedisStore, Window,
};
use redis::AsyncTypedCommands;
use serde_json::json;
use testbed::{Layout, Part, Persistence, Redis};
use tokio::runtime::{Builder, Runtime};

use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::policy;
use crate::subject::Subject;

/// Distinct values of the dimension.
const KEYS: usize = 1000;

/// So long that nothing expires, and with some tens of buckets in use as in production.
const HOUR: Duration = Duration::from_secs(3600);

/// Measures all of them.
///
/// # Errors
/// When a part is missing or an operation fails.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    policy::adapters()?;
    let layout = Layout::of_checkout();
    ensure!(Part::Redis.is_present(&layout), "no Redis: {}", Part::Redis.how_to_get());
    let folder = tempfile::tempdir()?;
    let server = Redis::start(&layout, Persistence::None, folder.path())?;
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut figures = in_memory(&runtime, effort)?;
    figures.extend(in_redis(&runtime, &server, effort)?);
    Ok(figures)
}

fn in_memory(runtime: &Runtime, effort: &Effort) -> Result<Vec<Figures>> {
    let store = MemoryStore::new(MemoryOptions::default(), &QuotaMetrics::default());
    let rolling = asks(Window::Rolling { length: HOUR, bucket: HOUR / 1000 })?;
    let mut rolling = rolling.iter().cycle();
    let fixed = asks(Window::Fixed { length: HOUR })?;
    let mut fixed = fixed.iter().cycle();
    let grant = |ask: Option<&Ask>| Ok(store.grant(ask.context("an ask")?)?.amount);
    let burst = u32::MAX.try_into().context("a burst")?;
    let others = RateLimiter::keyed(Quota::per_second(burst));
    let names: Vec<String> = (0..KEYS).map(|n| format!("user {n}")).collect();
    let mut keys = names.iter().cycle();
    let handler = runtime.block_on(handler())?;
    let mut users = names.iter().cycle();
    measure(
        vec![
            Subject::new("quota_memory", || grant(rolling.next())),
            Subject::new("quota_memory_fixed", || grant(fixed.next())),
            // A rate without windows: the nearest that others offer.
            Subject::new("governor_keyed", || {
                Ok(others.check_key(keys.next().context("a key")?).is_ok())
            }),
            Subject::new("quota_adapter", || {
                let user = OwnedValue::String(users.next().context("a user")?.as_str().into());
                let request =
                    QuotaRequest { deduplication_id: String::new(), amount: 1, best_effort: false };
                let call = handler.allocate(InstanceIndex(0), vec![user], request);
                let grant = runtime.block_on(call)?;
                ensure!(grant.amount == 1, "nothing is granted");
                Ok(grant.amount)
            }),
        ],
        effort,
    )
}

fn in_redis(runtime: &Runtime, server: &Redis, effort: &Effort) -> Result<Vec<Figures>> {
    let options =
        RedisOptions { timeout: Duration::from_secs(5), ..RedisOptions::new(server.url()) };
    let store = {
        let _inside = runtime.enter();
        RedisStore::open(&options, &QuotaMetrics::default())?
    };
    let mut plain = runtime.block_on(async {
        redis::Client::open(server.url())?.get_multiplexed_async_connection().await
    })?;
    let fixed = asks(Window::Fixed { length: HOUR })?;
    let mut fixed = fixed.iter().cycle();
    let rolling = asks(Window::Rolling { length: HOUR, bucket: HOUR / 1000 })?;
    let mut rolling = rolling.iter().cycle();
    let mut number = 0;
    let mut named = asks(Window::Fixed { length: HOUR })?.into_iter().cycle();
    let grant = |ask: &Ask| Ok(runtime.block_on(store.grant(ask))?.amount);
    measure(
        vec![
            Subject::new("quota_redis", || grant(fixed.next().context("an ask")?)),
            Subject::new("quota_redis_rolling", || grant(rolling.next().context("an ask")?)),
            Subject::new("quota_redis_deduplicated", || {
                number += 1;
                let id = Deduplication { id: number.to_string(), keep: Duration::from_secs(1) };
                grant(&named.next().context("an ask")?.deduplicate(id))
            }),
            // The least that a counter in Redis could cost.
            Subject::new("redis_incr", || Ok(runtime.block_on(plain.incr("plain", 1))?)),
        ],
        effort,
    )
}

/// An ask for each key, on counters without an effective limit.
fn asks(window: Window) -> Result<Vec<Ask>> {
    let limit = Limit::new(MAX_AMOUNT, window)?;
    let ask = |n: usize| {
        let user = format!("user {n}");
        let key = CounterKey::new("bench", "requests", [("user", user.as_str())], window);
        Ok(Ask::new(key, limit, 1)?)
    };
    (0..KEYS).map(ask).collect()
}

async fn handler() -> Result<std::sync::Arc<Handler>> {
    let host = AdapterHost::new(HostOptions::default())?;
    let component = host.load("quota", &policy::adapters()?.join("quota.wasm"))?;
    let spec = HandlerSpec {
        name: "bench.default".to_owned(),
        params: json!({
            "quotas": [{ "name": "requests", "maxAmount": MAX_AMOUNT, "validDuration": "3600s" }],
        }),
        instances: vec![InstanceDecl {
            name: "requests.instance.default".to_owned(),
            template: Template::Quota,
            fields: vec![("user".to_owned(), ValueType::String)],
            value_type: None,
        }],
        // What is measured is the call, not whether a loaded machine is late.
        limits: Limits { check_deadline: Duration::from_secs(5), ..Limits::default() },
    };
    Ok(Handler::build(&host, component, spec).await?)
}
