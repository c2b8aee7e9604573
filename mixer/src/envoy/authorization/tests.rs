use mesh_api::mixer::v1::HeaderOperation;
use mesh_api::mixer::v1::header_operation::Operation;

use super::*;

fn answered(is_grpc: bool) -> Answered<'static> {
    Answered { namespace: "shop", generation: "7-ab", cache: "miss", is_grpc }
}

fn verdict(code: i32, message: &str, directive: Option<RouteDirective>) -> PreconditionResult {
    PreconditionResult {
        status: Some(Status { code, message: message.to_owned(), details: Vec::new() }),
        route_directive: directive,
        ..PreconditionResult::default()
    }
}

fn operation(operation: Operation, name: &str, value: &str) -> HeaderOperation {
    let (name, value) = (name.to_owned(), value.to_owned());
    HeaderOperation { name, value, operation: operation.into() }
}

fn denied(response: CheckResponse) -> (i32, i32, DeniedHttpResponse) {
    let Some(HttpResponse::DeniedResponse(denied)) = response.http_response else {
        panic!("{response:?} is no refusal");
    };
    (response.status.unwrap().code, denied.status.unwrap().code, denied)
}

fn headers(options: &[HeaderValueOption]) -> Vec<String> {
    let header = |option: &HeaderValueOption| {
        let header = option.header.as_ref().unwrap();
        format!("{}={}", header.key, header.value)
    };
    options.iter().map(header).collect()
}

#[test]
fn a_refusal_has_the_status_and_the_text_of_istios_proxy() {
    for (code, http, name) in [
        (7, 403, "PERMISSION_DENIED"),
        (16, 401, "UNAUTHENTICATED"),
        (8, 429, "RESOURCE_EXHAUSTED"),
        (14, 503, "UNAVAILABLE"),
        (9, 400, "FAILED_PRECONDITION"),
        (1, 499, "CANCELLED"),
    ] {
        let (response, _) = respond(Some(&verdict(code, "h.ns:no", None)), answered(false));
        let (status, http_status, refusal) = denied(response);
        assert_eq!((status, http_status), (code, http));
        assert_eq!(refusal.body, format!("{name}:h.ns:no"));
        assert!(refusal.headers.is_empty());
    }
}

#[test]
fn a_code_that_nobody_defined_is_still_a_refusal() {
    for code in [-1, 17, i32::MAX] {
        let (response, _) = respond(Some(&verdict(code, "odd", None)), answered(true));
        let (status, http_status, refusal) = denied(response);
        assert_eq!((status, http_status), (2, 500));
        assert_eq!(headers(&refusal.headers), ["grpc-status=2"]);
    }
}

#[test]
fn a_grpc_call_keeps_the_code_that_http_would_lose() {
    let (response, _) = respond(Some(&verdict(8, "", None)), answered(true));
    assert_eq!(headers(&denied(response).2.headers), ["grpc-status=8"]);
}

#[test]
fn an_answer_without_a_verdict_is_a_refusal() {
    let (response, _) = respond(None, answered(false));
    assert_eq!(denied(response).1, 400);
}

#[test]
fn header_operations_reach_the_request_and_the_response() {
    let directive = RouteDirective {
        request_header_operations: vec![
            operation(Operation::Replace, "X-Tenant", "blue"),
            operation(Operation::Append, "x-tag", "a"),
            operation(Operation::Remove, "x-secret", ""),
        ],
        response_header_operations: vec![
            operation(Operation::Append, "set-cookie", "a=1"),
            operation(Operation::Remove, "server", ""),
        ],
        ..RouteDirective::default()
    };
    let (response, untold) = respond(Some(&verdict(0, "", Some(directive))), answered(false));
    assert_eq!(response.status.as_ref().unwrap().code, 0);
    let Some(HttpResponse::OkResponse(passed)) = response.http_response else {
        panic!("{response:?} is no pass");
    };
    assert_eq!(headers(&passed.headers), ["x-tag=a", "x-tenant=blue"]);
    assert_eq!(passed.headers_to_remove, ["x-secret"]);
    assert_eq!(headers(&passed.response_headers_to_add), ["set-cookie=a=1"]);
    // Envoy cannot be told to remove a response's header.
    assert_eq!(untold, 1);
}

#[test]
fn a_direct_response_is_sent_whatever_the_verdict() {
    let direct = |code| RouteDirective {
        direct_response_code: code,
        direct_response_body: "moved".to_owned(),
        request_header_operations: vec![operation(Operation::Replace, "ignored", "x")],
        response_header_operations: vec![operation(Operation::Replace, "location", "/new")],
    };
    let (response, _) = respond(Some(&verdict(0, "", Some(direct(302)))), answered(false));
    let (status, http_status, redirect) = denied(response);
    assert_eq!((status, http_status, redirect.body.as_str()), (7, 302, "moved"));
    assert_eq!(headers(&redirect.headers), ["location=/new"]);
    let (response, _) = respond(Some(&verdict(16, "who", Some(direct(407)))), answered(false));
    assert_eq!(denied(response).0, 16);
    // No status of a final response: that of the code instead.
    for odd in [1, 101, 600, u32::MAX] {
        let (response, _) = respond(Some(&verdict(16, "who", Some(direct(odd)))), answered(false));
        assert_eq!(denied(response).1, 401);
    }
}

#[test]
fn dynamic_metadata_tell_where_the_answer_came_from() {
    let (response, _) = respond(Some(&verdict(7, "no", None)), answered(false));
    let metadata = response.dynamic_metadata.unwrap();
    let Some(Kind::StructValue(facts)) = &metadata.fields[METADATA].kind else {
        panic!("{metadata:?}");
    };
    for (name, value) in
        [("message", "no"), ("namespace", "shop"), ("generation", "7-ab"), ("cache", "miss")]
    {
        assert_eq!(facts.fields[name].kind, Some(Kind::StringValue(value.to_owned())), "{name}");
    }
    assert_eq!(facts.fields["code"].kind, Some(Kind::NumberValue(7.0)));
}
