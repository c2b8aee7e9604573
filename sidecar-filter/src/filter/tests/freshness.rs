use super::*;

#[test]
fn a_new_generation_makes_the_next_request_ask_again() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.announce(2, true);
    let verdict = mesh.ask("/", &Reply::deny().of_generation(2));
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.hit("/"), refused(403, "PERMISSION_DENIED:policy says no"));
}

#[test]
fn an_answer_of_an_older_generation_is_asked_for_once_more_and_the_newer_is_kept() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    let mut request = mesh.request("/");
    request.start();
    let first = mesh.call();
    mesh.announce(2, true);
    assert_eq!(request.answer(&first, &Reply::allow().of_generation(1)), Outcome::Waiting);
    let second = mesh.call();
    assert_ne!(first.id, second.id);
    let id = |call: &MockCall| {
        CheckRequest::decode(&call.body[5..]).unwrap().deduplication_id.to_owned()
    };
    assert_eq!(id(&first), id(&second), "one question, however often it is asked");
    let verdict = request.answer(&second, &Reply::deny().of_generation(2));
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckRecalls), 1);
    assert_eq!(mesh.count(Counter::StaleAnswers), 0);
    assert_eq!(mesh.hit("/"), refused(403, "PERMISSION_DENIED:policy says no"));
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn a_second_answer_of_an_older_generation_serves_its_own_request_alone() {
    let mesh = Mesh::new();
    mesh.announce(2, true);
    for _ in 0..2 {
        let mut request = mesh.request("/");
        request.start();
        let old = Reply::allow().of_generation(1);
        assert_eq!(request.answer(&mesh.call(), &old), Outcome::Waiting);
        assert_eq!(request.answer(&mesh.call(), &old), Outcome::Passed);
    }
    assert_eq!(mesh.count(Counter::StaleAnswers), 2);
    assert_eq!(mesh.count(Counter::CheckRecalls), 2);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn an_older_answer_stands_when_asking_again_fails() {
    let mesh = Mesh::new();
    mesh.announce(2, true);
    let mut request = mesh.request("/");
    request.start();
    request.answer(&mesh.call(), &Reply::deny().of_generation(1));
    let verdict = request.status(&mesh.call(), "14", "gone");
    assert_eq!(verdict, refused(403, "PERMISSION_DENIED:policy says no"));
    assert_eq!(mesh.count(Counter::CheckFailures), 0);
}

#[test]
fn an_answer_that_mixer_itself_calls_stale_is_not_kept() {
    let mesh = Mesh::new();
    let mut stale = Reply::allow();
    stale.headers.push(("mixmesh-cache", "stale".to_owned()));
    let mut request = mesh.request("/");
    request.start();
    assert_eq!(request.answer(&mesh.call(), &stale), Outcome::Waiting);
    assert_eq!(request.answer(&mesh.call(), &stale), Outcome::Passed);
    assert_eq!(mesh.ask("/", &Reply::allow()), Outcome::Passed);
}

#[test]
fn answers_of_a_mixer_that_names_no_policies_are_kept_by_their_lifetimes() {
    let mesh = Mesh::with(r#"{"max_stale": "30s"}"#);
    assert_eq!(mesh.ask("/", &Reply::allow().nameless()), Outcome::Passed);
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    mesh.proxy.pass(Duration::from_secs(31));
    assert_eq!(
        mesh.ask("/", &Reply::deny().nameless()),
        refused(403, "PERMISSION_DENIED:policy says no")
    );
}

#[test]
fn a_nameless_answer_beside_named_ones_is_not_kept() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/a", &Reply::allow());
    mesh.ask("/b", &Reply::allow().nameless());
    mesh.ask("/b", &Reply::allow());
}

#[test]
fn a_namespace_without_rules_needs_no_call_once_the_watch_and_an_answer_say_so() {
    let mesh = Mesh::new();
    mesh.announce(1, false);
    mesh.ask("/first", &Reply::allow());
    assert_eq!(mesh.hit("/second"), Outcome::Passed);
    assert_eq!(mesh.count(Counter::CheckSkipped), 1);
    mesh.announce(2, true);
    mesh.ask("/third", &Reply::deny().of_generation(2));
    mesh.assert_each_request_counted_once(3);
}

#[test]
fn nothing_is_skipped_while_the_watch_is_dead() {
    let mesh = Mesh::new();
    mesh.announce(1, false);
    mesh.ask("/first", &Reply::allow());
    mesh.proxy.pass(Duration::from_millis(2999));
    assert_eq!(mesh.hit("/skipped"), Outcome::Passed);
    mesh.proxy.pass(Duration::from_millis(1));
    mesh.ask("/asked", &Reply::deny());
    mesh.announce(1, false);
    assert_eq!(mesh.hit("/skipped again"), Outcome::Passed);
}

#[test]
fn a_destination_that_answers_for_two_namespaces_is_never_skipped() {
    let mesh = Mesh::new();
    mesh.announce(1, false);
    mesh.ask("/a", &Reply::allow());
    let mut other = Reply::allow();
    other.headers[0].1 = "other".to_owned();
    mesh.proxy.pass(Duration::from_secs(4));
    mesh.ask("/b", &other);
    mesh.announce(1, false);
    mesh.ask("/c", &Reply::allow());
    assert_eq!(mesh.count(Counter::CheckSkipped), 0);
}

#[test]
fn cached_answers_outlive_mixer_for_the_configured_time() {
    let mesh = Mesh::with(r#"{"max_stale": "2s"}"#);
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    mesh.ask("/admin", &Reply::deny());
    mesh.mixer.generations.watch().cut(mesh.proxy.now());
    mesh.proxy.pass(Duration::from_millis(1999));
    assert_eq!(mesh.hit("/"), Outcome::Passed);
    assert_eq!(mesh.hit("/admin"), refused(403, "PERMISSION_DENIED:policy says no"));
    mesh.proxy.pass(Duration::from_millis(1));
    let mut request = mesh.request("/");
    assert_eq!(request.start(), Outcome::Waiting);
}

#[test]
fn stale_allows_serve_while_mixer_is_away_if_configured() {
    let mesh = Mesh::with(r#"{"serve_stale": "60s", "max_stale": "1s"}"#);
    mesh.announce(1, true);
    mesh.ask("/", &Reply::allow());
    mesh.ask("/admin", &Reply::deny());
    mesh.mixer.generations.watch().cut(mesh.proxy.now());
    mesh.proxy.pass(Duration::from_secs(30));
    for (path, expected) in [
        ("/", Outcome::Passed),
        ("/admin", refused(503, "UNAVAILABLE:mixer cannot be reached")),
        ("/unknown", refused(503, "UNAVAILABLE:mixer cannot be reached")),
    ] {
        let mut request = mesh.request(path);
        request.start();
        assert_eq!(request.status(&mesh.call(), "14", "gone"), expected, "{path}");
        request.end();
    }
    assert_eq!(mesh.count(Counter::CheckServedStale), 1);
}
