use super::*;

#[test]
fn a_first_request_asks_mixer_and_does_what_it_says() {
    let mesh = Mesh::new();
    assert_eq!(mesh.ask("/", &Reply::allow()), Outcome::Passed);
    let verdict = mesh.ask("/admin", &Reply::deny());
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckDenied), 1);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn the_question_is_a_check_with_all_that_mixer_needs() {
    let mesh = Mesh::with(
        r#"{"mixer_cluster": "policy", "attributes": {"destination.namespace": {"t": "STRING", "v": "default"}}}"#,
    );
    mesh.announce(3, true);
    mesh.site.config.scope(None).destination.learn(
        match mesh.mixer.generations.judge("default", generation(3), mesh.proxy.now()) {
            Standing::Current(id) => id,
            other => panic!("{other:?}"),
        },
    );
    let stream = MockStream::get(&mesh.proxy, "/a?b=c")
        .with_header("traceparent", "00-1-2-01")
        .with_header("x-b3-traceid", "0af7");
    let mut request = mesh.stream(stream);
    assert_eq!(request.start(), Outcome::Waiting);
    let call = mesh.call();
    assert_eq!(call.cluster, "mixer", "the fixture's Mixer");
    assert_eq!(call.timeout, Some(Duration::from_millis(500)));
    for (name, value) in [
        (":method", "POST"),
        (":path", "/istio.mixer.v1.Mixer/Check"),
        ("content-type", "application/grpc"),
        ("te", "trailers"),
        ("grpc-timeout", "500m"),
        ("mixmesh-generation", "3-03030303030303030303030303030303"),
        ("traceparent", "00-1-2-01"),
        ("x-b3-traceid", "0af7"),
    ] {
        assert_eq!(call.header(name), Some(value), "{name}");
    }
    assert!(call.header("mixmesh-filter").unwrap().starts_with("mixmesh/"));
    let question = CheckRequest::decode(&call.body[5..]).unwrap();
    assert!(question.deduplication_id.starts_with(mesh.mixer.filter_id()));
    let attribute = |name| match question.attributes.get(&AttributeName::new(name)) {
        Some(Value::String(text)) => text.to_owned(),
        _ => panic!("{name} is no text"),
    };
    assert_eq!(attribute("request.path"), "/a?b=c");
    assert_eq!(attribute("destination.namespace"), "default");
    assert_eq!(attribute("context.reporter.kind"), "inbound");
}

#[test]
fn a_check_belongs_to_the_proxys_span_unless_the_trace_is_not_recorded() {
    let trace_of = |headers: &[(&str, &str)]| {
        let mesh = Mesh::new();
        let stream = headers
            .iter()
            .fold(MockStream::get(&mesh.proxy, "/"), |s, (name, value)| s.with_header(name, value))
            .with_span("0af7", "b7ad");
        assert_eq!(mesh.stream(stream).start(), Outcome::Waiting);
        mesh.call().header("b3").map(str::to_owned)
    };
    let recorded = ("x-request-id", "6c3c7c79-ce00-9f09-991a-6af415f441a6");
    let unrecorded = ("x-request-id", "6c3c7c79-ce00-4f09-991a-6af415f441a6");
    assert_eq!(trace_of(&[]).as_deref(), Some("0af7-b7ad-1"));
    assert_eq!(trace_of(&[recorded]).as_deref(), Some("0af7-b7ad-1"));
    assert_eq!(trace_of(&[unrecorded]), None);
    assert_eq!(trace_of(&[("x-b3-sampled", "0")]), None);
    assert_eq!(trace_of(&[("b3", "0")]).as_deref(), Some("0"));
    assert_eq!(trace_of(&[("traceparent", "00-1-2-00")]), None);
}

#[test]
fn a_check_joins_a_trace_whose_span_the_proxy_does_not_tell() {
    let trace = "27a00e38ac21904847766199ce4593bc";
    let b3_of = |headers: &[(&str, &str)]| {
        let mesh = Mesh::new();
        let stream = headers
            .iter()
            .fold(MockStream::get(&mesh.proxy, "/"), |s, (name, value)| s.with_header(name, value))
            .with_trace(trace);
        assert_eq!(mesh.stream(stream).start(), Outcome::Waiting);
        mesh.call().header("b3").map(str::to_owned)
    };
    assert_eq!(b3_of(&[]).as_deref(), Some("27a00e38ac21904847766199ce4593bc-47766199ce4593bc-1"));
    let from_client = "27a00e38ac21904847766199ce4593bc-e457b5a2e4d86bd1-1";
    assert_eq!(b3_of(&[("b3", from_client)]).as_deref(), Some(from_client));
}

#[test]
fn a_repeated_request_is_answered_from_the_cache_denials_too() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    mesh.ask("/admin", &Reply::deny());
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    assert_eq!(mesh.hit("/admin"), refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckL1Hits), 2);
    mesh.assert_each_request_counted_once(4);
}

#[test]
fn a_closed_policy_refuses_what_could_not_be_asked_and_an_open_one_passes_it() {
    let closed = Mesh::new();
    let open = Mesh::with(r#"{"fail_policy": {"check": "open"}}"#);
    type Fail = fn(&mut Request, &MockCall) -> Outcome;
    let failures: [Fail; 4] = [
        |request, call| request.status(call, "14", "upstream request timeout"),
        |request, call| request.status(call, "4", "deadline"),
        |request, call| request.filter.on_call_reset(&mut request.stream, call.id).into(),
        |request, call| request.filter.on_call_complete(&mut request.stream, call.id).into(),
    ];
    for (number, fail) in failures.into_iter().enumerate() {
        let path = format!("/{number}");
        for (mesh, expected) in [
            (&closed, refused(503, "UNAVAILABLE:mixer cannot be reached")),
            (&open, Outcome::Passed),
        ] {
            let mut request = mesh.request(&path);
            request.start();
            let call = mesh.call();
            assert_eq!(fail(&mut request, &call), expected, "failure {number}");
            request.end();
        }
    }
    assert_eq!(open.count(Counter::CheckFailedOpen), 4);
    assert_eq!(closed.count(Counter::CheckFailures), 4);
    closed.assert_each_request_counted_once(4);
}

#[test]
fn a_call_that_cannot_start_follows_the_fail_policy_at_once() {
    for failure in [StartFailure::NoCluster, StartFailure::NoHost] {
        let mesh = Mesh::new();
        mesh.proxy.refuse_calls(Some(failure));
        let mut request = mesh.request("/");
        assert_eq!(request.start(), refused(503, "UNAVAILABLE:mixer cannot be reached"));
        mesh.assert_each_request_counted_once(1);
    }
}

#[test]
fn what_mixer_itself_says_never_opens() {
    let mesh = Mesh::with(r#"{"fail_policy": {"check": "open"}}"#);
    for code in [13, 14] {
        let reply = Reply { code, ..Reply::allow() };
        assert!(matches!(mesh.ask("/code", &Reply { uses: 0, ..reply }), Outcome::Refused(..)));
    }
    for status in ["3", "12", "13", "2", "16"] {
        let mut request = mesh.request("/status");
        request.start();
        let outcome = request.status(&mesh.call(), status, "broken");
        assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer failed"), "status {status}");
    }
    let mut request = mesh.request("/empty");
    request.start();
    assert_eq!(
        request.answer_raw(&mesh.call(), &Reply::allow(), &[0, 0, 0, 0, 0]),
        refused(400, "INVALID_ARGUMENT:Mixer's answer has no precondition")
    );
    assert_eq!(mesh.count(Counter::CheckFailedOpen), 0);
}

#[test]
fn malformed_answers_refuse_whatever_the_policy() {
    let mesh = Mesh::with(r#"{"fail_policy": {"check": "open"}}"#);
    let message = Reply::allow().message();
    let mut compressed = Frame::write(|out| out.extend_from_slice(&message)).bytes().to_vec();
    compressed[0] = 1;
    let broken = Frame::write(|out| out.extend_from_slice(&[0x12, 0xff, 0xff])).bytes().to_vec();
    let oversized = vec![0; MAX_ANSWER_BYTES + 6];
    for data in [&b""[..], b"\0\0", &compressed, &broken, &oversized] {
        let mut request = mesh.request("/");
        request.start();
        let outcome = request.answer_raw(&mesh.call(), &Reply::allow(), data);
        assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer failed"));
        request.end();
    }
    assert_eq!(mesh.proxy.take_resets().len(), 1, "the oversized answer's call was given up");
}

#[test]
fn hooks_of_calls_that_are_not_under_way_change_nothing() {
    let mesh = Mesh::new();
    let mut request = mesh.request("/");
    request.start();
    let call = mesh.call();
    let other = MockCall { id: CallId(call.id.0 + 1), ..call.clone() };
    assert_eq!(request.answer(&other, &Reply::deny()), Outcome::Waiting);
    assert_eq!(request.answer(&call, &Reply::allow()), Outcome::Passed);
    assert_eq!(request.answer(&call, &Reply::deny()), Outcome::Waiting);
}

#[test]
fn a_finite_use_count_is_spent_by_hits() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/", &Reply { uses: 2, ..Reply::allow() });
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.ask("/", &Reply::allow());
}

#[test]
fn a_request_keeps_the_route_it_came_with() {
    let mesh = Mesh::new();
    let json = r#"{"fail_policy": {"check": "open"}}"#;
    let open = Rc::new(RouteConfig::parse(json.as_bytes()).unwrap());
    let stream = MockStream::get(&mesh.proxy, "/").with_route(&open);
    let mut request = mesh.stream(stream);
    request.start();
    request.stream = MockStream::get(&mesh.proxy, "/");
    assert_eq!(request.status(&mesh.call(), "14", "gone"), Outcome::Passed);
}

#[test]
fn headers_of_responses_are_not_headers_of_requests() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    let reply = Reply::allow().on("request.headers", Some("x"), Condition::Absence);
    mesh.ask("/", &reply);
    let stream = MockStream::get(&mesh.proxy, "/").with(HeaderBlock::Response, "x", "1");
    assert_eq!(mesh.stream(stream).start(), Outcome::Passed);
    let stream = MockStream::get(&mesh.proxy, "/").with_header("x", "1");
    assert_eq!(mesh.stream(stream).start(), Outcome::Waiting);
}

#[test]
fn a_refused_grpc_call_never_looks_like_a_success() {
    let mesh = Mesh::new();
    for (content_type, code, expected) in [
        ("application/grpc", 7, Some(7)),
        ("application/grpc+proto", 16, Some(16)),
        ("application/grpc-web", 7, None),
        ("text/plain", 7, None),
        ("application/grpc", 99, Some(2)),
    ] {
        let stream = MockStream::get(&mesh.proxy, "/").with_header("content-type", content_type);
        let mut request = mesh.stream(stream);
        request.start();
        let call = mesh.call();
        let reply = Reply { code, uses: 0, ..Reply::allow() };
        let frame = Frame::write(|out| out.extend_from_slice(&reply.message()));
        request.filter.on_call_data(&mut request.stream, call.id, frame.bytes());
        let ok = [(&b"grpc-status"[..], &b"0"[..])];
        request.filter.on_call_headers(call.id, ok.into_iter());
        match request.filter.on_call_complete(&mut request.stream, call.id) {
            Flow::Reply(reply) => assert_eq!(reply.grpc_status, expected, "{content_type} {code}"),
            other => panic!("{other:?}"),
        }
    }
}
