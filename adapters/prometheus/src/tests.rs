use adapter_sdk::testing::{
    TestHandler, TestInstance, exemplars, instance, metrics_defined, samples,
};
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

#[test]
fn exemplars_come_from_a_dimension_that_is_no_label() {
    let fields = [
        ("destination.service", ValueType::Text),
        ("response_code", ValueType::Int64),
        ("trace", ValueType::Text),
    ];
    let traced = instance(NAME, Template::Metric, &fields, Some(ValueType::Int64));
    let metric = counter(&[("exemplars", json!({ "dimension": "trace" }))]);
    let mut handler = Handler::configure(json!({ "metrics": [metric] }), vec![traced]).unwrap();
    let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    let (parent, long) = (format!("00-{trace}-00f067aa0ba902b7-01"), "x".repeat(101));
    let of = |text| [Value::Text("a"), Value::Int64(200), Value::Text(text)];
    let dimensions = [of(&parent), of(""), of(&long), of("request 7"), of(&parent)];
    let values = [1, 1, 1, 1, -1].map(Value::Int64);
    let metrics: Vec<_> = dimensions
        .iter()
        .zip(values)
        .map(|(dimensions, value)| (0, &dimensions[..], value))
        .collect();
    assert_eq!(handler.report_metrics(&metrics).len(), 1, "the negative one");
    let series = "istio_requeststotal{destination_service=\"a\",response_code=\"200\"}";
    assert_eq!(samples(), [(series.to_owned(), vec![1.0; 4])].into());
    let shown: Vec<_> = exemplars().into_iter().map(|(_, exemplar)| exemplar.labels).collect();
    let label = |value: &str| vec![("trace_id".to_owned(), value.to_owned())];
    assert_eq!(shown, [label(trace), label("request 7")]);
    assert!(metrics_defined()[0].1.exemplars);
}

#[test]
fn exemplars_that_cannot_be_are_refused_with_the_nearest_dimension() {
    let exemplars = |dimension: &str| ("exemplars", json!({ "dimension": dimension }));
    let gauge = ("kind", json!("GAUGE"));
    assert_eq!(
        problems(&[counter(&[exemplars("response-code")])]),
        [format!(
            "metrics[0].exemplars.dimension: instance {NAME} has no dimension \"response-code\", \
             did you mean response_code?"
        )]
    );
    assert_eq!(
        problems(&[counter(&[exemplars("response_code"), gauge])]),
        ["metrics[0].exemplars: are for COUNTER and DISTRIBUTION alone"]
    );
}

#[test]
fn native_buckets_are_as_fine_as_the_factor_or_the_schema_says() {
    let schema = |native: Json| {
        let distribution = ("kind", json!("DISTRIBUTION"));
        let metric = counter(&[distribution, ("native_histogram", native)]);
        Handler::configure(json!({ "metrics": [metric] }), vec![declared()])
            .map(|_| metrics_defined().last().unwrap().1.native_histogram.unwrap().schema)
            .map_err(|problems| problems.iter().next().unwrap().to_string())
    };
    // Each time a metric of its own: the host in tests keeps the first definition of a name.
    let fresh = |native: Json| std::thread::spawn(move || schema(native)).join().unwrap();
    assert_eq!(fresh(json!({})), Ok(3));
    assert_eq!(fresh(json!({ "bucketFactor": 2 })), Ok(0));
    assert_eq!(fresh(json!({ "bucket_factor": 1.00001 })), Ok(8));
    assert_eq!(fresh(json!({ "bucket_factor": 1e9 })), Ok(-4));
    assert_eq!(fresh(json!({ "schema": -2, "max_buckets": 20 })), Ok(-2));
    let refusal = "metrics[0].native_histogram: bucket_factor must be more than 1";
    assert_eq!(fresh(json!({ "bucket_factor": 1 })), Err(refusal.to_owned()));
}
