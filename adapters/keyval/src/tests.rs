use adapter_sdk::testing::TestHandler;
use adapter_sdk::{CheckResult, Code, DirectResponse};
use serde_json::json;

use super::{LookUp, MAX_VALUE, VALID_DURATION};

fn pass() -> CheckResult {
    CheckResult {
        code: Code::OK,
        message: String::new(),
        valid_duration: VALID_DURATION,
        valid_use_count: None,
        direct_response: None,
    }
}

#[test]
fn a_key_in_the_table_passes_with_its_value() {
    let parameters = json!({ "table": { "jason": "admin", "notInSnakeCase": "" } });
    let mut table = TestHandler::<LookUp>::configure(parameters, Vec::new()).unwrap();
    assert_eq!(table.key_val(0, "jason").unwrap(), (pass(), Some("admin".to_owned())));
    assert_eq!(table.key_val(0, "notInSnakeCase").unwrap(), (pass(), Some(String::new())));
}

#[test]
fn any_other_key_is_not_found_and_the_client_is_told_so_without_markup_of_its_own() {
    let mut table = TestHandler::<LookUp>::configure(json!({}), Vec::new()).unwrap();
    let (denial, value) = table.key_val(0, "</e>\"").unwrap();
    assert_eq!((denial.code, value), (Code::NOT_FOUND, None));
    assert_eq!(denial.message, r#"key "</e>\"" not found"#);
    let response = DirectResponse {
        code: 0,
        body: r#"<error_detail>key "&lt;/e&gt;\"" not found</error_detail>"#.to_owned(),
        headers: Vec::new(),
    };
    assert_eq!(denial.direct_response, Some(response));
    assert_eq!(denial.valid_use_count, Some(0));
}

#[test]
fn a_key_that_is_not_found_may_be_told_to_pass_or_to_be_denied_otherwise() {
    for (status, code) in [(0, Code::OK), (7, Code::PERMISSION_DENIED)] {
        let parameters = json!({ "notFoundStatus": status });
        let mut table = TestHandler::<LookUp>::configure(parameters, Vec::new()).unwrap();
        let (answer, value) = table.key_val(0, "jason").unwrap();
        assert_eq!((answer.code, value), (code, None));
    }
}

#[test]
fn values_that_fit_no_header_and_codes_that_are_none_are_refused() {
    let problems = |parameters| TestHandler::<LookUp>::problems(parameters, Vec::new());
    assert_eq!(
        problems(json!({ "table": { "a": "x\r\nset-cookie: y" } })),
        ["table.a: has a control character, which no header may have"]
    );
    assert_eq!(
        problems(json!({ "table": { "a": "x".repeat(MAX_VALUE + 1), "b": "ä" } })),
        ["table.a: has 8193 bytes, 8192 at most"]
    );
    let text = problems(json!({ "not_found_status": 17, "tabel": {} })).join("; ");
    assert!(text.contains("17 is no code of google.rpc"), "{text}");
    assert!(text.contains("tabel: is unknown, did you mean table?"), "{text}");
}
