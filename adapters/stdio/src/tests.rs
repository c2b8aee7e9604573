use adapter_sdk::testing::{TestHandler, TestInstance, instance, lines, set_now};
use adapter_sdk::{Template, Value, ValueType};
use serde_json::json;

use super::Stdio;

type Handler = TestHandler<Stdio>;

const NOON: i64 = 1_717_156_800_123_456_789;

fn access_log(fields: &[(&str, ValueType)]) -> TestInstance {
    instance("accesslog.instance.default", Template::LogEntry, fields, None)
}

#[test]
fn an_entry_is_a_line_of_json_with_its_variables_in_order() {
    let fields = [
        ("agent", ValueType::Text),
        ("code", ValueType::Int64),
        ("latency", ValueType::Duration),
        ("mtls", ValueType::Boolean),
        ("ratio", ValueType::Double),
        ("sourceIp", ValueType::IpAddress),
        ("started", ValueType::Timestamp),
    ];
    let mut handler = Handler::configure(json!({}), vec![access_log(&fields)]).unwrap();
    let variables = [
        Value::Text("curl \"7\"\n\u{1}é\\"),
        Value::Int64(404),
        Value::Duration(1_500_000),
        Value::Boolean(false),
        Value::Double(0.25),
        Value::IpAddress(&[10, 0, 0, 1]),
        Value::Timestamp(0),
    ];
    assert_eq!(handler.report_log_entries(&[(0, "Warning", NOON, &variables)]), []);
    let expected = concat!(
        r#"{"level":"warn","time":"2024-05-31T12:00:00.123456Z","#,
        r#""instance":"accesslog.instance.default","agent":"curl \"7\"\n\u0001é\\","#,
        r#""code":404,"latency":"1.5ms","mtls":false,"ratio":0.25,"sourceIp":"10.0.0.1","#,
        r#""started":"1970-01-01T00:00:00.000000Z"}"#,
        "\n"
    );
    assert_eq!(lines(), expected);
    serde_json::from_str::<serde_json::Value>(lines().trim_end()).unwrap();
}

#[test]
fn numbers_that_json_does_not_know_are_texts() {
    let instances = vec![access_log(&[("x", ValueType::Double)])];
    let mut handler = Handler::configure(json!({}), instances).unwrap();
    for number in [f64::NAN, f64::INFINITY, 1e300] {
        handler.report_log_entries(&[(0, "", 0, &[Value::Double(number)])]);
    }
    let parsed: Vec<serde_json::Value> =
        lines().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(parsed[0]["x"], "NaN");
    assert_eq!(parsed[1]["x"], "inf");
    assert_eq!(parsed[2]["x"], 1e300);
}

#[test]
fn text_lines_have_tabs_between_their_parts() {
    let instances = vec![access_log(&[("a", ValueType::Text), ("b", ValueType::Int64)])];
    let mut handler = Handler::configure(json!({ "outputAsJson": false }), instances).unwrap();
    handler.report_log_entries(&[(0, "info", NOON, &[Value::Text("x"), Value::Int64(1)])]);
    let expected = "2024-05-31T12:00:00.123456Z\tinfo\taccesslog.instance.default\t\
                    {\"a\":\"x\",\"b\":1}\n";
    assert_eq!(lines(), expected);
}

#[test]
fn levels_come_from_the_parameters_and_low_ones_are_left_out() {
    let parameters = json!({
        "severity_levels": { "Minor": "WARNING", "Major": 2 },
        "output_level": "WARNING",
    });
    let mut handler = Handler::configure(parameters, vec![access_log(&[])]).unwrap();
    let entries = ["Minor", "Major", "error", ""].map(|severity| (0, severity, 0, &[][..]));
    assert_eq!(handler.report_log_entries(&entries), []);
    let levels: Vec<_> = lines().lines().map(|line| line[10..15].to_owned()).collect();
    assert_eq!(levels, ["warn\"", "error"], "unknown severities are INFO and left out");
}

#[test]
fn a_metric_is_a_line_with_its_value() {
    set_now(NOON);
    let fields = [("source", ValueType::Text)];
    let latency =
        instance("latency.instance.default", Template::Metric, &fields, Some(ValueType::Duration));
    let mut handler =
        Handler::configure(json!({ "metric_level": "ERROR" }), vec![latency]).unwrap();
    let failed =
        handler.report_metrics(&[(0, &[Value::Text("a")], Value::Duration(90_000_000_000))]);
    assert_eq!(failed, []);
    let expected = concat!(
        r#"{"level":"error","time":"2024-05-31T12:00:00.123456Z","#,
        r#""instance":"latency.instance.default","value":"1m30s","source":"a"}"#,
        "\n"
    );
    assert_eq!(lines(), expected);
}

#[test]
fn mistakes_are_told_at_once() {
    let parameters = json!({ "log_stream": "FILE", "max_rotated_files": 0 });
    assert_eq!(
        Handler::problems(parameters, Vec::new()),
        [
            "output_path: is needed when log_stream is a file",
            "max_rotated_files: must be more than 0",
        ]
    );
    assert_eq!(
        Handler::problems(json!({ "output_path": "access.log" }), Vec::new()),
        ["output_path: is for log_stream FILE and ROTATED_FILE, lines would not go there"]
    );
}
