//! Every template through a real component: what is handed in, and what comes back.

use adapter_host::{
    CallError, CheckResult, DirectResponse, Fault, Handler, InstanceDecl, InstanceIndex,
    OwnedValue, QuotaGrant, QuotaRequest, Template, Variety,
};
use mesh_attributes::{Span, Timestamp, ValueType};
use serde_json::json;

use crate::fixture::{TestHandler, host, load};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(60);

pub(crate) const ONE: InstanceIndex = InstanceIndex(0);

/// An instance whose fields have these values.
pub(crate) struct Given {
    declared: InstanceDecl,
    values: Vec<OwnedValue>,
}

impl Given {
    pub(crate) fn new(template: Template) -> Self {
        let declared = InstanceDecl {
            name: format!("one.{template}.default"),
            template,
            fields: Vec::new(),
            value_type: None,
        };
        Self { declared, values: Vec::new() }
    }

    /// Fields are to be given in the order of their names.
    pub(crate) fn with(mut self, field: &str, declared: ValueType, value: OwnedValue) -> Self {
        self.declared.fields.push((field.to_owned(), declared));
        self.values.push(value);
        self
    }

    pub(crate) fn text(self, field: &str, text: &str) -> Self {
        self.with(field, ValueType::String, OwnedValue::String(text.to_owned()))
    }

    /// A field of every type, below a prefix.
    fn every_type(self, prefix: &str) -> Self {
        let text = || OwnedValue::String("t".to_owned());
        let map = [("b", "2"), ("a", "1")].map(|(k, v)| (k.to_owned(), v.to_owned()));
        let moment = Timestamp { seconds: 1, nanos: 5 };
        [
            ("bool", ValueType::Bool, OwnedValue::Bool(true)),
            ("dns", ValueType::DnsName, text()),
            ("double", ValueType::Double, OwnedValue::Double(-1.5)),
            ("duration", ValueType::Duration, OwnedValue::Duration(Span::from_nanos(90))),
            ("int64", ValueType::Int64, OwnedValue::Int64(i64::MIN)),
            ("ip", ValueType::IpAddress, OwnedValue::Bytes(vec![10, 0, 0, 1])),
            ("mail", ValueType::EmailAddress, text()),
            ("map", ValueType::StringMap, OwnedValue::StringMap(map.into_iter().collect())),
            ("moment", ValueType::Timestamp, OwnedValue::Timestamp(moment)),
            ("string", ValueType::String, text()),
            ("uri", ValueType::Uri, text()),
        ]
        .into_iter()
        .fold(self, |given, (name, declared, value)| {
            given.with(&format!("{prefix}{name}"), declared, value)
        })
    }

    pub(crate) async fn call(self, adapter: &str) -> (std::sync::Arc<Handler>, Vec<OwnedValue>) {
        let host = host();
        let component = load(&host, adapter);
        let handler = TestHandler::new(json!({}))
            .with(self.declared)
            // What is measured here is no time: a slow machine must not change an outcome.
            .with_limits(|limits| limits.check_deadline = PATIENCE)
            .build(&host, &component)
            .await;
        (handler, self.values)
    }

    pub(crate) async fn check(self, adapter: &str) -> Result<CheckResult, CallError> {
        let (handler, values) = self.call(adapter).await;
        handler.check(ONE, values).await
    }

    pub(crate) async fn generate(
        self,
        adapter: &str,
    ) -> Result<Vec<(String, OwnedValue)>, CallError> {
        let (handler, values) = self.call(adapter).await;
        handler.generate(ONE, values).await
    }

    async fn allocate(self, adapter: &str, request: QuotaRequest) -> Result<QuotaGrant, CallError> {
        let (handler, values) = self.call(adapter).await;
        handler.allocate(ONE, values, request).await
    }
}

pub(crate) fn ask(deduplication_id: &str, amount: i64) -> QuotaRequest {
    QuotaRequest { deduplication_id: deduplication_id.to_owned(), amount, best_effort: true }
}

/// As the test adapter writes the fields of [`Given::every_type`].
fn every_type(prefix: &str) -> String {
    [
        "bool=boolean(true)",
        "dns=t",
        "double=double(-1.5)",
        "duration=duration(90ns)",
        "int64=int64(-9223372036854775808)",
        "ip=ip(10.0.0.1)",
        "mail=t",
        "map=map(a=1&b=2)",
        "moment=timestamp(1970-01-01T00:00:01.000000005Z)",
        "string=t",
        "uri=t",
    ]
    .map(|field| format!("{prefix}{field}"))
    .join(" ")
}

#[tokio::test]
async fn a_list_entry_has_a_value_of_any_type() {
    let given = Given::new(Template::ListEntry).every_type("");
    let (handler, values) = given.call("testing/echo").await;
    for (value, field) in values.into_iter().zip(every_type("").split(' ')) {
        let answer = handler.check(ONE, vec![value]).await.unwrap();
        let (_, expected) = field.split_once('=').unwrap();
        assert_eq!(answer.message, expected);
    }
    assert_eq!(handler.check(ONE, Vec::new()).await.unwrap().message, "");
}

#[tokio::test]
async fn an_api_key_has_its_fields_and_a_denial_its_own_response() {
    let moment = OwnedValue::Timestamp(Timestamp { seconds: 2, nanos: 1 });
    let given = Given::new(Template::ApiKey)
        .text("api", "books")
        .text("api_key", "secret")
        .text("api_operation", "read")
        .text("api_version", "v1")
        .with("timestamp", ValueType::Timestamp, moment);
    let header = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let expected = CheckResult {
        code: 7,
        message: r#""books" "v1" "read" "secret" 2000000001"#.to_owned(),
        valid_duration_ns: 1_000_000_000,
        valid_use_count: -1,
        direct_response: Some(DirectResponse {
            code: 418,
            body: "short and stout".to_owned(),
            headers: vec![header("x-api", "books"), header("set-cookie", "a=1"), header("x-", "")],
        }),
        output: Vec::new(),
    };
    assert_eq!(given.check("testing/echo").await.unwrap(), expected);
    let unset = Given::new(Template::ApiKey).check("testing/echo").await.unwrap();
    assert_eq!(unset.message, r#""" "" "" "" 0"#);
}

#[tokio::test]
async fn an_authorization_has_its_fields_and_properties_of_every_type() {
    let given = Given::new(Template::Authorization)
        .text("action.method", "GET")
        .text("action.namespace", "default")
        .text("action.path", "/")
        .every_type("action.properties.")
        .text("action.service", "books")
        .text("subject.groups", "readers")
        .every_type("subject.properties.")
        .text("subject.user", "jason");
    let all = every_type("");
    let expected = format!(r#""jason" "readers" [{all}]; "default" "books" "GET" "/" [{all}]"#);
    assert_eq!(given.check("testing/echo").await.unwrap().message, expected);
    let unset = Given::new(Template::Authorization).check("testing/echo").await.unwrap();
    assert_eq!(unset.message, r#""" "" []; "" "" "" "" []"#);
}

#[tokio::test]
async fn a_key_yields_its_value_or_none() {
    let value = |text: &str| vec![("value".into(), OwnedValue::String(text.to_owned()))];
    let found = Given::new(Template::KeyVal).text("key", "jäson").check("testing/echo").await;
    let found = found.unwrap();
    assert_eq!((found.code, found.valid_use_count, found.output), (0, -1, value("jäson")));
    let unset = Given::new(Template::KeyVal).check("testing/echo").await.unwrap();
    assert_eq!((unset.code, unset.output), (0, Vec::new()));
}

#[tokio::test]
async fn a_quota_has_dimensions_of_every_type() {
    let given = Given::new(Template::Quota).every_type("d.");
    let grant = given.allocate("testing/echo", ask("id", 3)).await.unwrap();
    let expected = QuotaGrant {
        code: 0,
        message: format!(r#"{}; "id" 3 true"#, every_type("d.")),
        amount: 3,
        valid_duration_ns: 2_000_000_000,
    };
    assert_eq!(grant, expected);
    let unset = Given::new(Template::Quota).allocate("testing/echo", ask("", 0)).await.unwrap();
    assert_eq!((unset.message.as_str(), unset.amount), (r#"; "" 0 true"#, 0));
}

#[tokio::test]
async fn what_is_known_of_workloads_becomes_output_and_what_is_not_known_does_not() {
    let address = || OwnedValue::Bytes(vec![10, 0, 0, 1]);
    let given = Given::new(Template::Kubernetes)
        .with("destination_ip", ValueType::IpAddress, address())
        .with("destination_port", ValueType::Int64, OwnedValue::Int64(8080))
        .text("source_uid", "kubernetes://web.default");
    let mut output = given.generate("testing/echo").await.unwrap();
    output.sort_by(|a, b| a.0.cmp(&b.0));
    let text = |text: &str| OwnedValue::String(text.to_owned());
    let labels = [("app", "web"), ("empty", "")].map(|(k, v)| (k.to_owned(), v.to_owned()));
    let labels = || OwnedValue::StringMap(labels.clone().into_iter().collect());
    let expected = [
        ("destination_container_name", text("8080")),
        ("destination_labels", labels()),
        ("destination_pod_ip", address()),
        ("destination_pod_name", text("pod")),
        ("source_labels", labels()),
        ("source_pod_name", text("pod")),
        ("source_pod_uid", text("kubernetes://web.default")),
    ];
    assert_eq!(output, expected.map(|(name, value)| (name.to_owned(), value)));
    let declared = Template::Kubernetes.outputs();
    for (name, value) in &output {
        let (_, declared) = declared.iter().find(|(known, _)| known == name).unwrap();
        let suits = match value {
            OwnedValue::String(_) => *declared == ValueType::String,
            OwnedValue::Bytes(_) => *declared == ValueType::IpAddress,
            OwnedValue::StringMap(_) => *declared == ValueType::StringMap,
            _ => false,
        };
        assert!(suits, "{name}");
    }
    assert_eq!(Given::new(Template::Kubernetes).generate("testing/echo").await.unwrap(), []);
}

#[tokio::test]
async fn a_template_is_called_with_instances_of_its_own_only() {
    let host = host();
    let echo = load(&host, "testing/echo");
    let mut handler = TestHandler::new(json!({}));
    let templates = [Template::KeyVal, Template::Quota, Template::Kubernetes];
    for template in templates.into_iter().chain([Template::ReportNothing]) {
        handler = handler.with_instance(template);
    }
    let handler = handler.build(&host, &echo).await;
    let none = |variety, index| CallError::NoSuchInstance { variety, index };
    for index in 0..6 {
        let at = InstanceIndex(index);
        let check = handler.check(at, Vec::new()).await;
        assert_eq!(check.err(), (index != 0).then(|| none(Variety::Check, index)));
        let grant = handler.allocate(at, Vec::new(), ask("", 1)).await;
        assert_eq!(grant.err(), (index != 1).then(|| none(Variety::Quota, index)));
        let known = handler.generate(at, Vec::new()).await;
        assert_eq!(known.err(), (index != 2).then(|| none(Variety::AttributeGenerator, index)));
        let reported = handler.report_nothing(at, 1).await;
        assert_eq!(reported.err(), (index != 3).then(|| none(Variety::Report, index)));
    }
    assert_eq!(handler.status().calls, 4, "others do not reach the adapter");
}

#[tokio::test]
async fn errors_and_crashes_are_told_apart_for_every_template() {
    async fn outcome(template: Template, text: &str) -> CallError {
        let given = Given::new(template);
        let echo = "testing/echo";
        let answered = match template {
            Template::ApiKey => given.text("api_key", text).check(echo).await.map(drop),
            Template::Authorization => given.text("subject.user", text).check(echo).await.map(drop),
            Template::KeyVal => given.text("key", text).check(echo).await.map(drop),
            Template::Quota => given.allocate(echo, ask(text, 1)).await.map(drop),
            Template::Kubernetes => given.text("source_uid", text).generate(echo).await.map(drop),
            Template::ReportNothing => {
                let (handler, _) = given.call(echo).await;
                let count = if text == "crash" { u32::MAX } else { 0 };
                handler.report_nothing(ONE, count).await
            }
            other => panic!("{other} has its own test"),
        };
        answered.unwrap_err()
    }
    for template in Template::ALL.into_iter().skip(7).chain([Template::ReportNothing]) {
        let refused = outcome(template, "refuse").await;
        let told = match template {
            Template::ReportNothing => "nobody to tell",
            _ => "told to refuse",
        };
        let message = told.to_owned();
        let expected = CallError::Refused { fault: Fault::Backend, retry: true, message };
        assert_eq!(refused, expected, "{template}");
        let crash = outcome(template, "crash").await;
        assert!(matches!(crash, CallError::Trap { .. }), "{template}: {crash}");
    }
}

#[tokio::test]
async fn noop_serves_every_template() {
    let host = host();
    let noop = load(&host, "noop");
    assert_eq!(noop.templates(), Template::ALL);
    let mut handler = TestHandler::new(json!({}));
    for template in Template::ALL {
        handler = handler.with_instance(template);
    }
    let handler = handler.build(&host, &noop).await;
    let for_ever = 1_000_000_000_000_000_000;
    let pass =
        CheckResult { valid_duration_ns: for_ever, valid_use_count: -1, ..CheckResult::default() };
    for (index, template) in (0..).zip(Template::ALL) {
        let index = InstanceIndex(index);
        match (template.variety(), template) {
            (Variety::Check, _) => {
                assert_eq!(handler.check(index, Vec::new()).await.unwrap(), pass, "{template}");
            }
            (Variety::Quota, _) => {
                let grant = handler.allocate(index, Vec::new(), ask("", 9)).await.unwrap();
                assert_eq!((grant.amount, grant.valid_duration_ns), (9, for_ever));
            }
            (Variety::AttributeGenerator, _) => {
                assert_eq!(handler.generate(index, Vec::new()).await.unwrap(), []);
            }
            (Variety::Report, Template::ReportNothing) => {
                handler.report_nothing(index, 5).await.unwrap();
            }
            // Batches have their own tests.
            (Variety::Report, _) => {}
        }
    }
    assert_eq!(handler.status().answers_trimmed, 0);
}

#[tokio::test]
async fn keyval_answers_from_its_table() {
    let host = host();
    let keyval = load(&host, "keyval");
    let handler = TestHandler::new(json!({ "table": { "jason": "admin" } }))
        .with(Given::new(Template::KeyVal).text("key", "").declared)
        .build(&host, &keyval)
        .await;
    let key = |key: &str| vec![OwnedValue::String(key.to_owned())];
    let found = handler.check(ONE, key("jason")).await.unwrap();
    let admin = OwnedValue::String("admin".to_owned());
    assert_eq!((found.code, found.valid_duration_ns), (0, 5_000_000_000));
    assert_eq!((found.valid_use_count, found.output), (-1, vec![("value".into(), admin)]));
    let missing = handler.check(ONE, key("nobody")).await.unwrap();
    assert_eq!((missing.code, missing.output), (5, Vec::new()));
    let body = r#"<error_detail>key "nobody" not found</error_detail>"#;
    assert_eq!(missing.direct_response.unwrap().body, body);
}
