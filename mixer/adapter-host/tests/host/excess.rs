//! Answers that nobody can use. The decision holds, what hangs on it is cut, or the call has failed.

use adapter_host::{CallError, CheckResult, Fault, HandlerStatus, OwnedValue, Template};
use mesh_attributes::ValueType;

use crate::templates::{Given, ONE, ask};

const ADAPTER: &str = "testing/excess";
const KIB_8: usize = 8 << 10;

async fn check(what: &str) -> (Result<CheckResult, CallError>, HandlerStatus) {
    let (handler, values) = Given::new(Template::KeyVal).text("key", what).call(ADAPTER).await;
    let answer = handler.check(ONE, values).await;
    (answer, handler.status())
}

async fn trimmed(what: &str) -> CheckResult {
    let (answer, status) = check(what).await;
    assert_eq!(status.answers_trimmed, 1, "{what}");
    answer.unwrap()
}

async fn generate(what: &str, how_much: i64) -> Result<Vec<(String, OwnedValue)>, CallError> {
    let number = OwnedValue::Int64(how_much);
    let given = Given::new(Template::Kubernetes)
        .with("destination_port", ValueType::Int64, number)
        .text("source_uid", what);
    given.generate(ADAPTER).await
}

fn too_large(len: usize, limit: usize) -> CallError {
    let message = format!("it answered with {len} bytes, {limit} are taken at most");
    CallError::Refused { fault: Fault::Adapter, retry: false, message }
}

#[tokio::test]
async fn a_code_that_is_none_denies_as_unknown() {
    for code in ["17", "-1", "4711", "2147483647", "-2147483648"] {
        assert_eq!(trimmed(&format!("code {code}")).await.code, 2, "{code}");
    }
    let (known, status) = check("code 16").await;
    assert_eq!((known.unwrap().code, status.answers_trimmed), (16, 0));
}

#[tokio::test]
async fn a_status_that_no_response_has_gives_way_to_that_of_the_code() {
    for status in ["1", "101", "199", "600", "65535"] {
        let response = trimmed(&format!("status {status}")).await.direct_response.unwrap();
        assert_eq!(response.code, 0, "{status}");
    }
    for status in ["0", "200", "599"] {
        let (answer, trims) = check(&format!("status {status}")).await;
        let response = answer.unwrap().direct_response.unwrap();
        assert_eq!((response.code.to_string().as_str(), trims.answers_trimmed), (status, 0));
    }
}

#[tokio::test]
async fn bodies_and_messages_are_cut_and_the_denial_holds() {
    let long = trimmed("body 5000000").await;
    assert_eq!((long.code, long.direct_response.unwrap().body.len()), (7, KIB_8));
    let long = trimmed("message 100000").await;
    assert_eq!((long.code, long.message.len()), (7, KIB_8));
}

#[tokio::test]
async fn a_hundred_thousand_headers_are_sixty_four() {
    let answer = trimmed("headers 100000").await;
    let headers = answer.direct_response.unwrap().headers;
    assert_eq!((answer.code, headers.len()), (7, 64));
    assert_eq!(headers[63], ("x-63".to_owned(), "1".to_owned()));
}

#[tokio::test]
async fn headers_that_smuggle_or_steer_the_connection_are_left_out() {
    let answer = trimmed("smuggle 9000").await;
    let headers = answer.direct_response.unwrap().headers;
    assert_eq!(headers, [("x-good".to_owned(), "yes".to_owned())]);
}

#[tokio::test]
async fn an_answer_larger_than_the_host_takes_in_one_call_is_a_crash() {
    let (answer, status) = check("body 20000000").await;
    assert!(matches!(answer, Err(CallError::Trap { .. })), "{answer:?}");
    assert_eq!(status.traps, 1);
}

#[tokio::test]
async fn lifetimes_and_use_counts_are_held_to_their_ranges() {
    let (past, _) = check("duration -5").await;
    assert_eq!(past.unwrap().valid_duration_ns, 0);
    let (uses, _) = check("uses").await;
    assert_eq!(uses.unwrap().valid_use_count, i32::MAX, "not negative, which is without limit");
}

#[tokio::test]
async fn a_value_that_is_too_long_is_never_a_shorter_one() {
    let (denied, status) = check("value 9000").await;
    assert_eq!((denied.unwrap().output, status.errors), (Vec::new(), 0), "a denial needs none");
    let given = Given::new(Template::KeyVal).text("key", &"k".repeat(KIB_8 + 1));
    assert_eq!(given.check("testing/echo").await, Err(too_large(KIB_8 + 1, KIB_8)));
    let given = Given::new(Template::KeyVal).text("key", &"k".repeat(KIB_8));
    given.check("testing/echo").await.unwrap();
}

#[tokio::test]
async fn more_or_less_than_was_asked_for_is_not_granted() {
    let (handler, _) = Given::new(Template::Quota).call(ADAPTER).await;
    for (asked, code, granted) in [(5, 2, 5), (-5, 2, 5), (0, 2, 0), (i64::MAX, 2, 0)] {
        let grant = handler.allocate(ONE, Vec::new(), ask("", asked)).await.unwrap();
        assert_eq!((grant.code, grant.amount), (code, granted), "{asked}");
        assert_eq!(grant.message.len(), KIB_8);
        assert!(grant.valid_duration_ns == 0 || grant.valid_duration_ns == i64::MAX as u64);
    }
    assert_eq!(handler.status().answers_trimmed, 4);
}

#[tokio::test]
async fn attributes_are_exact_or_the_call_has_failed() {
    assert_eq!(generate("name", 9_000).await, Err(too_large(9_000, KIB_8)));
    assert_eq!(generate("container", 9_000).await, Err(too_large(9_000, KIB_8)));
    assert_eq!(generate("label", 300_000).await, Err(too_large(300_003, 256 << 10)));
    let endless = generate("labels", 1_000_000).await.unwrap_err();
    let ended = match &endless {
        CallError::Refused { fault, .. } => *fault == Fault::Adapter,
        CallError::Trap { .. } | CallError::Deadline { .. } => true,
        _ => false,
    };
    assert!(ended, "{endless}");
    for length in [0, 3, 5, 17] {
        assert_eq!(generate("address", length).await.unwrap(), [], "{length} bytes");
    }
    assert_eq!(generate("name", 10).await.unwrap().len(), 1);
}
