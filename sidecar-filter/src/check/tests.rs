use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::referenced_attributes::AttributeMatch;
use mesh_api::mixer::v1::{CheckResponse, ReferencedAttributes, RouteDirective};
use mesh_api::rpc::Status;
use prost::Message;
use prost_types::Duration as WireDuration;
use std::time::Duration;

use super::*;

fn decode(precondition: PreconditionResult) -> Answer {
    let response = CheckResponse { precondition: Some(precondition), ..CheckResponse::default() };
    Answer::decode(&response.encode_to_vec()).unwrap()
}

fn with_code(code: i32) -> PreconditionResult {
    PreconditionResult {
        status: Some(Status { code, message: "because".to_owned(), details: Vec::new() }),
        valid_duration: Some(WireDuration { seconds: 5, nanos: 500_000_000 }),
        valid_use_count: 10,
        ..PreconditionResult::default()
    }
}

fn denial(answer: &Answer) -> &Denial {
    match &answer.verdict {
        Verdict::Deny(denial) => denial,
        Verdict::Allow | Verdict::AllowWith(_) => panic!("expected a refusal"),
    }
}

#[test]
fn codes_become_the_statuses_of_the_old_proxy() {
    for (code, http, name) in [
        (1, 499, "CANCELLED"),
        (3, 400, "INVALID_ARGUMENT"),
        (4, 504, "DEADLINE_EXCEEDED"),
        (7, 403, "PERMISSION_DENIED"),
        (8, 429, "RESOURCE_EXHAUSTED"),
        (9, 400, "FAILED_PRECONDITION"),
        (13, 500, "INTERNAL"),
        (14, 503, "UNAVAILABLE"),
        (16, 401, "UNAUTHENTICATED"),
        (99, 500, "UNKNOWN"),
        (-1, 500, "UNKNOWN"),
    ] {
        let answer = decode(with_code(code));
        assert_eq!(denial(&answer).http_status, http);
        assert_eq!(denial(&answer).body, format!("{name}:because"));
        assert_eq!(denial(&answer).details, format!("mixmesh_denied{{{name}}}"));
    }
    assert!(matches!(decode(with_code(0)).verdict, Verdict::Allow));
}

#[test]
fn lifetimes_and_uses_are_read_as_the_protocol_means_them() {
    let answer = decode(with_code(0));
    assert_eq!(answer.lifetime, Some(Duration::from_millis(5500)));
    assert_eq!(answer.uses, Some(10));
    let unlimited =
        decode(PreconditionResult { valid_duration: None, valid_use_count: -1, ..with_code(0) });
    assert_eq!(unlimited.lifetime, None);
    assert_eq!(unlimited.uses, None);
    for negative in [
        WireDuration { seconds: -5, nanos: 0 },
        WireDuration { seconds: i64::MIN, nanos: i32::MIN },
        WireDuration { seconds: 0, nanos: -1 },
    ] {
        let answer = decode(PreconditionResult { valid_duration: Some(negative), ..with_code(0) });
        assert_eq!(answer.lifetime, Some(Duration::ZERO));
    }
    let longest = WireDuration { seconds: i64::MAX, nanos: i32::MAX };
    decode(PreconditionResult { valid_duration: Some(longest), ..with_code(0) });
}

#[test]
fn an_answer_without_verdict_refuses() {
    let answer = Answer::decode(&[]).unwrap();
    assert_eq!(denial(&answer).code, 3);
    assert_eq!(answer.uses, Some(0));
    assert!(Answer::decode(&[0xff; 7]).is_err());
}

#[test]
fn references_that_name_unknown_words_make_an_answer_unrepeatable() {
    let reference = |name| ReferencedAttributes {
        words: vec!["x-user".to_owned()],
        attribute_matches: vec![AttributeMatch {
            name,
            condition: 2,
            map_key: -1,
            regex: String::new(),
        }],
    };
    let with = |name| {
        decode(PreconditionResult { referenced_attributes: Some(reference(name)), ..with_code(0) })
    };
    assert_eq!(with(15).references.map(|list| list.len()), Some(1));
    assert!(with(9999).references.is_none());
    assert!(with(-2).references.is_none());
}

#[test]
fn a_direct_response_is_what_the_client_gets() {
    let directive = |code| RouteDirective {
        direct_response_code: code,
        direct_response_body: "see other".to_owned(),
        ..RouteDirective::default()
    };
    let with = |code, direct| {
        decode(PreconditionResult { route_directive: Some(directive(direct)), ..with_code(code) })
    };
    let answered = with(0, 303);
    assert_eq!(
        (denial(&answered).http_status, denial(&answered).body.as_str()),
        (303, "see other")
    );
    let refused = with(7, 451);
    assert_eq!((denial(&refused).http_status, denial(&refused).code), (451, 7));
    assert_eq!(denial(&with(7, 42)).http_status, 403, "42 is no HTTP status");
    assert!(matches!(with(0, 0).verdict, Verdict::Allow));
}

#[test]
fn headers_of_an_answer_name_its_policy() {
    let mut headers = AnswerHeaders::default();
    headers.header(b"mixmesh-namespace", b"default");
    headers.header(b"mixmesh-generation", b"7-000102030405060708090a0b0c0d0e0f");
    headers.header(b"mixmesh-cache", b"stale");
    headers.header(b"server", b"x");
    assert_eq!(headers.namespace.as_deref(), Some("default"));
    assert_eq!(headers.generation.unwrap().revision, 7);
    assert!(headers.is_stale());
    headers.header(b"mixmesh-generation", b"garbage");
    assert_eq!(headers.generation, None);
}
