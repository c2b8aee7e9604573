use std::sync::Arc;
use std::time::Duration;

use mesh_attributes::{AttributeBag, AttributeName, Condition, References};
use proptest::prelude::*;

use super::*;
use crate::generations::Snapshot;
use crate::host::Moment;

const USERS: usize = 3;

/// A Mixer that grants from one fixed window for each user, and counts what it grants.
#[derive(Default)]
struct Store {
    left: [i64; USERS],
    granted: i64,
    refilled: u64,
}

impl Store {
    fn grant(&mut self, user: usize, amount: i64, best_effort: bool, now: Moment) -> Grant {
        const LIMIT: i64 = 20;
        let window = now.as_millis() / 1000;
        if window != self.refilled {
            self.refilled = window;
            self.left = [LIMIT; USERS];
        }
        let given = match self.left[user] {
            left if left >= amount => amount,
            left if best_effort => left,
            _ => 0,
        };
        self.left[user] -= given;
        self.granted += given;
        let rest = 1000 - now.as_millis() % 1000;
        Grant {
            quota: "rq".into(),
            amount: given,
            lifetime: Some(Duration::from_millis(rest)),
            references: Some(on_user()),
        }
    }
}

fn on_user() -> References {
    let mut references = References::new();
    references.record(&AttributeName::new("source.user"), None, Condition::Exact);
    references
}

fn bag(user: usize) -> AttributeBag {
    AttributeBag::new().with("source.user", user.to_string().as_str())
}

proptest! {
    #[test]
    fn no_user_passes_more_often_than_its_window_grants(
        steps in prop::collection::vec((0..USERS, 1..4_i64, 0..40_u64), 1..400),
    ) {
        // Two proxies, each with pools of its own, before one store.
        let proxies = [Quotas::default(), Quotas::default()];
        let policies = Snapshot::default();
        let mut store = Store::default();
        let mut now = Moment(10_000_000_000_000);
        let mut passed = [0_i64; USERS];
        let mut window = 0;
        for (number, (user, amount, pause)) in steps.into_iter().enumerate() {
            now = now.plus(Duration::from_millis(pause));
            if now.as_millis() / 1000 != window {
                window = now.as_millis() / 1000;
                passed = [0; USERS];
            }
            let quotas = &proxies[number % 2];
            let charge = Charge { quota: Arc::from("rq"), amount };
            let bag = bag(user);
            let pays = match quotas.take(&[charge], &bag, &policies, now) {
                Taken::Paid(tickets) => {
                    for ticket in tickets {
                        let grant = store.grant(user, ticket.amount, true, now);
                        quotas.settle_ahead(&ticket, Some(&grant), now, now);
                    }
                    true
                }
                Taken::Short(asks) => asks.iter().all(|ask| {
                    let grant = store.grant(user, ask.amount, ask.is_best_effort(), now);
                    quotas.settle(ask, &grant, &bag, None, now, now)
                }),
                Taken::Exhausted(_) => false,
            };
            if pays {
                passed[user] += amount;
            }
            prop_assert!(passed[user] <= 20, "user {user} took {} in one window", passed[user]);
        }
    }
}

#[test]
fn a_grant_larger_than_was_asked_for_is_cut_to_it() {
    let quotas = Quotas::default();
    let ask = Ask::exactly(Charge { quota: Arc::from("rq"), amount: 1 });
    let lying =
        Grant { quota: "rq".into(), amount: i64::MAX, lifetime: None, references: Some(on_user()) };
    let now = Moment(1_000_000_000_000);
    assert!(quotas.settle(&ask, &lying, &bag(0), None, now, now));
    let next = quotas.take(&[ask.charge], &bag(0), &Snapshot::default(), now);
    assert!(matches!(next, Taken::Short(_)), "{next:?}");
}

#[test]
fn a_grant_that_may_not_be_told_apart_is_used_once() {
    let quotas = Quotas::default();
    let ask = Ask { charge: Charge { quota: Arc::from("rq"), amount: 1 }, amount: 10 };
    let grant = Grant { quota: "rq".into(), amount: 10, lifetime: None, references: None };
    let now = Moment(1_000_000_000_000);
    assert!(quotas.settle(&ask, &grant, &bag(0), None, now, now));
    assert!(quotas.is_empty());
}
