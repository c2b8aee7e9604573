use mesh_api::mixer::v1::HeaderOperation;
use mesh_api::mixer::v1::header_operation::Operation;

use super::*;

fn operation(name: &str, value: &str, operation: Operation) -> HeaderOperation {
    HeaderOperation { name: name.into(), value: value.into(), operation: operation.into() }
}

fn allow_with(request: &[HeaderOperation], response: &[HeaderOperation]) -> Reply {
    let directive = RouteDirective {
        request_header_operations: request.to_vec(),
        response_header_operations: response.to_vec(),
        ..RouteDirective::default()
    };
    Reply { directive: Some(directive), ..Reply::allow() }
}

fn start_with(mesh: &Mesh, headers: &[(&str, &str)]) -> Request {
    let stream = headers
        .iter()
        .fold(MockStream::get(&mesh.proxy, "/"), |stream, (name, value)| {
            stream.with_header(name, value)
        })
        .with(HeaderBlock::Response, "server", "service");
    mesh.stream(stream)
}

#[test]
fn operations_change_requests_and_responses_from_mixer_and_from_the_cache() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    let reply = allow_with(
        &[
            operation("X-User", "jane", Operation::Replace),
            operation("x-group", "b", Operation::Append),
            operation("x-secret", "", Operation::Remove),
            operation("Host", "other", Operation::Replace),
        ],
        &[
            operation("x-policy", "1", Operation::Append),
            operation("server", "", Operation::Remove),
        ],
    );
    for round in ["asked", "cached"] {
        let client = [("x-user", "forged"), ("x-group", "a"), ("x-secret", "1")];
        let mut request = start_with(&mesh, &client);
        match round {
            "asked" => {
                assert_eq!(request.start(), Outcome::Waiting);
                assert_eq!(request.answer(&mesh.call(), &reply), Outcome::Passed);
            }
            _ => assert_eq!(request.start(), Outcome::Passed),
        }
        let header = |name| request.stream.header(HeaderBlock::Request, name);
        assert_eq!(header("x-user"), ["jane"], "{round}");
        assert_eq!(header("x-group"), ["a", "b"]);
        assert_eq!(header("x-secret"), [""; 0]);
        assert_eq!(header(":authority"), ["other"]);
        assert_eq!(request.stream.route_choices(), 2, "the route was chosen before");
        request.filter.on_response_headers(&mut request.stream);
        let header = |name| request.stream.header(HeaderBlock::Response, name);
        assert_eq!(header("x-policy"), ["1"]);
        assert_eq!(header("server"), [""; 0]);
        request.end();
    }
    assert_eq!(mesh.count(Counter::CheckL1Hits), 1);
}

#[test]
fn a_request_without_operations_keeps_its_route_and_response() {
    let mesh = Mesh::new();
    let mut request = start_with(&mesh, &[]);
    request.start();
    request.answer(&mesh.call(), &Reply::allow());
    request.filter.on_response_headers(&mut request.stream);
    assert_eq!(request.stream.route_choices(), 1);
    assert_eq!(request.stream.header(HeaderBlock::Response, "server"), ["service"]);
}

#[test]
fn operations_that_would_break_the_message_are_left_out_and_counted() {
    let mesh = Mesh::new();
    let refused = [
        operation("content-length", "0", Operation::Replace),
        operation("Transfer-Encoding", "chunked", Operation::Append),
        operation(":status", "200", Operation::Replace),
        operation(":path", "", Operation::Remove),
        operation(":path", "", Operation::Replace),
        operation("host", "", Operation::Remove),
        operation("bad name", "x", Operation::Replace),
        operation("", "x", Operation::Replace),
        operation("x-split", "a\r\nx-admin: 1", Operation::Replace),
    ];
    let reply = allow_with(&refused, &[operation(":path", "/", Operation::Replace)]);
    let mut request = start_with(&mesh, &[]);
    request.start();
    assert_eq!(request.answer(&mesh.call(), &reply), Outcome::Passed);
    assert_eq!(mesh.count(Counter::HeaderOperationsRefused), refused.len() as u64 + 1);
    assert_eq!(request.stream.header(HeaderBlock::Request, ":path"), ["/"]);
    assert_eq!(request.stream.header(HeaderBlock::Request, "x-split"), [""; 0]);
}

#[test]
fn a_refusal_without_a_direct_response_changes_no_header() {
    let mesh = Mesh::new();
    let with = allow_with(&[operation("x-user", "jane", Operation::Replace)], &[]);
    let mut request = start_with(&mesh, &[]);
    request.start();
    let refusal = Reply { code: 7, ..with };
    assert!(matches!(request.answer(&mesh.call(), &refusal), Outcome::Refused(403, _)));
    assert_eq!(request.stream.header(HeaderBlock::Request, "x-user"), [""; 0]);
}

#[test]
fn a_direct_response_takes_the_operations_for_responses_along() {
    let mesh = Mesh::new();
    let directive = RouteDirective {
        response_header_operations: vec![operation("location", "/login", Operation::Replace)],
        direct_response_code: 302,
        ..RouteDirective::default()
    };
    let mut request = start_with(&mesh, &[]);
    request.start();
    let call = mesh.call();
    let reply = Reply { directive: Some(directive), ..Reply::deny() };
    let frame = Frame::write(|out| out.extend_from_slice(&reply.message()));
    request.filter.on_call_data(&mut request.stream, call.id, frame.bytes());
    request.filter.on_call_headers(call.id, std::iter::once((&b"grpc-status"[..], &b"0"[..])));
    let flow = request.filter.on_call_complete(&mut request.stream, call.id);
    let Flow::Reply(reply) = flow else { panic!("{flow:?}") };
    assert_eq!(reply.denial.http_status, 302);
    assert_eq!(reply.denial.operations.len(), 1);
}

#[test]
fn a_refusal_is_noted_with_what_decided_and_a_flag() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    let mut reply = Reply::deny();
    reply.headers.push(("mixmesh-cache", "l2".to_owned()));
    reply.headers.push(("mixmesh-rule", "no-admins.default".to_owned()));
    let mut asked = start_with(&mesh, &[]);
    asked.start();
    asked.answer(&mesh.call(), &reply);
    let mut cached = start_with(&mesh, &[]);
    cached.start();
    for (request, cache) in [(asked, "l2"), (cached, "l1")] {
        let stream = &request.stream;
        assert_eq!(stream.metadata("status"), Some("PERMISSION_DENIED"));
        assert_eq!(stream.metadata("cache"), Some(cache));
        assert_eq!(stream.metadata("generation"), Some(&*generation(1).to_string()));
        assert_eq!(stream.metadata("rule"), Some("no-admins.default"));
        assert_eq!(stream.flags(), [flag::DENIED]);
    }
}

#[test]
fn requests_that_pass_are_noted_when_configuration_asks_for_it() {
    for (when, noted) in [("always", Some("OK")), ("refusals", None), ("never", None)] {
        let mesh = Mesh::with(&format!(r#"{{"dynamic_metadata": "{when}"}}"#));
        mesh.announce(1, true);
        let mut request = start_with(&mesh, &[]);
        request.start();
        request.answer(&mesh.call(), &Reply::allow());
        assert_eq!(request.stream.metadata("status"), noted, "{when}");
        assert_eq!(request.stream.metadata("cache"), noted.map(|_| "miss"));
        assert!(request.stream.flags().is_empty());
    }
    let silent = Mesh::with(r#"{"dynamic_metadata": "never"}"#);
    let mut request = start_with(&silent, &[]);
    request.start();
    request.answer(&silent.call(), &Reply::deny());
    assert_eq!(request.stream.metadata("status"), None);
}
