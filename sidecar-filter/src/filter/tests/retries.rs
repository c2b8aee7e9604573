use super::*;

const TWICE: &str = r#"{"fail_policy": {"max_retry": 2}}"#;

fn fail(request: &mut Request, call: &MockCall) -> Outcome {
    request.status(call, "14", "upstream connect error or disconnect/reset before headers")
}

#[test]
fn a_call_that_failed_on_its_way_is_made_again_under_the_same_name() {
    let mesh = Mesh::with(TWICE);
    mesh.announce(1, true);
    let mut request = mesh.request("/");
    request.start();
    let first = mesh.call();
    assert_eq!(fail(&mut request, &first), Outcome::Waiting);
    mesh.no_call();
    mesh.proxy.pass(Duration::from_millis(100));
    assert_eq!(mesh.wake(&mut [&mut request]), [Outcome::Waiting]);
    let second = mesh.call();
    assert_eq!(second.body, first.body, "a quota is spent once for both");
    assert!(second.timeout < first.timeout, "the request's time is one");
    assert_eq!(request.answer(&second, &Reply::allow()), Outcome::Passed);
    assert_eq!(mesh.count(Counter::CheckRetries), 1);
    assert_eq!(mesh.count(Counter::CheckFailures), 0);
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn after_the_last_repeat_the_fail_policy_decides() {
    let mesh = Mesh::with(TWICE);
    let mut request = mesh.request("/");
    request.start();
    for _ in 0..2 {
        assert_eq!(fail(&mut request, &mesh.call()), Outcome::Waiting);
        mesh.proxy.pass(Duration::from_millis(100));
        mesh.wake(&mut [&mut request]);
    }
    let outcome = fail(&mut request, &mesh.call());
    assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer cannot be reached"));
    assert_eq!(request.stream.flags(), [flag::NO_VERDICT]);
    assert_eq!(mesh.count(Counter::CheckFailures), 1);
}

#[test]
fn what_mixer_said_and_what_took_all_the_time_is_not_asked_again() {
    for (status, message) in [("13", "broken"), ("3", "what?"), ("14", "upstream request timeout")]
    {
        let mesh = Mesh::with(TWICE);
        let mut request = mesh.request("/");
        request.start();
        let outcome = request.status(&mesh.call(), status, message);
        assert!(matches!(outcome, Outcome::Refused(503, _)), "{status}: {outcome:?}");
        assert_eq!(mesh.count(Counter::CheckRetries), 0);
    }
}

#[test]
fn no_repeat_begins_when_the_requests_time_is_over() {
    let mesh = Mesh::with(TWICE);
    let mut request = mesh.request("/");
    request.start();
    let call = mesh.call();
    mesh.proxy.pass(Duration::from_millis(495));
    assert!(matches!(fail(&mut request, &call), Outcome::Refused(503, _)));
}

#[test]
fn a_mixer_that_is_down_is_not_asked_twice_as_often() {
    let mesh = Mesh::with(TWICE);
    let mut calls = 0;
    for number in 0..1000 {
        let mut request = mesh.request(&format!("/{number}"));
        request.start();
        loop {
            let call = mesh.call();
            calls += 1;
            if fail(&mut request, &call) != Outcome::Waiting {
                break;
            }
            mesh.proxy.pass(Duration::from_millis(100));
            mesh.wake(&mut [&mut request]);
        }
        request.end();
    }
    assert!((1150..=1210).contains(&calls), "a fifth more and a reserve: {calls}");
}

#[test]
fn a_client_that_leaves_during_a_pause_hands_its_place_on() {
    let mesh = Mesh::with(TWICE);
    let (mut first, mut second) = (mesh.request("/"), mesh.request("/"));
    first.start();
    assert_eq!(second.start(), Outcome::Waiting);
    let call = mesh.call();
    assert_eq!(fail(&mut first, &call), Outcome::Waiting);
    first.end();
    assert_eq!(mesh.wake(&mut [&mut first, &mut second]), [Outcome::Waiting]);
    let call = mesh.call();
    assert_eq!(second.answer(&call, &Reply::allow()), Outcome::Passed);
    mesh.proxy.pass(Duration::from_millis(100));
    assert_eq!(mesh.wake(&mut [&mut first]), [Outcome::Waiting], "nothing is left to do");
    mesh.no_call();
}

#[test]
fn causes_of_silence_have_policies_of_their_own() {
    let mesh =
        Mesh::with(r#"{"fail_policy": {"check": {"timeout": "open"}}, "check_timeout": "100ms"}"#);
    let mut slow = mesh.request("/slow");
    slow.start();
    let outcome = slow.status(&mesh.call(), "14", "upstream request timeout");
    assert_eq!(outcome, Outcome::Passed);
    assert_eq!(slow.stream.flags(), [flag::UNCHECKED]);
    let mut away = mesh.request("/away");
    away.start();
    assert!(matches!(fail(&mut away, &mesh.call()), Outcome::Refused(503, _)));
}
