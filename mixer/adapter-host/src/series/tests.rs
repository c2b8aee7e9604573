use std::sync::Arc;
use std::time::{Duration, SystemTime};

use mesh_api::io::prometheus::client::{BucketSpan, Exemplar as WireExemplar, MetricFamily};
use prost::Message;

use super::cell::BadSample;
use super::family::Family;
use super::quota::Quota;
use super::*;

const SECOND: u64 = 1000;

fn definition(name: &str, expiry: Option<Duration>) -> Definition {
    let counter = Definition::example(name, MetricKind::Counter);
    counter.with_labels(&["a", "b"]).with_help("help").with_expiry(expiry)
}

fn quota(series: u64) -> Arc<Quota> {
    let quota = Arc::new(Quota::new());
    quota.set_limits(series, 1 << 20);
    quota
}

fn text(family: &Family) -> Vec<String> {
    let mut text = String::new();
    text::write_family(&mut text, family.definition(), &family.sorted());
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

#[test]
fn a_series_without_samples_expires_and_comes_back_empty_under_its_old_handle() {
    let family = Family::new(definition("m", Some(Duration::from_secs(10))));
    let quota = quota(10);
    let mut idle = family.intern(&["x", "1"], &quota, 0);
    let mut busy = family.intern(&["x", "2"], &quota, 0);
    family.apply(&mut idle, 5.0, None, &quota, 0).unwrap();
    family.apply(&mut busy, 1.0, None, &quota, 8 * SECOND).unwrap();
    assert_eq!(family.expire(10 * SECOND), 0);
    assert_eq!(family.expire(11 * SECOND), 1);
    assert_eq!(text(&family), [r#"m{a="x",b="2"} 1"#]);
    family.apply(&mut idle, 3.0, None, &quota, 12 * SECOND).unwrap();
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
        family.apply(&mut series, 1.0, None, &quota, 0).unwrap();
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
        handler.apply(&mut series, 1.0, None, 0).unwrap();
        assert_eq!(handler.apply(&mut series, f64::NAN, None, 0), Err(BadSample));
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
    new.apply(&mut series, 1.0, None, 0).unwrap();
    drop(old);
    assert_eq!(store.len(), 1, "the old handler takes only its own with it");
}

/// A store with metrics of all kinds. The handler keeps them there.
fn page() -> (Arc<SeriesStore>, HandlerSeries) {
    let store = Arc::new(SeriesStore::default());
    let handler = HandlerSeries::new(&store, "one");
    let native = NativeLayout { schema: 0, max_buckets: 10, zero_threshold: 0.5 };
    let definitions = [
        Definition::example("asks", MetricKind::Counter),
        Definition::example("hits_total", MetricKind::Counter).with_exemplars(),
        Definition::example("load", MetricKind::Gauge).with_help("a \"b\"\n\\"),
        Definition::example("load_total", MetricKind::Counter),
        Definition::example("wait_seconds", MetricKind::Histogram)
            .with_buckets(&[1.0, 2.5])
            .with_native(native)
            .with_exemplars(),
    ];
    for definition in definitions {
        handler.define(definition).unwrap();
    }
    handler.commit(100, 1 << 20).unwrap();
    let example = |id: &str, value| {
        let at = SystemTime::UNIX_EPOCH + Duration::from_millis(12_345);
        Exemplar::new(vec![("trace_id".to_owned(), id.to_owned())], value, at)
    };
    for (metric, value, exemplar) in [
        (0, 2.0, None),
        (1, 1.0, example("old", 1.0)),
        (1, 4.0, example("a\"b", 4.0)),
        (2, -0.5, None),
        (3, 3.0, None),
        (4, 2.0, example("two", 2.0)),
        (4, 9.0, None),
        (4, 0.25, None),
    ] {
        let mut series = handler.intern(metric, &["x\n".to_owned()], 0).unwrap();
        handler.apply(&mut series, value, exemplar, 0).unwrap();
    }
    (store, handler)
}

#[test]
fn open_metrics_names_counters_by_its_rules_and_shows_exemplars() {
    let (store, _handler) = page();
    let expected = r##"# TYPE asks unknown
asks{l="x\n"} 2
# TYPE hits counter
hits_total{l="x\n"} 5 # {trace_id="a\"b"} 4 12.345
# TYPE load gauge
# HELP load a \"b\"\n\\
load{l="x\n"} -0.5
# TYPE load_total unknown
load_total{l="x\n"} 3
# TYPE wait_seconds histogram
# UNIT wait_seconds seconds
wait_seconds_bucket{l="x\n",le="1.0"} 1
wait_seconds_bucket{l="x\n",le="2.5"} 2 # {trace_id="two"} 2 12.345
wait_seconds_bucket{l="x\n",le="+Inf"} 3
wait_seconds_sum{l="x\n"} 11.25
wait_seconds_count{l="x\n"} 3
# EOF
"##;
    assert_eq!(String::from_utf8(store.encode(ScrapeFormat::OpenMetrics)).unwrap(), expected);
}

#[test]
fn text_has_the_same_names_and_no_exemplars() {
    let (store, _handler) = page();
    let text = String::from_utf8(store.encode(ScrapeFormat::Text)).unwrap();
    for line in [
        "# TYPE hits_total counter\nhits_total{l=\"x\\n\"} 5\n",
        "# HELP load a \"b\"\\n\\\\\n# TYPE load gauge\n",
        "wait_seconds_bucket{l=\"x\\n\",le=\"1\"} 1\n",
    ] {
        assert!(text.contains(line), "{line} is not in {text}");
    }
    assert!(!text.contains("trace_id") && !text.contains("EOF"), "{text}");
}

#[test]
fn protobuf_has_both_kinds_of_buckets_and_exemplars() {
    let (store, _handler) = page();
    let page = store.encode(ScrapeFormat::Protobuf);
    let mut rest = page.as_slice();
    let mut families = Vec::new();
    while !rest.is_empty() {
        families.push(MetricFamily::decode_length_delimited(&mut rest).unwrap());
    }
    let names: Vec<_> = families.iter().map(MetricFamily::name).collect();
    assert_eq!(names, ["asks", "hits_total", "load", "load_total", "wait_seconds"]);
    let trace = |exemplar: Option<&WireExemplar>| exemplar.unwrap().label[0].value().to_owned();
    let hits = &families[1].metric[0];
    assert_eq!(hits.label[0].value(), "x\n");
    assert_eq!(trace(hits.counter.as_ref().unwrap().exemplar.as_ref()), "a\"b");
    let wait = families[4].metric[0].histogram.as_ref().unwrap();
    assert_eq!((wait.sample_count(), wait.sample_sum()), (3, 11.25));
    let classic: Vec<_> =
        wait.bucket.iter().map(|b| (b.upper_bound(), b.cumulative_count())).collect();
    assert_eq!(classic, [(1.0, 1), (2.5, 2), (f64::INFINITY, 3)]);
    assert_eq!(trace(wait.bucket[1].exemplar.as_ref()), "two");
    // 2 is the bound of bucket 1, 9 is in (8, 16].
    let span = |offset, length| BucketSpan { offset: Some(offset), length: Some(length) };
    assert_eq!((wait.schema(), wait.zero_threshold(), wait.zero_count()), (0, 0.5, 1));
    assert_eq!(wait.positive_span, [span(1, 4)]);
    assert_eq!(wait.positive_delta, [1, -1, 0, 1]);
}

#[test]
fn samples_of_a_histogram_share_their_names_with_nobody() {
    let store = Arc::new(SeriesStore::default());
    let one = HandlerSeries::new(&store, "one");
    one.define(Definition::example("wait", MetricKind::Histogram)).unwrap();
    let count = Definition::example("wait_count", MetricKind::Counter);
    assert_eq!(
        one.define(count.clone()),
        Err(
            "metric wait_count cannot stand beside wait: one is a histogram, which has samples of \
             the other's name"
                .to_owned()
        )
    );
    one.commit(10, 1 << 20).unwrap();
    let two = HandlerSeries::new(&store, "two");
    assert_eq!(
        two.define(count),
        Err(
            "metric wait_count cannot stand beside wait of handler one: one is a histogram, which \
             has samples of the other's name"
                .to_owned()
        )
    );
    two.define(Definition::example("wait_counts", MetricKind::Counter)).unwrap();
    two.define(Definition::example("n_sum", MetricKind::Gauge)).unwrap();
    two.commit(10, 1 << 20).unwrap();
    assert!(one.define(Definition::example("n", MetricKind::Histogram)).is_err());
    let three = HandlerSeries::new(&store, "three");
    assert!(three.define(Definition::example("n", MetricKind::Histogram)).is_err());
}
