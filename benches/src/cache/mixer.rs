//! Level 2 and what is behind it, without gRPC: from a request's bytes to an answer's.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use foldhash::fast::RandomState;
use mesh_api::mixer::v1::CheckResponse;
use mesh_attributes::wire::resolve_references;
use mixer::{CacheLevel, Caller, DEFAULT_CACHE_BYTES, Mixer};
use prost::Message;
use tokio::runtime::{Builder, Runtime};

use super::{key, threads};
use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::policy;
use crate::request::{self, NAMESPACE, Scattered, WORKING_SET};
use crate::subject::{Promise, Subject};

/// About what an answer and its key weigh in level 2.
const USUAL_WEIGHT: u32 = 400;

/// A hit, the plain look-up of its key in the same cache crate, and a decision by one adapter.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let cached = runtime.block_on(policy::mixer(DEFAULT_CACHE_BYTES))?;
    let uncached = runtime.block_on(policy::mixer(0))?;
    let caller = Caller { is_our_filter: true, ..Caller::default() };
    let mut hits = requests();
    let mut misses = requests();
    fill(&runtime, &cached, &caller)?;

    let mut keys = key::keys()?;
    let plain = plain_cache(&mut keys);
    let mut figures = measure(
        vec![
            Subject::refilled(
                "check_hit_l2",
                || Ok(cached.check_cached(hits.next(), &caller)?),
                || fill(&runtime, &cached, &caller),
            )
            .allocates(Promise::Usually(2))
            .elsewhere("1498 ns, 9 allocs, dispatch without a rule: Istio 1.4 Mixer"),
            // The least that level 2 could cost.
            Subject::new("moka_get_expiring", || plain.get(keys.next()).context("a miss")),
            Subject::new("check_miss", || {
                let answer = runtime.block_on(uncached.check(misses.next(), &caller))?;
                ensure!(answer.cache == CacheLevel::Miss, "a hit");
                Ok(answer)
            })
            .elsewhere("5201 ns, 46 allocs, dispatch with one rule: Istio 1.4 Mixer"),
        ],
        effort,
    )?;
    figures.extend(threads::run(&cached, || fill(&runtime, &cached, &caller), effort)?);
    Ok(figures)
}

pub(super) fn requests() -> Scattered<Vec<u8>> {
    Scattered::new(|i| request::check_request(i, NAMESPACE))
}

/// Puts the answers to the working set into the cache, as often as their uses are spent, and sees that
/// they depend on what [`key`] says.
fn fill(runtime: &Runtime, mixer: &Mixer, caller: &Caller) -> Result<()> {
    let mut requests = requests();
    for _ in 0..WORKING_SET {
        let answer = runtime.block_on(mixer.check(requests.next(), caller))?;
        let answer = CheckResponse::decode(answer.body)?;
        let references = answer
            .precondition
            .and_then(|precondition| precondition.referenced_attributes)
            .context("an answer without references")?;
        let matches = references.attribute_matches.iter();
        let resolved = resolve_references(
            &references.words,
            matches.map(|m| (m.name, m.condition, m.map_key)),
        )?;
        ensure!(
            resolved == key::references(),
            "an answer depends on {resolved:?}, not on what the plain caches' keys are made of"
        );
    }
    Ok(())
}

/// Moka as level 2 sets it up: weighed and with a lifetime for each entry.
pub(super) fn plain_cache(
    keys: &mut Scattered<Box<[u8]>>,
) -> moka::sync::Cache<Box<[u8]>, Arc<Instant>, RandomState> {
    let cache = moka::sync::Cache::builder()
        .max_capacity(DEFAULT_CACHE_BYTES)
        .weigher(|_, _| USUAL_WEIGHT)
        .expire_after(Lifetime)
        .build_with_hasher(RandomState::default());
    let expires = Arc::new(Instant::now() + Duration::from_secs(3600));
    for _ in 0..WORKING_SET {
        cache.insert(keys.next().clone(), Arc::clone(&expires));
    }
    cache
}

struct Lifetime;

impl moka::Expiry<Box<[u8]>, Arc<Instant>> for Lifetime {
    fn expire_after_create(
        &self,
        _: &Box<[u8]>,
        expires: &Arc<Instant>,
        now: Instant,
    ) -> Option<Duration> {
        Some(expires.saturating_duration_since(now))
    }
}
