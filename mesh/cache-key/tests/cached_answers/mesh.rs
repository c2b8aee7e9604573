//! The model: workers with a cache each, one Mixer with a cache, calls that take their time.

use std::fmt;
use std::ops::Add;

use mesh_attributes::wire::{CheckRequest, encode_check_request};
use mesh_attributes::{AttributeBag, Tracked};

use crate::level::{Level, Stored};
use crate::mutant::{Mutant, listed};
use crate::rules::{Answer, Rules, evaluate};
use crate::scenario::{Event, Scenario, WORKERS};

/// How often answers came from where.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Sources {
    pub(crate) evaluated: u32,
    pub(crate) filter_hits: u32,
    pub(crate) mixer_hits: u32,
    pub(crate) waiter_hits: u32,
    pub(crate) asked_again: u32,
}

/// A request that got an answer which is not its own.
#[derive(Debug)]
pub(crate) struct Wrong {
    source: &'static str,
    bag: AttributeBag,
    got: Answer,
    fresh: Answer,
}

struct Mesh<'s> {
    mutant: Option<Mutant>,
    rules: &'s Rules,
    generation: u64,
    now_ms: u64,
    filters: Vec<Level>,
    mixer: Level,
    calls: Vec<Call<'s>>,
    sources: Sources,
}

/// A call that Mixer has answered; the answer is on its way.
struct Call<'s> {
    worker: usize,
    bag: &'s AttributeBag,
    reply: Stored,
    waiters: Vec<&'s AttributeBag>,
}

/// Plays the scenario.
pub(crate) fn run(scenario: &Scenario, mutant: Option<Mutant>) -> Result<Sources, Wrong> {
    let mut mesh = Mesh {
        mutant,
        rules: &scenario.rules,
        generation: 1,
        now_ms: 0,
        filters: (0..WORKERS).map(|_| Level::new(mutant)).collect(),
        mixer: Level::new(mutant),
        calls: Vec::new(),
        sources: Sources::default(),
    };
    for event in &scenario.events {
        mesh.now_ms += 300;
        match event {
            Event::Request { worker, bag } => mesh.request(*worker, bag.get(&scenario.bags))?,
            Event::Arrival(_) if mesh.calls.is_empty() => {}
            Event::Arrival(call) => {
                let call = mesh.calls.swap_remove(call.index(mesh.calls.len()));
                mesh.arrive(call)?;
            }
            Event::Edit(rules) => {
                mesh.rules = rules;
                mesh.generation += 1;
            }
        }
    }
    Ok(mesh.sources)
}

impl<'s> Mesh<'s> {
    fn request(&mut self, worker: usize, bag: &'s AttributeBag) -> Result<(), Wrong> {
        let filter = &self.filters[worker];
        if let Some(stored) = filter.find(bag, self.generation) {
            self.sources.filter_hits += 1;
            return self.expect_fresh("a filter's cache", bag, &stored.answer);
        }
        let open =
            self.calls.iter_mut().find(|call| call.worker == worker && filter.alike(call.bag, bag));
        match open {
            Some(call) => call.waiters.push(bag),
            None => self.call(worker, bag)?,
        }
        Ok(())
    }

    fn call(&mut self, worker: usize, bag: &'s AttributeBag) -> Result<(), Wrong> {
        let reply = self.ask(bag)?;
        self.calls.push(Call { worker, bag, reply, waiters: Vec::new() });
        Ok(())
    }

    /// What Mixer answers, on the bytes of the request.
    fn ask(&mut self, bag: &AttributeBag) -> Result<Stored, Wrong> {
        let mut bytes = Vec::new();
        encode_check_request(bag, "", &[], &mut bytes);
        let request = CheckRequest::decode(&bytes).unwrap();
        if let Some(stored) = self.mixer.find(&request.attributes, self.generation) {
            self.sources.mixer_hits += 1;
            self.expect_fresh("Mixer's cache", bag, &stored.answer)?;
            return Ok(stored.clone());
        }
        self.sources.evaluated += 1;
        let tracked = Tracked::new(&request.attributes);
        let answer = evaluate(self.rules, &tracked);
        let references = listed(self.mutant, &tracked.references(), &request.attributes);
        Ok(Stored { answer, references, generation: self.generation })
    }

    fn arrive(&mut self, call: Call<'s>) -> Result<(), Wrong> {
        let Call { worker, bag, mut reply, waiters } = call;
        if self.mutant == Some(Mutant::OvertakenAnswerStored) {
            reply.generation = self.generation;
        }
        self.mixer.store(bag, reply.clone(), self.now_ms);
        if reply.generation < self.generation {
            self.sources.asked_again += 1;
            reply = self.ask(bag)?;
            self.mixer.store(bag, reply.clone(), self.now_ms);
        }
        self.filters[worker].store(bag, reply.clone(), self.now_ms);
        for waiter in waiters {
            if self.mutant == Some(Mutant::WaiterTakesAnothersAnswer) {
                self.expect_fresh("a call that it waited for", waiter, &reply.answer)?;
            } else if let Some(stored) = self.filters[worker].find(waiter, self.generation) {
                self.sources.waiter_hits += 1;
                self.expect_fresh("a filter's cache after waiting", waiter, &stored.answer)?;
            } else {
                self.call(worker, waiter)?;
            }
        }
        Ok(())
    }

    fn expect_fresh(
        &self,
        source: &'static str,
        bag: &AttributeBag,
        answer: &Answer,
    ) -> Result<(), Wrong> {
        let fresh = evaluate(self.rules, bag);
        if *answer == fresh {
            return Ok(());
        }
        Err(Wrong { source, bag: bag.clone(), got: answer.clone(), fresh })
    }
}

impl Add for Sources {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            evaluated: self.evaluated + other.evaluated,
            filter_hits: self.filter_hits + other.filter_hits,
            mixer_hits: self.mixer_hits + other.mixer_hits,
            waiter_hits: self.waiter_hits + other.waiter_hits,
            asked_again: self.asked_again + other.asked_again,
        }
    }
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, bag, got, fresh } = self;
        write!(f, "{bag:?} got {got:?} from {source}, the rules say {fresh:?}")
    }
}
