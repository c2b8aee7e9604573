//! Level 1, the look-up alone.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use foldhash::fast::RandomState;
use mesh_attributes::Timestamp;
use sidecar_filter::attributes::RequestBag;
use sidecar_filter::cache::{L1, LookUp, Stored, Validity};
use sidecar_filter::check::{Answer, Verdict};
use sidecar_filter::generations::Standing;
use sidecar_filter::mock::MockProxy;

use super::sidecar::Rules;
use super::{key, sidecar};
use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::{NAMESPACE, WORKING_SET};
use crate::subject::{Promise, Subject};

/// Ours on requests whose attributes were read before: each known shape, the key, the table, the
/// entry's validity. Beside it, what the table alone costs in the crates one might have taken, with
/// the same keys, ready made, and the same hash function.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let proxy = MockProxy::new();
    let config = sidecar::config(proxy.now(), Rules::Some);
    let scope = config.scope(None);
    let generations = &config.mixer().generations;
    let Standing::Current(namespace) =
        generations.judge(NAMESPACE, sidecar::GENERATION, proxy.now())
    else {
        bail!("the generation that was announced is not the current one");
    };
    let policies = generations.snapshot().load();
    let settings = config.settings();
    let validity = Validity {
        now: proxy.now(),
        dead_since: None,
        max_stale: settings.max_stale,
        serve_stale: settings.serve_stale,
    };
    let streams = sidecar::streams(&proxy);
    let mut bags =
        streams.each(|stream| RequestBag::new(stream, &scope.statics, Timestamp::default()));
    let mut l1 = L1::new(settings.l1_entries, settings.l1_bytes);
    let answer = Answer::decode(&sidecar::answer()?)?;
    for _ in 0..WORKING_SET {
        let policy = Some((namespace, sidecar::GENERATION));
        let stored = l1.store(&answer, policy, bags.next(), proxy.now());
        ensure!(stored == Stored::Kept { evicted: 0 }, "an answer is not kept: {stored:?}");
    }

    let capacity = NonZeroUsize::new(settings.l1_entries).context("a cache without entries")?;
    let mut lru = lru::LruCache::with_hasher(capacity, RandomState::default());
    let moka = moka::sync::Cache::builder()
        .max_capacity(settings.l1_entries as u64)
        .build_with_hasher(RandomState::default());
    let quick = quick_cache::sync::Cache::with(
        settings.l1_entries,
        settings.l1_entries as u64,
        quick_cache::UnitWeighter,
        RandomState::default(),
        quick_cache::sync::DefaultLifecycle::default(),
    );
    let mut keys = key::keys()?;
    for _ in 0..WORKING_SET {
        let key = keys.next();
        let answer: Arc<str> = "allow".into();
        lru.put(key.clone(), Arc::clone(&answer));
        moka.insert(key.clone(), Arc::clone(&answer));
        quick.insert(key.clone(), answer);
    }
    let (mut for_lru, mut for_moka, mut for_quick) = (keys.clone(), keys.clone(), keys);
    measure(
        vec![
            Subject::new("check_l1_lookup", || {
                match l1.look_up(Some(namespace), bags.next(), &policies, &validity) {
                    LookUp::Hit(Verdict::Allow) => Ok(()),
                    other => bail!("not an allow: {other:?}"),
                }
            })
            .allocates(Promise::Never),
            Subject::new("lru_get", || lru.get(for_lru.next()).map(Arc::clone).context("a miss")),
            Subject::new("moka_get", || moka.get(for_moka.next()).context("a miss"))
                .elsewhere("348 ns, 320-core host: published"),
            Subject::new("quick_cache_get", || quick.get(for_quick.next()).context("a miss"))
                .elsewhere("72-91 ns, 50,000 entries, 320-core host: published"),
        ],
        effort,
    )
}
