use proptest::prelude::*;

use super::*;

const BOUND: u64 = 1 << 20;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn the_weight_of_all_answers_stays_within_the_bound(
        lengths in prop::collection::vec(0..2000usize, 2000..4000),
    ) {
        let f = Fixture { cache: CheckCache::new(BOUND, Metrics::new().check_cache), ..Fixture::new() };
        for (number, length) in lengths.iter().enumerate() {
            f.insert(&format!("/{number}/{}", "x".repeat(*length)), generation(1), 60, -1);
        }
        f.cache.export_size();
        let usage = f.cache.usage();
        prop_assert_eq!(usage.limit_bytes, BOUND);
        prop_assert!(usage.bytes <= BOUND, "{} bytes", usage.bytes);
        prop_assert!(usage.entries > 0);
        let metrics = &f.cache.metrics;
        prop_assert_eq!(metrics.evicted.get() + usage.entries, lengths.len() as u64);
        prop_assert_eq!(metrics.bytes.get(), i64::try_from(usage.bytes).unwrap());
    }
}

#[test]
fn an_answer_weighs_what_it_keeps() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    let key = "/a".len() + 10;
    f.cache.export_size();
    let small = f.cache.usage().bytes;
    assert!(small > (key + ENTRY_OVERHEAD + size_of::<CachedAnswer>()) as u64, "{small} bytes");
    f.insert(&format!("/{}", "x".repeat(5000)), generation(1), 60, -1);
    f.cache.export_size();
    assert!(f.cache.usage().bytes - small > 5000);
}
