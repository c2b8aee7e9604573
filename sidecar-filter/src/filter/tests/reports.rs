use super::*;

#[test]
fn routes_can_leave_requests_unchecked_or_open() {
    let mesh = Mesh::new();
    let route = |json: &str| Rc::new(RouteConfig::parse(json.as_bytes()).unwrap());
    let unchecked = route(r#"{"disable_check": true}"#);
    let stream = MockStream::get(&mesh.proxy, "/").with_route(&unchecked);
    assert_eq!(mesh.stream(stream).start(), Outcome::Passed);
    mesh.no_call();
    let open = route(r#"{"fail_policy": {"check": "open"}}"#);
    let stream = MockStream::get(&mesh.proxy, "/").with_route(&open);
    let mut request = mesh.stream(stream);
    request.start();
    assert_eq!(request.status(&mesh.call(), "14", "gone"), Outcome::Passed);
}

#[test]
fn every_stream_is_reported_once_with_the_line_it_came_with() {
    let mesh = Mesh::with(r#"{"report_batch_entries": 3}"#);
    mesh.announce(1, true);
    mesh.ask("/a", &Reply::allow());
    let mut rewritten = mesh.request("/a");
    rewritten.start();
    rewritten.stream.rewrite(":path", "/elsewhere");
    rewritten.end();
    assert!(mesh.mixer.reports.next().is_none());
    let mut never_seen = mesh.request("/early");
    never_seen.end();
    let batch = mesh.mixer.reports.next().unwrap();
    assert_eq!(batch.requests, 3);
    assert_eq!(mesh.count(Counter::Reports), 3);
    assert_eq!(mesh.mixer.reports.pending(), 3);
    let message = mesh_attributes::wire::ReportRequest::decode(&batch.message).unwrap();
    let mut bags = message.bags();
    let mut paths = Vec::new();
    while let Some(bag) = bags.next_bag() {
        let bag = bag.unwrap();
        match bag.get(&AttributeName::new("request.path")) {
            Some(Value::String(path)) => paths.push(path.to_owned()),
            _ => panic!("request.path is no text"),
        }
    }
    assert_eq!(paths, ["/a", "/a", "/early"]);
}

#[test]
fn reports_can_be_turned_off() {
    let mesh = Mesh::with(r#"{"disable_report": true}"#);
    mesh.ask("/", &Reply::allow());
    assert_eq!(mesh.count(Counter::Reports), 0);
}

#[test]
fn reports_that_find_no_room_are_dropped_and_counted_or_refuse_requests() {
    let mesh = Mesh::with(
        r#"{"report_batch_entries": 1, "disable_check": true, "fail_policy": {"report": "closed"}}"#,
    );
    let mut served = 0;
    loop {
        let mut request = mesh.request("/");
        let outcome = request.start();
        request.end();
        if outcome != Outcome::Passed {
            assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer takes no reports"));
            break;
        }
        served += 1;
    }
    assert_eq!(mesh.count(Counter::ReportRefused), 1);
    assert_eq!(mesh.count(Counter::ReportsDropped), 1, "the refusal's own report");
    assert_eq!(mesh.mixer.reports.pending(), served);
}

#[test]
fn refusals_are_reported_with_their_code() {
    let mesh = Mesh::with(r#"{"report_batch_entries": 1}"#);
    mesh.ask("/admin", &Reply::deny());
    let batch = mesh.mixer.reports.next().unwrap();
    let message = mesh_attributes::wire::ReportRequest::decode(&batch.message).unwrap();
    let mut bags = message.bags();
    let bag = bags.next_bag().unwrap().unwrap();
    let number = |name| match bag.get(&AttributeName::new(name)) {
        Some(Value::Int64(number)) => number,
        _ => panic!("{name} is no number"),
    };
    assert_eq!(number("check.error_code"), 7);
}
