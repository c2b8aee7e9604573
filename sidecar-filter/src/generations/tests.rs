use super::*;

const START: Moment = Moment(1_000_000_000_000);

fn generation(revision: u64, digest: u8) -> Generation {
    Generation { revision, digest: Digest([digest; 16]) }
}

fn announced(revision: u64, digest: u8, has_check: bool) -> Announced {
    Announced { generation: generation(revision, digest), has_check }
}

fn full(listed: &[(&str, Announced)], default: Announced) -> WatchEvent {
    WatchEvent {
        full: true,
        namespaces: listed.iter().map(|(name, a)| ((*name).to_owned(), *a)).collect(),
        default: Some(default),
        removed: Vec::new(),
    }
}

fn change(listed: &[(&str, Announced)]) -> WatchEvent {
    WatchEvent { full: false, default: None, ..full(listed, announced(0, 0, false)) }
}

fn removal(names: &[&str]) -> WatchEvent {
    WatchEvent { removed: names.iter().map(|n| (*n).to_owned()).collect(), ..WatchEvent::default() }
}

/// What is known of `namespace` without teaching it anything.
fn known(generations: &Generations, namespace: &str) -> Known {
    let mut book = generations.book();
    let id = book.id(namespace).unwrap();
    book.pages[id.index()].known(book.default)
}

fn after(seconds: u64) -> Moment {
    START.plus(Duration::from_secs(seconds))
}

#[test]
fn a_generation_is_read_as_it_is_written() {
    let generation = Generation { revision: 1_700_000_000_123_456_789, digest: Digest([0xa7; 16]) };
    let text = generation.to_string();
    assert_eq!(text, "1700000000123456789-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7");
    assert_eq!(Generation::parse(text.as_bytes()), Some(generation));
    for broken in [
        "",
        "1",
        "1-",
        "-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
        "x-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
        "1-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
        "1-+7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
        "1-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7é",
        "99999999999999999999-a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7",
    ] {
        assert_eq!(Generation::parse(broken.as_bytes()), None, "{broken:?}");
    }
}

#[test]
fn an_answer_of_a_higher_revision_is_news_and_one_of_a_lower_is_older() {
    let generations = Generations::default();
    assert!(matches!(generations.judge("a", generation(5, 5), START), Standing::Current(_)));
    assert!(matches!(generations.judge("a", generation(6, 6), START), Standing::Current(_)));
    assert!(matches!(generations.judge("a", generation(5, 5), START), Standing::Older(_)));
    assert!(matches!(generations.judge("b", generation(1, 1), START), Standing::Current(_)));
}

#[test]
fn an_equal_digest_is_the_same_generation_and_the_higher_revision_is_kept() {
    let generations = Generations::default();
    generations.judge("a", generation(5, 5), START);
    assert!(matches!(generations.judge("a", generation(9, 5), START), Standing::Current(_)));
    assert!(matches!(generations.judge("a", generation(4, 5), START), Standing::Current(_)));
    assert_eq!(known(&generations, "a").generation, Some(generation(9, 5)));
    assert!(matches!(generations.judge("a", generation(7, 7), START), Standing::Older(_)));
}

#[test]
fn an_equal_revision_with_another_digest_does_not_win() {
    let generations = Generations::default();
    generations.judge("a", generation(5, 5), START);
    assert!(matches!(generations.judge("a", generation(5, 6), START), Standing::Older(_)));
}

#[test]
fn no_check_is_needed_only_where_the_watch_says_so() {
    let generations = Generations::default();
    generations.judge("a", generation(1, 1), START);
    assert!(!known(&generations, "a").needs_no_check, "nobody has said so yet");
    generations.announce(&full(&[("b", announced(1, 2, true))], announced(1, 1, false)), START);
    assert!(known(&generations, "a").needs_no_check);
    assert!(!known(&generations, "b").needs_no_check);
    generations.announce(&change(&[("a", announced(2, 3, true))]), START);
    assert!(!known(&generations, "a").needs_no_check);
}

#[test]
fn an_answer_newer_than_the_watch_ends_skipping_until_the_watch_has_caught_up() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(1, 1, false))], announced(1, 1, false)), START);
    assert!(known(&generations, "a").needs_no_check);
    generations.judge("a", generation(2, 2), START);
    assert!(!known(&generations, "a").needs_no_check);
    generations.announce(&change(&[("a", announced(2, 2, false))]), START);
    assert!(known(&generations, "a").needs_no_check);
}

#[test]
fn a_namespace_first_seen_in_an_answer_takes_the_default_at_once() {
    let generations = Generations::default();
    generations.announce(&full(&[], announced(1, 1, false)), START);
    let Standing::Current(id) = generations.judge("a", generation(1, 1), START) else {
        panic!("the default's generation is current");
    };
    let seen_by_workers = generations.snapshot().load().known(id);
    assert_eq!(seen_by_workers.generation, Some(generation(1, 1)));
    assert!(seen_by_workers.needs_no_check);
}

#[test]
fn an_answer_that_was_on_its_way_during_an_edit_is_older() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(1, 1, true))], announced(1, 0, false)), START);
    generations.announce(&change(&[("a", announced(2, 2, true))]), START);
    assert!(matches!(generations.judge("a", generation(1, 1), START), Standing::Older(_)));
}

#[test]
fn a_removed_namespace_takes_the_default_even_if_the_default_is_of_an_older_revision() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(10, 7, true))], announced(5, 1, false)), START);
    generations.judge("a", generation(10, 7), START);
    generations.announce(&removal(&["a"]), START);
    let now = known(&generations, "a");
    assert_eq!(now.generation.map(|g| g.digest), Some(Digest([1; 16])));
    assert!(now.needs_no_check);
    assert!(
        matches!(generations.judge("a", generation(10, 7), START), Standing::Older(_)),
        "an answer of the removed policy that was on its way changes nothing"
    );
    assert!(matches!(generations.judge("a", generation(11, 1), START), Standing::Current(_)));
}

#[test]
fn a_namespace_missing_from_a_full_event_takes_the_default() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(3, 3, true))], announced(1, 1, false)), START);
    generations.announce(&full(&[], announced(4, 1, false)), START);
    assert_eq!(known(&generations, "a").generation, Some(generation(4, 1)));
}

#[test]
fn a_changed_default_reaches_every_namespace_that_is_not_listed() {
    let generations = Generations::default();
    generations.judge("a", generation(1, 1), START);
    generations.announce(&full(&[("b", announced(1, 2, true))], announced(1, 1, false)), START);
    let event = WatchEvent { default: Some(announced(2, 9, true)), ..WatchEvent::default() };
    generations.announce(&event, START);
    assert_eq!(known(&generations, "a").generation, Some(generation(2, 9)));
    assert!(!known(&generations, "a").needs_no_check);
    assert_eq!(known(&generations, "b").generation, Some(generation(1, 2)));
}

#[test]
fn a_watch_that_begins_behind_does_not_bring_back_an_older_policy() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(5, 5, true))], announced(1, 0, false)), START);
    generations.announce(&full(&[("a", announced(4, 4, false))], announced(1, 0, false)), START);
    let now = known(&generations, "a");
    assert_eq!(now.generation, Some(generation(5, 5)));
    assert!(!now.needs_no_check);
    generations.announce(&change(&[("a", announced(5, 5, true))]), START);
    assert_eq!(known(&generations, "a").generation, Some(generation(5, 5)));
}

#[test]
fn a_revision_that_went_back_for_good_is_accepted_after_a_while() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(50, 5, true))], announced(1, 0, false)), START);
    let behind = full(&[("a", announced(4, 4, true))], announced(1, 0, false));
    generations.announce(&behind, START);
    generations.announce(&WatchEvent::default(), after(9));
    assert_eq!(known(&generations, "a").generation, Some(generation(50, 5)));
    generations.announce(&WatchEvent::default(), after(10));
    assert_eq!(known(&generations, "a").generation, Some(generation(4, 4)));
}

#[test]
fn what_answers_keep_confirming_stays_newer_than_the_watch() {
    let generations = Generations::default();
    generations.announce(&full(&[("a", announced(4, 4, true))], announced(1, 0, false)), START);
    for second in 0..30 {
        generations.judge("a", generation(5, 5), after(second));
        generations.announce(&WatchEvent::default(), after(second));
    }
    assert_eq!(known(&generations, "a").generation, Some(generation(5, 5)));
}

#[test]
fn the_watch_is_alive_for_three_seconds_after_each_word_and_dead_at_once_when_cut() {
    let clock = WatchClock::default();
    assert_eq!(clock.dead_since(START), Some(Moment(0)), "never heard");
    clock.heard(START);
    assert_eq!(clock.dead_since(after(2)), None);
    assert_eq!(clock.dead_since(after(3)), Some(after(3)));
    assert_eq!(clock.dead_since(after(60)), Some(after(3)));
    clock.heard(after(60));
    clock.cut(after(61));
    assert_eq!(clock.dead_since(after(61)), Some(after(61)));
    clock.cut(after(62));
    assert_eq!(clock.dead_since(after(62)), Some(after(61)), "a second cut changes nothing");
}

#[test]
fn the_snapshot_says_what_the_book_says() {
    let generations = Generations::default();
    let Standing::Current(id) = generations.judge("a", generation(1, 1), START) else {
        panic!("the first generation is current");
    };
    let read = || generations.snapshot().load().known(id);
    assert_eq!(read().generation, Some(generation(1, 1)));
    generations.announce(&full(&[("a", announced(2, 2, false))], announced(1, 0, true)), START);
    assert_eq!(read(), Known { generation: Some(generation(2, 2)), needs_no_check: true });
}

#[test]
fn there_is_a_last_namespace() {
    let generations = Generations::default();
    for number in 0..MAX_NAMESPACES {
        generations.book().id(&number.to_string()).unwrap();
    }
    assert_eq!(generations.judge("one more", generation(1, 1), START), Standing::Untracked);
}
