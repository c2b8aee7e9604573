use std::sync::Arc;
use std::time::Duration;

use super::cell::BadSample;
use super::family::Family;
use super::quota::Quota;
use super::*;

const SECOND: u64 = 1000;

fn definition(name: &str, expiry: Option<Duration>) -> Definition {
    let labels = ["a".to_owned(), "b".to_owned()];
    Definition::new(name, "help", MetricKind::Counter, &[], &labels, expiry).unwrap()
}

fn quota(series: u64) -> Arc<Quota> {
    let quota = Arc::new(Quota::new());
    quota.set_limits(series, 1 << 20);
    quota
}

fn text(family: &Family) -> Vec<String> {
    let mut text = String::new();
    family.encode(&mut text);
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn a_series_without_samples_expires_and_comes_back_empty_under_its_old_handle() {
    let family = Family::new(definition("m", Some(Duration::from_secs(10))));
    let quota = quota(10);
    let mut idle = family.intern(&["x", "1"], &quota, 0);
    let mut busy = family.intern(&["x", "2"], &quota, 0);
    family.apply(&mut idle, 5.0, &quota, 0).unwrap();
    family.apply(&mut busy, 1.0, &quota, 8 * SECOND).unwrap();
    assert_eq!(family.expire(10 * SECOND), 0);
    assert_eq!(family.expire(11 * SECOND), 1);
    assert_eq!(text(&family), [r#"m{a="x",b="2"} 1"#]);
    family.apply(&mut idle, 3.0, &quota, 12 * SECOND).unwrap();
    assert_eq!(text(&family), [r#"m{a="x",b="1"} 3"#, r#"m{a="x",b="2"} 1"#]);
    assert_eq!(quota.used(), 2, "the room of the expired one was given back");
}

#[test]
fn room_is_made_by_expiry_before_a_series_overflows() {
    let family = Family::new(definition("m", Some(Duration::from_secs(10))));
    let quota = quota(1);
    drop(family.intern(&["old", ""], &quota, 0));
    drop(family.intern(&["new", ""], &quota, 5 * SECOND));
    assert_eq!(quota.overflowed(), 1);
    drop(family.intern(&["newer", ""], &quota, 11 * SECOND));
    assert_eq!(quota.overflowed(), 1);
    assert!(text(&family).contains(&r#"m{a="newer",b=""} 0"#.to_owned()));
}

#[test]
fn values_that_look_alike_stay_apart() {
    let family = Family::new(definition("m", None));
    let quota = quota(10);
    for values in [["x\",b=\"y", ""], ["x", "y"], ["x\\", "y"], ["x\n", "y"], ["x\\n", "y"]] {
        let mut series = family.intern(&values, &quota, 0);
        family.apply(&mut series, 1.0, &quota, 0).unwrap();
    }
    assert_eq!(
        text(&family),
        [
            r#"m{a="x",b="y"} 1"#,
            r#"m{a="x\",b=\"y",b=""} 1"#,
            r#"m{a="x\\",b="y"} 1"#,
            r#"m{a="x\\n",b="y"} 1"#,
            r#"m{a="x\n",b="y"} 1"#,
        ]
    );
}

#[test]
fn long_values_are_cut_between_characters() {
    let family = Family::new(definition("m", None));
    let long = "é".repeat(1000);
    drop(family.intern(&[&long, ""], &quota(10), 0));
    let expected = format!("m{{a=\"{}\",b=\"\"}} 0", "é".repeat(512));
    assert_eq!(text(&family), [expected]);
}

#[test]
fn labels_count_by_their_bytes_as_well() {
    let family = Family::new(definition("m", None));
    let quota = quota(1000);
    quota.set_limits(1000, 1000);
    for number in 0..100 {
        drop(family.intern(&[&"x".repeat(100), &number.to_string()], &quota, 0));
    }
    assert!(quota.used() < 10 && quota.overflowed() > 90, "{quota:?}");
}

#[test]
fn two_handlers_with_one_definition_share_its_series() {
    let store = Arc::new(SeriesStore::default());
    let handlers = ["one", "two"].map(|name| {
        let handler = HandlerSeries::new(&store, name);
        assert_eq!(handler.define(definition("m", None)), Ok(0));
        handler.commit(10, 1 << 20).unwrap();
        handler
    });
    for handler in &handlers {
        let mut series = handler.intern(0, &["x".to_owned(), "y".to_owned()], 0).unwrap();
        handler.apply(&mut series, 1.0, 0).unwrap();
        assert_eq!(handler.apply(&mut series, f64::NAN, 0), Err(BadSample));
    }
    let mut text = String::new();
    store.encode_text(&mut text);
    assert!(text.ends_with("m{a=\"x\",b=\"y\"} 2\n"), "{text}");
    let [one, two] = handlers;
    drop(one);
    assert_eq!(store.len(), 1);
    drop(two);
    assert!(store.is_empty());
}

#[test]
fn definitions_that_contradict_one_another_are_refused_when_made_and_when_shown() {
    let store = Arc::new(SeriesStore::default());
    let expiry = Some(Duration::from_secs(1));
    let (one, two) = (HandlerSeries::new(&store, "one"), HandlerSeries::new(&store, "two"));
    one.define(definition("m", None)).unwrap();
    two.define(definition("m", expiry)).unwrap();
    assert_eq!(
        two.define(definition("m", None)),
        Err("metric m is defined twice, differently".to_owned())
    );
    one.commit(1, 1).unwrap();
    assert_eq!(
        two.commit(1, 1),
        Err("handler two: metric m is defined by handler one with another expiry".to_owned())
    );
    let three = HandlerSeries::new(&store, "three");
    assert!(three.define(definition("m", expiry)).is_err());
    assert!(one.define(definition("late", None)).is_err(), "only while it is configured");
    assert!(two.intern(0, &[], 0).is_none(), "what is not shown takes no samples");
}

#[test]
fn a_metric_may_move_to_another_handler_when_its_old_one_is_on_its_way_out() {
    let store = Arc::new(SeriesStore::default());
    let old = HandlerSeries::new(&store, "old");
    old.define(definition("m", None)).unwrap();
    old.commit(10, 1 << 20).unwrap();
    let other = definition("m", Some(Duration::from_secs(1)));
    assert!(HandlerSeries::new(&store, "new").define(other.clone()).is_err());
    store.expect_handlers(["new".to_owned()]);
    let new = HandlerSeries::new(&store, "new");
    new.define(other).unwrap();
    new.commit(10, 1 << 20).unwrap();
    let mut series = new.intern(0, &["x".to_owned(), "y".to_owned()], 0).unwrap();
    new.apply(&mut series, 1.0, 0).unwrap();
    drop(old);
    assert_eq!(store.len(), 1, "the old handler takes only its own with it");
}
