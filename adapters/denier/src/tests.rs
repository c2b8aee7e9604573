use std::time::Duration;

use adapter_sdk::testing::TestHandler;
use adapter_sdk::{CheckResult, Code, Value};
use serde_json::json;

use super::Denier;

type Handler = TestHandler<Denier>;

#[test]
fn every_request_is_denied_as_a_failed_precondition_unless_told_otherwise() {
    let mut handler = Handler::configure(json!({}), Vec::new()).unwrap();
    let expected = CheckResult {
        code: Code::FAILED_PRECONDITION,
        message: String::new(),
        valid_duration: Duration::from_secs(5),
        valid_use_count: Some(1000),
        direct_response: None,
    };
    assert_eq!(handler.check_nothing(0).unwrap(), expected);
    assert_eq!(handler.list_entry(0, Value::Text("x")).unwrap(), expected);
}

#[test]
fn the_answer_is_that_of_the_parameters() {
    let parameters = json!({
        "status": { "code": 7, "message": "closed for today" },
        "validDuration": "1m",
        "validUseCount": 3,
    });
    let answer = Handler::configure(parameters, Vec::new()).unwrap().check_nothing(0).unwrap();
    assert_eq!(
        (answer.code, answer.message.as_str()),
        (Code::PERMISSION_DENIED, "closed for today")
    );
    assert_eq!((answer.valid_duration, answer.valid_use_count), (Duration::from_secs(60), Some(3)));
}

#[test]
fn a_code_that_nobody_knows_is_refused() {
    let parameters = json!({ "status": { "code": 17 } });
    let expected = "status.code: 17 is no code of google.rpc, which go from 0 to 16";
    assert_eq!(Handler::problems(parameters, Vec::new()), [expected]);
}
