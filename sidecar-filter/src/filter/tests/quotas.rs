use mesh_attributes::wire::QuotaRequest;

use super::*;
use crate::config::FilterConfig;
use crate::control::Control;
use crate::mock::{MockControl, SilentNotifier};

const CHARGED: &str = r#"{"quota_specs": [{"rules": [{"quotas": [{"quota": "rq"}]}]}]}"#;

/// An allow that grants `amount` for a minute.
fn granting(amount: i64) -> Reply {
    Reply { grants: vec![("rq", amount, 60)], ..Reply::allow() }
}

fn mesh(json: &str) -> Mesh {
    let mesh = Mesh::with(json);
    mesh.announce(1, true);
    mesh
}

fn asked(call: &MockCall) -> Vec<(String, i64, bool)> {
    let question = CheckRequest::decode(&call.body[5..]).unwrap();
    let quota = |q: &QuotaRequest<'_>| (q.name.to_owned(), q.amount, q.best_effort);
    question.quotas.iter().map(quota).collect()
}

/// Starts a request that asks, and returns it with its call.
fn start(mesh: &Mesh, path: &str) -> (Request, MockCall) {
    let mut request = mesh.request(path);
    assert_eq!(request.start(), Outcome::Waiting);
    (request, mesh.call())
}

#[test]
fn the_first_request_asks_for_its_own_charge_and_the_next_for_some_ahead() {
    let mesh = mesh(CHARGED);
    let (mut first, call) = start(&mesh, "/");
    assert_eq!(asked(&call), [("rq".to_owned(), 1, false)]);
    assert_eq!(first.answer(&call, &granting(1)), Outcome::Passed);
    let (mut second, call) = start(&mesh, "/");
    assert_eq!(asked(&call), [("rq".to_owned(), 10, true)]);
    assert_eq!(second.answer(&call, &granting(10)), Outcome::Passed);
    for _ in 0..5 {
        assert_eq!(mesh.hit("/"), Outcome::Passed);
    }
    assert_eq!(mesh.count(Counter::QuotaHits), 5);
    assert_eq!(mesh.count(Counter::QuotaCalls), 2);
}

#[test]
fn an_exhausted_quota_refuses_and_spares_mixer_for_a_while() {
    let mesh = mesh(CHARGED);
    let (mut request, call) = start(&mesh, "/");
    let outcome = request.answer(&call, &granting(0));
    assert_eq!(outcome, refused(429, "RESOURCE_EXHAUSTED:Quota is exhausted for: rq"));
    assert_eq!(request.stream.flags(), [flag::EXHAUSTED]);
    assert!(matches!(mesh.hit("/"), Outcome::Refused(429, _)));
    mesh.proxy.pass(Duration::from_millis(501));
    let (mut again, call) = start(&mesh, "/");
    assert_eq!(again.answer(&call, &granting(10)), Outcome::Passed);
    assert_eq!(mesh.count(Counter::QuotaExhausted), 2);
}

#[test]
fn a_request_that_policy_refuses_is_charged_nothing_from_the_pool() {
    let mesh = mesh(CHARGED);
    let (mut request, call) = start(&mesh, "/admin");
    assert!(matches!(request.answer(&call, &Reply::deny()), Outcome::Refused(403, _)));
    assert!(matches!(mesh.hit("/admin"), Outcome::Refused(403, _)));
    assert_eq!(mesh.count(Counter::QuotaHits) + mesh.count(Counter::QuotaExhausted), 0);
}

#[test]
fn tokens_are_worth_nothing_after_their_time_and_after_an_edit() {
    for edit in [false, true] {
        let mesh = mesh(CHARGED);
        let (mut first, call) = start(&mesh, "/");
        first.answer(&call, &granting(1));
        let (mut second, call) = start(&mesh, "/");
        second.answer(&call, &granting(10));
        assert_eq!(mesh.hit("/"), Outcome::Passed);
        if edit {
            mesh.announce(2, true);
        } else {
            mesh.proxy.pass(Duration::from_secs(59));
            mesh.announce(1, true);
            mesh.proxy.pass(Duration::from_secs(1));
        }
        let (_, call) = start(&mesh, "/");
        assert_eq!(asked(&call).len(), 1, "after an edit: {edit}");
    }
}

#[test]
fn requests_that_differ_in_what_the_grant_depends_on_share_no_tokens() {
    let mesh = mesh(CHARGED);
    for _ in 0..2 {
        let (mut request, call) = start(&mesh, "/a");
        request.answer(&call, &granting(10));
    }
    assert_eq!(mesh.hit("/a"), Outcome::Passed);
    let (mut other, call) = start(&mesh, "/b");
    other.answer(&call, &granting(1));
    let (_, call) = start(&mesh, "/b");
    assert_eq!(asked(&call), [("rq".to_owned(), 10, true)]);
}

#[test]
fn without_mixer_a_quota_follows_the_fail_policy() {
    for (policy, passes) in [("open", true), ("closed", false)] {
        let json = CHARGED.replacen(
            '{',
            &format!(r#"{{"serve_stale": "1h", "fail_policy": {{"check": "{policy}"}}, "#),
            1,
        );
        let mesh = mesh(&json);
        let (mut first, call) = start(&mesh, "/");
        first.answer(&call, &granting(1));
        let (mut second, call) = start(&mesh, "/");
        let outcome = second.status(&call, "14", "upstream connect error");
        assert_eq!(outcome == Outcome::Passed, passes, "{policy}: {outcome:?}");
    }
}

#[test]
fn a_request_with_a_quota_waits_for_the_precondition_and_then_pays_for_itself() {
    let mesh = mesh(CHARGED);
    let (mut leader, call) = start(&mesh, "/");
    let mut waiter = mesh.request("/");
    assert_eq!(waiter.start(), Outcome::Waiting);
    mesh.no_call();
    leader.answer(&call, &granting(1));
    assert_eq!(mesh.wake(&mut [&mut waiter]), [Outcome::Waiting]);
    let call = mesh.call();
    assert_eq!(waiter.answer(&call, &granting(10)), Outcome::Passed);
}

#[test]
fn clauses_choose_who_is_charged() {
    let mesh = mesh(
        r#"{"quota_specs": [{"rules": [
            {"match": [{"clause": {"request.path": {"prefix": "/api"}, "request.method": {"exact": "GET"}}},
                       {"clause": {"request.path": {"regex": "/v[0-9]+/x"}}}],
             "quotas": [{"quota": "rq", "charge": 3}]},
            {"match": [{"clause": {"request.path": {"exact": "/api/both"}}}],
             "quotas": [{"quota": "rq", "charge": 4}, {"quota": "other"}]}]}]}"#,
    );
    let charges = |path: &str| {
        let (mut request, call) = start(&mesh, path);
        request.end();
        asked(&call).into_iter().map(|(name, amount, _)| (name, amount)).collect::<Vec<_>>()
    };
    assert_eq!(charges("/api/1"), [("rq".to_owned(), 3)]);
    assert_eq!(charges("/v12/x"), [("rq".to_owned(), 3)]);
    assert_eq!(charges("/v12/xy"), []);
    assert_eq!(charges("/api/both"), [("rq".to_owned(), 7), ("other".to_owned(), 1)]);
    assert_eq!(charges("/"), []);
}

#[test]
fn more_is_asked_for_ahead_by_the_main_thread_before_the_pool_is_empty() {
    let mesh = mesh(CHARGED);
    let settings = Settings::parse(CHARGED.as_bytes()).unwrap();
    let config = Arc::new(FilterConfig::new(settings, Arc::clone(&mesh.mixer)));
    let control = Control::new(&mesh.mixer);
    let host = Rc::new(MockControl(Rc::clone(&mesh.proxy)));
    control.join(&config, host, Some(Box::new(SilentNotifier))).unwrap();
    assert_eq!(mesh.proxy.take_calls().len(), 1, "the watch");
    let (mut first, call) = start(&mesh, "/");
    first.answer(&call, &granting(1));
    let (mut second, call) = start(&mesh, "/");
    second.answer(&call, &granting(10));
    let mut ahead = Vec::new();
    for _ in 0..9 {
        let mut request = mesh.request("/");
        assert_eq!(request.start(), Outcome::Passed);
        control.run(mesh.proxy.now());
        ahead.extend(mesh.proxy.take_calls());
    }
    assert_eq!(ahead.len(), 1, "one call ahead is enough");
    let (name, amount, best_effort) = asked(&ahead[0]).remove(0);
    assert!(name == "rq" && best_effort && (10..=11).contains(&amount), "{name} {amount}");
    let frame = Frame::write(|out| out.extend_from_slice(&granting(10).message()));
    let status = [(&b"grpc-status"[..], &b"0"[..])];
    control.on_call_data(config.id(), ahead[0].id, frame.bytes(), mesh.proxy.now());
    control.on_call_headers(config.id(), ahead[0].id, status.into_iter());
    control.on_call_complete(config.id(), ahead[0].id, mesh.proxy.now());
    for _ in 0..5 {
        assert_eq!(mesh.request("/").start(), Outcome::Passed);
    }
    assert_eq!(mesh.count(Counter::QuotaPrefetches), 1);
    control.leave(config.id());
}
