use std::cell::RefCell;

use super::*;
use crate::destination::Destination;

type Woken = Rc<RefCell<Vec<(u64, WakeEvent)>>>;

struct Sleeper {
    serial: u64,
    woken: Woken,
}

impl Wake for Sleeper {
    fn wake(&self, event: WakeEvent) {
        self.woken.borrow_mut().push((self.serial, event));
    }
}

struct Fixture {
    calls: Calls,
    woken: Woken,
    destination: DestinationId,
}

impl Fixture {
    fn new() -> Self {
        let destination = Destination::default().id();
        Self { calls: Calls::default(), woken: Rc::default(), destination }
    }

    fn key(&self, fingerprint: u64) -> CallKey {
        CallKey { destination: self.destination, fingerprint: Fingerprint(fingerprint) }
    }

    fn join(&mut self, fingerprint: u64, serial: u64) -> Turn {
        let key = self.key(fingerprint);
        let woken = Rc::clone(&self.woken);
        self.calls.join(key, Serial(serial), || Rc::new(Sleeper { serial, woken }))
    }

    fn finish(&mut self, fingerprint: u64, serial: u64) {
        self.calls.finish(self.key(fingerprint), Serial(serial));
    }

    fn leave(&mut self, fingerprint: u64, serial: u64) {
        self.calls.leave(self.key(fingerprint), Serial(serial));
    }

    fn woken(&self) -> Vec<(u64, WakeEvent)> {
        self.woken.take()
    }
}

#[test]
fn the_first_leads_and_those_that_look_the_same_wait() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.join(1, 10), Turn::Lead);
    assert_eq!(fixture.join(1, 11), Turn::Wait);
    assert_eq!(fixture.join(1, 12), Turn::Wait);
    assert_eq!(fixture.join(2, 13), Turn::Lead);
    fixture.finish(1, 10);
    assert_eq!(fixture.woken(), [(11, WakeEvent::Answered), (12, WakeEvent::Answered)]);
    assert_eq!(fixture.join(1, 14), Turn::Lead);
}

#[test]
fn destinations_do_not_wait_for_one_another() {
    let mut fixture = Fixture::new();
    assert_eq!(fixture.join(1, 10), Turn::Lead);
    fixture.destination = Destination::default().id();
    assert_eq!(fixture.join(1, 11), Turn::Lead);
}

#[test]
fn a_leader_that_goes_away_hands_its_place_to_the_first_that_waits() {
    let mut fixture = Fixture::new();
    fixture.join(1, 10);
    fixture.join(1, 11);
    fixture.join(1, 12);
    fixture.leave(1, 10);
    assert_eq!(fixture.woken(), [(11, WakeEvent::Lead)]);
    fixture.leave(1, 11);
    assert_eq!(fixture.woken(), [(12, WakeEvent::Lead)], "gone before it could lead");
    fixture.finish(1, 11);
    assert_eq!(fixture.calls.leading.len(), 1, "who has handed over has no say any more");
    fixture.finish(1, 12);
    assert!(fixture.woken().is_empty());
    assert!(fixture.calls.leading.is_empty());
}

#[test]
fn a_waiter_that_goes_away_is_not_woken() {
    let mut fixture = Fixture::new();
    fixture.join(1, 10);
    fixture.join(1, 11);
    fixture.join(1, 12);
    fixture.leave(1, 11);
    fixture.finish(1, 10);
    assert_eq!(fixture.woken(), [(12, WakeEvent::Answered)]);
}

#[test]
fn whoever_forgot_its_part_is_taken_out_of_every_call() {
    let mut fixture = Fixture::new();
    fixture.join(1, 10);
    fixture.join(1, 11);
    fixture.join(2, 12);
    fixture.join(2, 10);
    fixture.calls.leave_all(Serial(10));
    assert_eq!(fixture.woken(), [(11, WakeEvent::Lead)]);
    assert_eq!(fixture.calls.waiting(), 0);
}

#[test]
fn nobody_waits_for_answers_that_cannot_be_shared_until_one_can() {
    let mut fixture = Fixture::new();
    let key = fixture.key(1);
    fixture.join(1, 10);
    fixture.calls.note(key, false);
    fixture.finish(1, 10);
    assert_eq!(fixture.join(1, 11), Turn::Alone);
    assert_eq!(fixture.join(1, 12), Turn::Alone);
    fixture.calls.note(key, true);
    assert_eq!(fixture.join(1, 13), Turn::Lead);
}

#[test]
fn only_so_many_wait_for_one_call() {
    let mut fixture = Fixture::new();
    fixture.join(1, 0);
    for serial in 1..=MAX_WAITERS as u64 {
        assert_eq!(fixture.join(1, serial), Turn::Wait);
    }
    assert_eq!(fixture.join(1, 5000), Turn::Alone);
    assert_eq!(fixture.calls.waiting(), MAX_WAITERS);
}
