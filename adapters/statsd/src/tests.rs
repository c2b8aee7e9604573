use adapter_sdk::host::outbound::{Protocol, SendError};
use adapter_sdk::testing::{
    TestHandler, TestInstance, instance, refuse_messages, sent, set_now, targets,
};
use adapter_sdk::{Template, Value, ValueType};
use serde_json::{Value as Json, json};

use super::StatsD;

type Handler = TestHandler<StatsD>;

const NAME: &str = "requests.instance.default";

fn declared(value: ValueType) -> TestInstance {
    let fields = [("code", ValueType::Int64), ("source", ValueType::Text)];
    instance(NAME, Template::Metric, &fields, Some(value))
}

fn parameters(metric: &Json, more: &[(&str, Json)]) -> Json {
    let mut parameters = json!({ "address": "127.0.0.1:8125", "metrics": { NAME: metric } });
    for (field, value) in more {
        parameters[*field] = value.clone();
    }
    parameters
}

fn handler(metric: &Json, more: &[(&str, Json)]) -> Handler {
    Handler::configure(parameters(metric, more), vec![declared(ValueType::Int64)]).unwrap()
}

fn problems(metric: &Json, more: &[(&str, Json)]) -> Vec<String> {
    Handler::problems(parameters(metric, more), vec![declared(ValueType::Int64)])
}

fn report(handler: &mut Handler, values: &[Value<'_>]) -> Vec<String> {
    let dimensions = [Value::Int64(200), Value::Text("web")];
    let samples: Vec<_> = values.iter().map(|value| (0, &dimensions[..], *value)).collect();
    let failed = handler.report_metrics(&samples);
    failed.into_iter().map(|f| format!("{}: {}", f.element, f.message)).collect()
}

fn lines() -> Vec<String> {
    let text = |data: Vec<u8>| String::from_utf8(data).unwrap();
    sent().into_iter().map(|(_, message)| text(message.data)).collect()
}

#[test]
fn a_counter_is_named_after_its_instance_behind_the_prefix() {
    let mut handler = handler(&json!({ "type": "COUNTER" }), &[("prefix", json!("mesh."))]);
    assert_eq!(report(&mut handler, &[Value::Int64(3)]), [""; 0]);
    assert_eq!(lines(), ["mesh.requests.instance.default:3|c"]);
}

#[test]
fn a_template_puts_dimensions_into_the_name() {
    let metric = json!({ "type": "COUNTER", "nameTemplate": "from-{{ .source }}.{{.code}}.total" });
    report(&mut handler(&metric, &[]), &[Value::Int64(1)]);
    assert_eq!(lines(), ["from-web.200.total:1|c"]);
}

#[test]
fn what_has_a_meaning_in_the_protocol_is_replaced_in_names_and_tags() {
    let metric = json!({ "type": "COUNTER", "name_template": "{{.source}}" });
    let dimensions = [Value::Int64(1), Value::Text("a:b|c@d\ne f#g")];
    let mut plain = handler(&metric, &[]);
    assert_eq!(plain.report_metrics(&[(0, &dimensions, Value::Int64(1))]), []);
    let mut tagged = handler(
        &json!({ "type": "COUNTER", "name": "n" }),
        &[("dialect", json!("DOGSTATSD")), ("prefix", json!(""))],
    );
    let dimensions = [Value::Int64(1), Value::Text("a,b|c\nd:e f")];
    assert_eq!(tagged.report_metrics(&[(0, &dimensions, Value::Int64(1))]), []);
    assert_eq!(lines(), ["a_b_c_d_e_f_g:1|c", "n:1|c|#code:1,source:a_b_c_d:e f"]);
}

#[test]
fn durations_are_timings_in_milliseconds_and_numbers_histograms_of_their_own() {
    let metric = json!({ "type": "DISTRIBUTION", "name": "n" });
    let values = [Value::Duration(1_500_000), Value::Int64(7), Value::Double(0.25)];
    report(&mut handler(&metric, &[]), &values);
    let dogstatsd = [("dialect", json!("DOGSTATSD")), ("globalTags", json!({ "z": "1" }))];
    report(&mut handler(&metric, &dogstatsd), &values);
    let tags = "|#z:1,code:200,source:web";
    let tagged = ["1.5|ms", "7|h", "0.25|h"].map(|end| format!("istio.n:{end}{tags}"));
    assert_eq!(lines(), ["n:1.5|ms\nn:7|ms\nn:0.25|ms", &tagged.join("\n")]);
}

#[test]
fn a_gauge_below_zero_is_set_and_not_lowered() {
    let metric = json!({ "type": "GAUGE", "name": "n" });
    report(&mut handler(&metric, &[]), &[Value::Int64(-5), Value::Int64(5)]);
    let dogstatsd = [("dialect", json!("DOGSTATSD")), ("prefix", json!("p"))];
    report(&mut handler(&metric, &dogstatsd), &[Value::Int64(-5)]);
    assert_eq!(lines(), ["n:0|g\nn:-5|g\nn:5|g", "p.n:-5|g|#code:200,source:web"]);
}

#[test]
fn a_set_takes_any_value() {
    let metric = json!({ "type": "SET", "name": "users" });
    let parameters = parameters(&metric, &[]);
    let mut handler = Handler::configure(parameters, vec![declared(ValueType::Text)]).unwrap();
    assert_eq!(report(&mut handler, &[Value::Text("a|b"), Value::Text("c")]), [""; 0]);
    assert_eq!(lines(), ["users:a_b|s\nusers:c|s"]);
}

#[test]
fn tags_of_the_handler_yield_to_the_metrics_and_those_to_dimensions() {
    let metric = json!({ "type": "COUNTER", "name": "n", "tags": { "b": "metric", "code": "no" } });
    let tags = json!({ "a": "handler", "b": "handler", "source": "no" });
    let more = [("dialect", json!("DOGSTATSD")), ("global_tags", tags)];
    report(&mut handler(&metric, &more), &[Value::Int64(1)]);
    assert_eq!(lines(), ["istio.n:1|c|#a:handler,b:metric,code:200,source:web"]);
}

#[test]
fn values_that_are_no_samples_fail_alone() {
    let mut counter = handler(&json!({ "type": "COUNTER", "name": "n" }), &[]);
    let values = [Value::Int64(-1), Value::Text("many"), Value::Double(f64::NAN), Value::Int64(2)];
    let failed = report(&mut counter, &values);
    assert_eq!(
        failed,
        [
            "0: -1 is negative, which only a gauge can be",
            "1: \"many\" is no number",
            "2: NaN is no number",
        ]
    );
    assert_eq!(lines(), ["n:2|c"]);
}

#[test]
fn counters_of_a_series_are_added_up_within_a_batch() {
    let mut handler = handler(&json!({ "type": "COUNTER", "name": "n" }), &[]);
    let (a, b) = ([Value::Int64(1), Value::Text("a")], [Value::Int64(1), Value::Text("b")]);
    let one = Value::Int64(1);
    let failed = handler.report_metrics(&[(0, &a, one), (0, &b, one), (0, &a, Value::Int64(4))]);
    assert_eq!(failed, []);
    let [(_, message)] = sent().try_into().unwrap();
    assert_eq!(String::from_utf8(message.data).unwrap(), "n:5|c\nn:1|c");
    assert_eq!(message.elements, 3);
}

#[test]
fn lines_are_put_together_up_to_the_bytes_allowed() {
    let metric = json!({ "type": "GAUGE", "name": "n" });
    report(&mut handler(&metric, &[("flush_bytes", json!(12))]), &[Value::Int64(10); 5]);
    assert_eq!(lines(), ["n:10|g", "n:10|g", "n:10|g", "n:10|g", "n:10|g"].map(str::to_owned));
    let assembly = targets()[0].assembly.clone().unwrap();
    assert_eq!((assembly.max_bytes, assembly.separator), (12, b"\n".to_vec()));
    report(&mut handler(&metric, &[("flush_bytes", json!(13))]), &[Value::Int64(10); 5]);
    assert_eq!(lines()[5..], ["n:10|g\nn:10|g", "n:10|g\nn:10|g", "n:10|g"]);
}

#[test]
fn over_tcp_each_bundle_ends_its_last_line() {
    handler(&json!({ "type": "COUNTER" }), &[("protocol", json!("TCP"))]);
    let target = &targets()[0];
    assert_eq!(target.protocol, Protocol::Tcp);
    assert_eq!(target.assembly.as_ref().unwrap().suffix, b"\n");
}

#[test]
fn a_part_of_the_samples_is_sent_with_its_rate_but_all_gauges() {
    set_now(1);
    let counter = json!({ "type": "COUNTER", "name": "n" });
    let rate = [("sampleRate", json!(0.25)), ("flush_bytes", json!(65_507))];
    report(&mut handler(&counter, &rate), &[Value::Int64(1); 10_000]);
    let gauge = json!({ "type": "GAUGE", "name": "g" });
    report(&mut handler(&gauge, &rate), &[Value::Int64(1); 10]);
    let lines: Vec<String> =
        lines().iter().flat_map(|bundle| bundle.lines()).map(str::to_owned).collect();
    let (counters, gauges): (Vec<_>, Vec<_>) = lines.iter().partition(|l| l.starts_with("n:"));
    assert!(counters.iter().all(|line| *line == "n:1|c|@0.25"));
    assert!((2200..2800).contains(&counters.len()), "{} of 10000", counters.len());
    assert_eq!(gauges.len(), 10);
}

#[test]
fn what_the_queue_does_not_take_has_failed() {
    let mut handler = handler(&json!({ "type": "COUNTER", "name": "n" }), &[]);
    refuse_messages(Some(SendError::Full));
    let failed = report(&mut handler, &[Value::Int64(1), Value::Int64(2)]);
    refuse_messages(None);
    assert_eq!(failed, ["0", "1"].map(|e| format!("{e}: the queue to the server is full")));
}

#[test]
fn mistakes_in_the_parameters_are_told_all_at_once() {
    let metric = json!({ "type": "COUNTER", "name_template": "{{.sauce}}", "tags": { "a": "b" } });
    let found = problems(
        &metric,
        &[("sampling_rate", json!(2)), ("flush_bytes", json!(0)), ("flush_duration", json!("2m"))],
    );
    assert_eq!(
        found,
        [
            "sampling_rate: must be more than 0 and at most 1",
            "flush_bytes: must be 1 to 65507",
            "flush_duration: must be at most 1m",
            "metrics[requests.instance.default].tags: are for the dialect DOGSTATSD, others have no tags",
            "metrics[requests.instance.default].name_template: the instance has no dimension sauce, did you mean source?",
        ]
    );
}

#[test]
fn templates_that_are_more_than_names_are_refused() {
    for (template, message) in [
        ("{{.code", "{{ in \"{{.code\" has no }}"),
        (
            "{{if .code}}x{{end}}",
            "{{if .code}} is not understood: only {{.dimension}} is, without functions",
        ),
        ("{{.}}", "{{.}} is not understood: only {{.dimension}} is, without functions"),
    ] {
        let found = problems(&json!({ "type": "COUNTER", "name_template": template }), &[]);
        assert_eq!(found, [format!("metrics[{NAME}].name_template: {message}")]);
    }
}

#[test]
fn an_instance_without_a_metric_or_with_one_that_does_not_fit_is_refused() {
    let nearby = json!({ "address": "a:1", "metrics": { "request.instance.default": {} } });
    assert_eq!(
        Handler::problems(nearby, vec![declared(ValueType::Int64)]),
        [
            "metrics: has no entry for requests.instance.default, did you mean request.instance.default?"
        ]
    );
    let address = parameters(&json!({ "type": "COUNTER" }), &[]);
    assert_eq!(
        Handler::problems(address, vec![declared(ValueType::IpAddress)]),
        [format!("metrics[{NAME}].type: the value of {NAME} is no number")]
    );
    assert_eq!(
        problems(&json!({}), &[]),
        [format!("metrics[{NAME}].type: must be COUNTER, GAUGE, DISTRIBUTION or SET")]
    );
}
