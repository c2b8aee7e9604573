use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;
use std::time::Duration;

use proptest::prelude::Rng as _;
use proptest::test_runner::{RngAlgorithm, TestRng};

use super::fixture::{TestFolder, handler};
use crate::{ConfigSet, Problem, Spec};

/// Both documents, of which the first alone is good YAML too, and `value` in both.
fn text(value: u32) -> String {
    handler("first", value) + &handler("second", value)
}

fn values(set: &ConfigSet) -> Vec<u64> {
    let value = |spec: &Spec| match spec {
        Spec::Handler(handler) => handler.params.value()["valid_use_count"].as_u64(),
        _ => None,
    };
    set.resources.values().filter_map(|resource| value(&resource.spec)).collect()
}

/// Rewrites the file in place in small pieces. It often stops for a moment where what is written is good
/// YAML, and sometimes for longer than any change must be at rest.
fn rewrite(path: &Path, value: u32, random: &mut TestRng) {
    let (first, second) = (handler("first", value), handler("second", value));
    let mut file = File::create(path).unwrap();
    for mut rest in [first.as_bytes(), second.as_bytes()] {
        while !rest.is_empty() {
            let length = (random.next_u32() as usize % 100 + 1).min(rest.len());
            let (piece, after) = rest.split_at(length);
            file.write_all(piece).unwrap();
            rest = after;
            match (rest.is_empty(), random.next_u32() % 300) {
                (true, 0..3) => thread::sleep(Duration::from_millis(650)),
                (true, 3..10) => thread::sleep(Duration::from_millis(45)),
                (_, 10..100) => thread::yield_now(),
                _ => {}
            }
        }
    }
}

#[test]
fn a_storm_of_rewrites_in_place_never_takes_a_document_away() {
    const REWRITES: u32 = 1000;
    let folder = TestFolder::new().with("a.yaml", &text(1));
    let mut followed = folder.follow();
    let path = folder.file("a.yaml");
    let written = AtomicU32::new(1);
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        // The writer is to be interrupted anywhere.
        for _ in 0..2 {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    std::hint::spin_loop();
                }
            });
        }
        scope.spawn(|| {
            let mut random = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
            for value in 2..REWRITES {
                rewrite(&path, value, &mut random);
                if random.next_u32().is_multiple_of(20) {
                    thread::sleep(Duration::from_millis(45));
                }
                written.store(value, Ordering::Relaxed);
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            followed.look();
            followed.wait();
        }
    });
    let last = u64::from(written.load(Ordering::Relaxed));
    followed.until("the last version is in force", |set, _| values(set) == [last, last]);
    assert!(followed.seen.len() > 2, "no version between the first and the last was read");
    for set in &followed.seen {
        let values = values(set);
        assert!(values.len() == 2 && values[0] == values[1], "half a file was read: {set:?}");
        let in_text = |problem: &Problem| problem.origin.line != 0;
        assert!(!set.problems.iter().any(in_text), "half a file was parsed: {:?}", set.problems);
    }
    assert!(followed.seen.is_sorted_by_key(|set| set.revision));
}
