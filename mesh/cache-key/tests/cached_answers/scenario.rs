//! What happens to a mesh, in random order.

use mesh_attributes::AttributeBag;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use crate::bags::similar;
use crate::rules::{Rules, rules};

/// How many Envoy workers, each with a cache of its own, there are.
pub(crate) const WORKERS: usize = 2;

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) rules: Rules,
    pub(crate) bags: Vec<AttributeBag>,
    pub(crate) events: Vec<Event>,
}

#[derive(Debug, Clone)]
pub(crate) enum Event {
    /// A worker gets a request with one of the bags.
    Request { worker: usize, bag: Index },
    /// Mixer's answer to one of the open calls arrives.
    Arrival(Index),
    /// The operator changes the rules.
    Edit(Rules),
}

pub(crate) fn scenario() -> impl Strategy<Value = Scenario> {
    let event = prop_oneof![
        8 => (0..WORKERS, any::<Index>()).prop_map(|(worker, bag)| Event::Request { worker, bag }),
        6 => any::<Index>().prop_map(Event::Arrival),
        1 => rules().prop_map(Event::Edit),
    ];
    (rules(), similar(), vec(event, 1..30)).prop_map(|(rules, bags, events)| Scenario {
        rules,
        bags,
        events,
    })
}
