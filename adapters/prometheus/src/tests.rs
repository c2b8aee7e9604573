use adapter_sdk::testing::{TestHandler, TestInstance, instance, samples};
use adapter_sdk::{Template, Value, ValueType};
use serde_json::{Value as Json, json};

use super::Prometheus;

type Handler = TestHandler<Prometheus>;

const NAME: &str = "requestcount.instance.istio-system";

fn declared() -> TestInstance {
    let fields = [("destination.service", ValueType::Text), ("response_code", ValueType::Int64)];
    instance(NAME, Template::Metric, &fields, Some(ValueType::Int64))
}

fn counter(changes: &[(&str, Json)]) -> Json {
    let mut metric = json!({
        "name": "requests-total",
        "instance_name": NAME,
        "kind": "COUNTER",
        "label_names": ["response_code", "destination_service"],
    });
    for (field, value) in changes {
        metric[*field] = value.clone();
    }
    metric
}

fn problems(metrics: &[Json]) -> Vec<String> {
    Handler::problems(json!({ "metrics": metrics }), vec![declared()])
}

#[test]
fn instances_become_samples_of_series_named_as_in_istio() {
    let parameters = json!({ "metrics": [counter(&[])] });
    let mut handler = Handler::configure(parameters, vec![declared()]).unwrap();
    let dimensions = [Value::Text("a\"b"), Value::Int64(200)];
    let failed = handler.report_metrics(&[
        (0, &dimensions, Value::Int64(1)),
        (0, &dimensions, Value::Double(0.5)),
        (0, &dimensions, Value::Duration(1_500_000_000)),
        (0, &dimensions, Value::Text("2.5")),
    ]);
    assert_eq!(failed, []);
    let series = r#"istio_requests_total{destination_service="a\"b",response_code="200"}"#;
    let expected = [(series.replace("requests_total", "requeststotal"), vec![1.0, 0.5, 1.5, 2.5])];
    assert_eq!(samples(), expected.into());
}

#[test]
fn values_that_are_no_samples_fail_alone() {
    let mut handler =
        Handler::configure(json!({ "metrics": [counter(&[])] }), vec![declared()]).unwrap();
    let dimensions = [Value::Text("a"), Value::Int64(200)];
    let failed = handler.report_metrics(&[
        (0, &dimensions, Value::Text("many")),
        (0, &dimensions, Value::Int64(1)),
        (0, &dimensions, Value::Int64(-1)),
    ]);
    let failed: Vec<_> = failed.iter().map(|f| (f.element, f.message.as_str())).collect();
    assert_eq!(failed, [(0, "many is no number"), (2, "-1 is no sample for this metric")]);
}

#[test]
fn labels_that_are_not_the_dimensions_are_refused_by_name() {
    let labels = json!(["destination_servce", "response_code", "zone"]);
    assert_eq!(
        problems(&[counter(&[("label_names", labels)])]),
        [
            format!(
                "metrics[0].label_names: instance {NAME} has no dimension destination_servce, \
                 did you mean destination_service?; zone"
            ),
            format!(
                "metrics[0].label_names: lacks dimensions of instance {NAME}: destination_service"
            ),
        ]
    );
}

#[test]
fn an_instance_without_a_metric_is_refused_and_a_metric_without_an_instance_is_not() {
    let other = counter(&[("instance_name", json!("requestcount.instance.istio-sytem"))]);
    assert_eq!(
        problems(&[other]),
        [format!(
            "metrics: no entry has instance_name {NAME}, \
             did you mean requestcount.instance.istio-sytem?"
        )]
    );
    let unused = counter(&[("instance_name", json!("x")), ("name", json!("unused"))]);
    assert_eq!(problems(&[counter(&[]), unused]), Vec::<String>::new());
}

#[test]
fn all_mistakes_are_told_at_once() {
    let parameters = json!({
        "metrics": [
            counter(&[("kind", json!("UNSPECIFIED"))]),
            counter(&[]),
            counter(&[("instance_name", json!("b")), ("buckets", json!({ "explicit_buckets": {} }))]),
            counter(&[
                ("instance_name", json!("c")),
                ("buckets", json!({ "explicit_buckets": { "bounds": [1.0] } })),
            ]),
        ],
        "metricsExpirationPolicy": { "metricsExpiryDuration": "0s" },
    });
    assert_eq!(
        Handler::problems(parameters, vec![declared()]),
        [
            "metrics_expiration_policy.metrics_expiry_duration: must be more than 0s".to_owned(),
            "metrics[0].kind: must be GAUGE, COUNTER or DISTRIBUTION".to_owned(),
            format!("metrics[1].instance_name: {NAME} has a metric already"),
            "metrics[2].buckets: explicit_buckets has no bounds".to_owned(),
            "metrics[3].buckets: are for DISTRIBUTION alone".to_owned(),
        ]
    );
}

#[test]
fn buckets_are_those_of_istio() {
    let bounds = |json: Json| {
        let parameters: super::parameters::Buckets =
            adapter_sdk::parameters::parse(&json.to_string()).unwrap();
        parameters.bounds()
    };
    let linear = json!({ "linear_buckets": { "num_finite_buckets": 2, "width": 5, "offset": 1 } });
    assert_eq!(bounds(linear), Ok(vec![1.0, 6.0, 11.0]));
    let exponential = json!({
        "exponentialBuckets": { "numFiniteBuckets": 3, "growthFactor": 2, "scale": 0.5 },
    });
    assert_eq!(bounds(exponential), Ok(vec![0.5, 1.0, 2.0, 4.0]));
    assert!(bounds(json!({ "linear_buckets": { "num_finite_buckets": 1 } })).is_err());
    assert!(bounds(json!({})).is_err());
}
