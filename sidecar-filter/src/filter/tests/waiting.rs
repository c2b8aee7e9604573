use super::*;

#[test]
fn requests_that_look_the_same_wait_for_one_call_and_find_their_own_answer() {
    let mesh = Mesh::new();
    let (mut leader, mut same, mut other) =
        (mesh.request("/a"), mesh.request("/a"), mesh.request("/b"));
    assert_eq!(leader.start(), Outcome::Waiting);
    assert_eq!(same.start(), Outcome::Waiting);
    assert_eq!(other.start(), Outcome::Waiting);
    let call = mesh.call();
    assert_eq!(leader.answer(&call, &Reply::allow()), Outcome::Passed);
    let outcomes = mesh.wake(&mut [&mut same, &mut other]);
    assert_eq!(outcomes, [Outcome::Passed, Outcome::Waiting]);
    assert_eq!(
        other.answer(&mesh.call(), &Reply::deny()),
        refused(403, "PERMISSION_DENIED:policy says no"),
        "a waiter never takes another's answer"
    );
    assert_eq!(mesh.count(Counter::CheckWaited), 2);
    assert_eq!(mesh.count(Counter::CheckL1Hits), 1);
    mesh.assert_each_request_counted_once(3);
}

#[test]
fn once_shapes_are_known_only_requests_that_agree_on_them_wait() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/known", &Reply::allow());
    let (mut a, mut b) = (mesh.request("/a"), mesh.request("/b"));
    a.start();
    b.start();
    assert_eq!(mesh.proxy.take_calls().len(), 2);
    assert_eq!(mesh.count(Counter::CheckWaited), 0);
}

#[test]
fn a_leader_that_vanishes_hands_its_call_to_a_waiter() {
    let mesh = Mesh::new();
    let (mut leader, mut first, mut second) =
        (mesh.request("/a"), mesh.request("/a"), mesh.request("/a"));
    leader.start();
    first.start();
    second.start();
    mesh.call();
    leader.end();
    assert_eq!(mesh.wake(&mut [&mut first, &mut second]), [Outcome::Waiting]);
    let call = mesh.call();
    assert_eq!(first.answer(&call, &Reply::allow()), Outcome::Passed);
    assert_eq!(mesh.wake(&mut [&mut second]), [Outcome::Passed]);
    mesh.assert_each_request_counted_once(3);
}

#[test]
fn a_leader_that_panics_leaves_nobody_waiting_and_no_answer_behind() {
    let mesh = Mesh::new();
    mesh.announce(1, true);
    mesh.ask("/known", &Reply::allow());
    let (mut leader, mut waiter) = (mesh.request("/a"), mesh.request("/a"));
    leader.start();
    waiter.start();
    mesh.call();
    leader.filter.on_panic();
    assert_eq!(mesh.wake(&mut [&mut waiter]), [Outcome::Waiting]);
    assert_eq!(waiter.answer(&mesh.call(), &Reply::allow()), Outcome::Passed);
    mesh.ask("/known", &Reply::allow());
}

#[test]
fn a_waiter_that_vanishes_is_counted_and_not_woken() {
    let mesh = Mesh::new();
    let (mut leader, mut waiter) = (mesh.request("/a"), mesh.request("/a"));
    leader.start();
    waiter.start();
    waiter.end();
    leader.answer(&mesh.call(), &Reply::allow());
    assert!(mesh.proxy.take_scheduled().is_empty());
    assert_eq!(mesh.count(Counter::CheckAbandoned), 1);
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn when_the_call_fails_waiters_call_within_their_own_time() {
    let mesh = Mesh::new();
    let (mut leader, mut waiter) = (mesh.request("/a"), mesh.request("/a"));
    leader.start();
    mesh.proxy.pass(Duration::from_millis(100));
    waiter.start();
    mesh.proxy.pass(Duration::from_millis(400));
    let outcome = leader.status(&mesh.call(), "14", "upstream request timeout");
    assert_eq!(outcome, refused(503, "UNAVAILABLE:mixer cannot be reached"));
    assert_eq!(mesh.wake(&mut [&mut waiter]), [Outcome::Waiting]);
    assert_eq!(mesh.call().timeout, Some(Duration::from_millis(100)));
    mesh.assert_each_request_counted_once(2);
}

#[test]
fn nobody_waits_for_answers_that_cannot_be_kept() {
    let mesh = Mesh::new();
    let once = Reply { uses: 0, ..Reply::allow() };
    mesh.ask("/a", &once);
    let (mut first, mut second) = (mesh.request("/a"), mesh.request("/a"));
    first.start();
    second.start();
    assert_eq!(mesh.proxy.take_calls().len(), 2);
    assert_eq!(mesh.count(Counter::CheckUncacheable), 1);
}

#[test]
fn a_request_waits_twice_at_most() {
    let mesh = Mesh::new();
    let [mut first, mut second, mut third, mut fourth] =
        ["/a", "/b", "/b", "/b"].map(|path| mesh.request(path));
    for request in [&mut first, &mut second, &mut third, &mut fourth] {
        assert_eq!(request.start(), Outcome::Waiting);
    }
    first.answer(&mesh.call(), &Reply::allow());
    mesh.wake(&mut [&mut second, &mut third, &mut fourth]);
    let call = mesh.call();
    second.status(&call, "14", "gone");
    mesh.wake(&mut [&mut third, &mut fourth]);
    assert_eq!(mesh.proxy.take_calls().len(), 2, "each has waited twice and calls for itself");
    mesh.assert_each_request_counted_once(4);
}
