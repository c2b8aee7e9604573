use adapter_host::{AdapterValue, CheckResult, Handler, InstanceIndex, Template};
use serde_json::json;

use crate::fixture::{host, instance, load, spec};

#[tokio::test]
async fn denier_answers_as_its_parameters_say() {
    let host = host();
    let denier = load(&host, "denier");
    assert_eq!(denier.templates(), [Template::CheckNothing, Template::ListEntry]);
    let params = json!({
        "status": { "code": 7, "message": "not here" },
        "validDuration": "1m30s",
        "valid_use_count": "12",
    });
    let instances = vec![instance(Template::CheckNothing), instance(Template::ListEntry)];
    let handler = Handler::build(&host, denier, spec(params, instances)).await.unwrap();
    let expected = CheckResult {
        code: 7,
        message: "not here".to_owned(),
        valid_duration_ns: 90_000_000_000,
        valid_use_count: 12,
    };
    assert_eq!(handler.check_nothing(InstanceIndex(0)).await.unwrap(), expected);
    let value = AdapterValue::String("anything");
    assert_eq!(handler.list_entry(InstanceIndex(1), value).await.unwrap(), expected);
    handler.close().await;
    assert!(handler.check_nothing(InstanceIndex(0)).await.is_err());
}
