//! A cached answer is the fresh answer.
//!
//! Random rules are evaluated through a tracked bag, their answers go through two cache levels made
//! of this crate's shapes and keys, over the wire's bytes, while rules are edited, answers are on
//! their way and requests wait for one another. Every answer that comes from a cache must be the one
//! that the rules of now give for that very request.
//!
//! The proof that this can fail: each [`mutant::Mutant`] breaks one thing at a seam of the model, never
//! in the crate, and the same property must find it out.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bags;
mod level;
mod mesh;
mod mutant;
mod rules;
mod scenario;

use std::cell::Cell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};

use mesh::{Sources, run};
use mutant::Mutant;
use scenario::Scenario;

/// Enough that the rarest mutant is found in a fifth of them.
const CASES: u32 = 2000;

/// Runs the property over as many scenarios and sums up where answers came from.
fn property(cases: u32, mutant: Option<Mutant>) -> (Result<(), TestError<Scenario>>, Sources) {
    // What a mutant did wrong need not be made small: that it was seen is enough.
    let max_shrink_iters = if mutant.is_some() { 0 } else { 2000 };
    let config = Config { cases, max_shrink_iters, failure_persistence: None, ..Config::default() };
    let seed = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let sources = Cell::new(Sources::default());
    let result = TestRunner::new_with_rng(config, seed).run(&scenario::scenario(), |scenario| {
        let seen =
            run(&scenario, mutant).map_err(|wrong| TestCaseError::fail(wrong.to_string()))?;
        sources.set(sources.get() + seen);
        Ok(())
    });
    (result, sources.get())
}

fn assert_found_out(mutant: Mutant) {
    let (result, _) = property(CASES, Some(mutant));
    assert!(
        matches!(result, Err(TestError::Fail(..))),
        "the property does not notice that {mutant:?}: {result:?}"
    );
}

#[test]
fn a_cached_answer_is_the_fresh_answer() {
    let (result, sources) = property(CASES, None);
    if let Err(error) = result {
        panic!("{error}");
    }
    // Nothing is shown unless answers come from everywhere, and often.
    let Sources { evaluated, filter_hits, mixer_hits, waiter_hits, asked_again } = sources;
    assert!(evaluated > 1000 && filter_hits > 1000 && mixer_hits > 1000, "{sources:?}");
    assert!(waiter_hits > 100 && asked_again > 100, "{sources:?}");
}

#[test]
fn ignoring_absence_is_found_out() {
    assert_found_out(Mutant::AbsenceIgnored);
}

#[test]
fn ignoring_the_keys_of_maps_is_found_out() {
    assert_found_out(Mutant::MapKeyIgnored);
}

#[test]
fn ignoring_type_tags_is_found_out() {
    assert_found_out(Mutant::TypeTagIgnored);
}

#[test]
fn leaving_a_whole_map_unreferenced_is_found_out() {
    assert_found_out(Mutant::WholeMapUnreferenced);
}

#[test]
fn ignoring_the_generation_is_found_out() {
    assert_found_out(Mutant::GenerationIgnored);
}

#[test]
fn a_waiter_that_takes_anothers_answer_is_found_out() {
    assert_found_out(Mutant::WaiterTakesAnothersAnswer);
}

#[test]
fn taking_an_absent_map_for_one_without_the_key_is_found_out() {
    assert_found_out(Mutant::AbsentMapTakenForEmpty);
}

#[test]
fn storing_an_answer_that_an_edit_overtook_is_found_out() {
    assert_found_out(Mutant::OvertakenAnswerStored);
}
