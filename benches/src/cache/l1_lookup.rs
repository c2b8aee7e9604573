//! Level 1, the look-up alone.

use std::num::NonZeroUsize;
use std::sync::Arc;

use anyhow::{Context, Result};
use foldhash::fast::RandomState;

use super::key;
use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::{Subject, measure};
use crate::request::WORKING_SET;

/// Beside ours, what a look-up costs in the crates one might have taken, with the same keys, ready
/// made, and the same hash function: making the key is not in their figures.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let capacity = NonZeroUsize::new(2 * WORKING_SET).context("not zero")?;
    let mut lru = lru::LruCache::with_hasher(capacity, RandomState::default());
    let moka = moka::sync::Cache::builder()
        .max_capacity(2 * WORKING_SET as u64)
        .build_with_hasher(RandomState::default());
    let quick = quick_cache::sync::Cache::with(
        2 * WORKING_SET,
        2 * WORKING_SET as u64,
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
            Subject::new("lru_get", move || {
                lru.get(for_lru.next()).map(Arc::clone).context("a miss")
            }),
            Subject::new("moka_get", move || moka.get(for_moka.next()).context("a miss"))
                .elsewhere("348 ns, 320-core host: published"),
            Subject::new("quick_cache_get", move || quick.get(for_quick.next()).context("a miss"))
                .elsewhere("72-91 ns, 50,000 entries, 320-core host: published"),
        ],
        effort,
    )
}
