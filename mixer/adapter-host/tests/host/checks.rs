use adapter_host::{
    AdapterValue, BuildError, CallError, CheckResult, Fault, InstanceDecl, InstanceIndex, Template,
    Variety,
};
use mesh_attributes::ValueType;
use serde_json::json;

use crate::fixture::{TestHandler, host, load};

const FIRST: InstanceIndex = InstanceIndex(0);
const SECOND: InstanceIndex = InstanceIndex(1);

fn list_entry(value_type: ValueType) -> InstanceDecl {
    InstanceDecl {
        name: "user.instance.default".to_owned(),
        template: Template::ListEntry,
        fields: Vec::new(),
        value_type: Some(value_type),
    }
}

#[tokio::test]
async fn denier_answers_as_its_parameters_say() {
    let host = host();
    let denier = load(&host, "denier");
    assert_eq!(denier.templates(), [Template::CheckNothing, Template::ListEntry]);
    let handler = TestHandler::new(json!({
        "status": { "code": 7, "message": "not here" },
        "validDuration": "1m30s",
        "valid_use_count": "12",
    }))
    .with_instance(Template::CheckNothing)
    .with_instance(Template::ListEntry)
    .build(&host, &denier)
    .await;
    let expected = CheckResult {
        code: 7,
        message: "not here".to_owned(),
        valid_duration_ns: 90_000_000_000,
        valid_use_count: 12,
        ..CheckResult::default()
    };
    assert_eq!(handler.check(FIRST, Vec::new()).await.unwrap(), expected);
    let value = AdapterValue::String("anything");
    assert_eq!(handler.check(SECOND, vec![value.into()]).await.unwrap(), expected);
    assert_eq!(
        handler.check(InstanceIndex(2), Vec::new()).await,
        Err(CallError::NoSuchInstance { variety: Variety::Check, index: 2 })
    );
}

#[tokio::test]
async fn list_decides_by_texts_and_addresses() {
    let host = host();
    let list = load(&host, "list");
    let handler =
        TestHandler::new(json!({ "overrides": ["10.0.0.0/8"], "entry_type": "IP_ADDRESSES" }))
            .with(list_entry(ValueType::IpAddress))
            .build(&host, &list)
            .await;
    let inside =
        handler.check(FIRST, vec![AdapterValue::Bytes(&[10, 1, 2, 3]).into()]).await.unwrap();
    assert_eq!((inside.code, inside.valid_use_count), (0, 10_000));
    let outside =
        handler.check(FIRST, vec![AdapterValue::String("11.0.0.1").into()]).await.unwrap();
    assert_eq!((outside.code, outside.message.as_str()), (7, "11.0.0.1 is not whitelisted"));
}

#[tokio::test]
async fn mistakes_in_parameters_are_told_with_their_place() {
    let host = host();
    let list = load(&host, "list");
    let handler = TestHandler::new(json!({
        "overides": [],
        "provider_url": "https://example.org",
    }))
    .with(list_entry(ValueType::Int64));
    assert_eq!(
        handler.problems(&host, &list).await,
        ["overides: is unknown, did you mean overrides?"]
    );
    let handler = TestHandler::new(json!({})).with(list_entry(ValueType::Int64));
    let refused = handler.try_build(&host, &list).await.unwrap_err();
    let BuildError::Refused { problems } = refused else { panic!("{refused}") };
    let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        problems,
        ["instance user.instance.default: only texts and addresses can be on a list"]
    );
}

#[tokio::test]
async fn an_adapter_that_does_not_serve_an_instances_template_is_refused() {
    let host = host();
    let denier = load(&host, "denier");
    let handler = TestHandler::new(json!({})).with_instance(Template::Metric);
    let expected =
        "adapter denier does not serve template metric of instance one.metric.default".to_owned();
    assert_eq!(handler.problems(&host, &denier).await, [expected]);
}

#[tokio::test]
async fn an_adapters_own_error_is_no_crash() {
    let host = host();
    let trap = load(&host, "testing/trap");
    let handler =
        TestHandler::new(json!({})).with_instance(Template::ListEntry).build(&host, &trap).await;
    let refused = handler.check(FIRST, vec![AdapterValue::String("refuse").into()]).await;
    let message = "told to refuse".to_owned();
    assert_eq!(refused, Err(CallError::Refused { fault: Fault::Caller, retry: false, message }));
    let status = handler.status();
    assert_eq!((status.errors, status.traps, status.instances_idle), (1, 0, 1));
}

#[tokio::test]
async fn calls_can_move_from_thread_to_thread_and_end_before_a_close_does() {
    fn assert_send<F: Send>(future: F) -> F {
        future
    }
    let host = host();
    let denier = load(&host, "denier");
    let handler = TestHandler::new(json!({}))
        .with_instance(Template::CheckNothing)
        .with_instance(Template::ListEntry)
        .build(&host, &denier)
        .await;
    let (answer, _lost) =
        tokio::join!(assert_send(handler.check(FIRST, Vec::new())), handler.close());
    answer.unwrap();
    assert_eq!(handler.status().instances_idle, 0);
    let late = assert_send(handler.check(SECOND, vec![AdapterValue::Int64(1).into()])).await;
    assert_eq!(late, Err(CallError::Closed));
    handler.close().await;
}

#[tokio::test]
async fn an_adapter_in_use_is_not_compiled_again() {
    let host = host();
    let denier = load(&host, "denier");
    assert!(std::sync::Arc::ptr_eq(&denier, &load(&host, "denier")));
    let other_name = host.load("gate", &crate::fixture::file("denier")).unwrap();
    assert_eq!((other_name.name(), other_name.digest()), ("gate", denier.digest()));
}
