use std::thread;

use proptest::prelude::*;

use super::*;

#[test]
fn all_sidecars_together_never_use_an_answer_more_often_than_allowed() {
    for allowed in [1, 2, 7, 8, 9, 100, 10_000] {
        let f = Fixture::new();
        let mut used = i64::from(f.insert("/a", generation(1), 60, allowed).0);
        while let Some(hit) = f.look_up("/a", generation(1), 0) {
            used += 1 + i64::from(hit.valid_use_count.0);
        }
        assert_eq!(used, i64::from(allowed));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn nor_do_they_when_they_ask_at_once(allowed in 1..3000i32, threads in 2..5usize) {
        let f = Fixture::new();
        let first = i64::from(f.insert("/a", generation(1), 60, allowed).0);
        let used: i64 = thread::scope(|scope| {
            let take_all = || {
                let mut used = 0;
                while let Some(hit) = f.look_up("/a", generation(1), 0) {
                    used += 1 + i64::from(hit.valid_use_count.0);
                }
                used
            };
            let threads: Vec<_> = (0..threads).map(|_| scope.spawn(take_all)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        prop_assert_eq!(first + used, i64::from(allowed));
    }
}

#[test]
fn an_answer_without_limit_is_found_without_limit() {
    let f = Fixture::new();
    f.insert("/a", generation(1), 60, -1);
    for _ in 0..100 {
        assert_eq!(f.look_up("/a", generation(1), 0).unwrap().valid_use_count, UseCount(-1));
    }
}
