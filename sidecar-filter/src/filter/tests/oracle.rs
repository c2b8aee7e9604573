//! The filter against a model: whatever happens in whatever order, each request gets what the policy
//! says of that very request, by a generation that was not known to be out of date when it came.

use mesh_attributes::wire::WireBag;
use mesh_attributes::{KeyState, Tracked};
use proptest::prelude::*;

use super::*;

/// How long the proxy lets a call last.
const CALL_TIMEOUT: Duration = Duration::from_millis(500);

/// For how long after an edit that nobody told of an old answer may stand: the watch's silence, then
/// the time that kept answers count without it, and their time on the way.
const LONGEST_STALE: Duration = Duration::from_millis(3000 + 2000 + 500);

/// One generation of policy: what it reads, in which order, until something refuses.
#[derive(Debug, Clone)]
struct Policy {
    rules: Vec<Rule>,
}

#[derive(Debug, Clone)]
enum Rule {
    /// Refuses this path.
    Path(u8),
    /// Refuses this user; a request without the header passes.
    User(u8),
    /// Refuses requests that lack the header.
    NeedsHeader,
    /// Refuses requests with a query that has this key.
    Query,
    /// Refuses requests with exactly these headers, read as a whole map.
    AllHeaders(usize),
}

#[derive(Debug, Clone)]
enum Step {
    /// A request comes in.
    Start(Kind),
    /// Mixer hears the call that has waited longest, and decides by its policy of now.
    Decide,
    /// The decision that is so far along arrives.
    Deliver(usize),
    /// A call fails on its way.
    Fail(usize),
    /// A client goes away.
    Abort(usize),
    /// Policy is edited; the watch says so now or later.
    Edit(Policy, bool),
    /// The watch says what is the case.
    Announce,
    /// The watch dies.
    Cut,
    /// Time passes.
    Pass(u64),
}

/// What a request looks like.
#[derive(Debug, Clone, Copy)]
struct Kind {
    path: u8,
    user: Option<u8>,
    query: bool,
}

fn policy() -> impl Strategy<Value = Policy> {
    let rule = prop_oneof![
        (0u8..3).prop_map(Rule::Path),
        (0u8..3).prop_map(Rule::User),
        Just(Rule::NeedsHeader),
        Just(Rule::Query),
        (4usize..6).prop_map(Rule::AllHeaders),
    ];
    proptest::collection::vec(rule, 0..4).prop_map(|rules| Policy { rules })
}

fn step() -> impl Strategy<Value = Step> {
    let kind = (0u8..3, proptest::option::of(0u8..3), any::<bool>());
    let kind = kind.prop_map(|(path, user, query)| Kind { path, user, query });
    prop_oneof![
        8 => kind.prop_map(Step::Start),
        6 => Just(Step::Decide),
        6 => (0usize..4).prop_map(Step::Deliver),
        1 => (0usize..4).prop_map(Step::Fail),
        1 => (0usize..6).prop_map(Step::Abort),
        1 => (policy(), any::<bool>()).prop_map(|(policy, told)| Step::Edit(policy, told)),
        1 => Just(Step::Announce),
        1 => Just(Step::Cut),
        1 => (0u64..4000).prop_map(Step::Pass),
    ]
}

impl Kind {
    fn stream(self, proxy: &Rc<MockProxy>) -> MockStream {
        let query = if self.query { "?q" } else { "" };
        let stream = MockStream::get(proxy, &format!("/{}{query}", self.path));
        match self.user {
            None => stream,
            Some(user) => stream.with_header("x-user", user.to_string()),
        }
    }
}

impl Policy {
    /// What the policy says of a request, with everything it read in the words of a refusal.
    fn decide(&self, generation: usize, bag: &impl Bag) -> Option<String> {
        let headers = AttributeName::new("request.headers");
        let mut read = format!("{generation}");
        for rule in &self.rules {
            let refuses = match rule {
                Rule::Path(path) => {
                    let Some(Value::String(text)) =
                        bag.get(&AttributeName::new("request.url_path"))
                    else {
                        panic!("every request has a path")
                    };
                    read += text;
                    text == format!("/{path}")
                }
                Rule::User(user) => match bag.get_key(&headers, "x-user") {
                    KeyState::Value(text) => {
                        read += text;
                        text == user.to_string()
                    }
                    _ => {
                        read += "-";
                        false
                    }
                },
                Rule::NeedsHeader => bag.get_key(&headers, "x-user") == KeyState::KeyAbsent,
                Rule::Query => {
                    let query = AttributeName::new("request.query_params");
                    let state = bag.get_key(&query, "q");
                    read += if state == KeyState::MapAbsent { "no query" } else { "query" };
                    state == KeyState::Value("")
                }
                Rule::AllHeaders(count) => {
                    let Some(Value::StringMap(map)) = bag.get(&headers) else {
                        panic!("every request has headers")
                    };
                    let mut entries = 0;
                    map.each(&mut |_, _| entries += 1);
                    read += &entries.to_string();
                    entries == *count
                }
            };
            if refuses {
                return Some(read);
            }
        }
        None
    }
}

/// A call that Mixer has not heard, or has decided, or whose answer is delivered.
struct Pending {
    request: usize,
    call: MockCall,
    at: Moment,
    decided: Option<(usize, Option<String>, References)>,
}

struct Story {
    mesh: Mesh,
    /// All generations of policy; the last is Mixer's.
    policies: Vec<Policy>,
    /// When each of them was edited away.
    superseded: Vec<Moment>,
    /// The newest that the watch has told of.
    told: usize,
    requests: Vec<Option<Told>>,
    calls: Vec<Pending>,
    started: u64,
}

/// A request under way, and what was known when it came.
struct Told {
    request: Request,
    kind: Kind,
    at: Moment,
    known: usize,
}

impl Story {
    fn new(first: Policy) -> Self {
        let mesh = Mesh::with(r#"{"disable_report": true, "max_stale": "2s"}"#);
        Self {
            mesh,
            policies: vec![first],
            superseded: Vec::new(),
            told: 0,
            requests: Vec::new(),
            calls: Vec::new(),
            started: 0,
        }
    }

    fn newest(&self) -> usize {
        self.policies.len() - 1
    }

    fn announce(&mut self) {
        self.told = self.newest();
        let revision = u8::try_from(self.told + 1).expect("a story has few edits");
        let has_check = !self.policies[self.told].rules.is_empty();
        self.mesh.announce(revision, has_check);
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Start(kind) => {
                let request = self.mesh.stream(kind.stream(&self.mesh.proxy));
                let at = self.mesh.proxy.now();
                let told = Told { request, kind: *kind, at, known: self.told };
                self.requests.push(Some(told));
                self.started += 1;
                let index = self.requests.len() - 1;
                self.run(index, Request::start);
            }
            Step::Decide => {
                let newest = self.newest();
                let policy = self.policies[newest].clone();
                if let Some(call) = self.calls.iter_mut().find(|call| call.decided.is_none()) {
                    let question = CheckRequest::decode(&call.call.body[5..]).unwrap();
                    let bag: &WireBag<'_> = &question.attributes;
                    let tracked = Tracked::new(bag);
                    let refusal = policy.decide(newest, &tracked);
                    call.decided = Some((newest, refusal, tracked.references()));
                }
            }
            Step::Deliver(which) => {
                let decided = self.calls.iter().enumerate().filter(|(_, c)| c.decided.is_some());
                let Some((at, _)) = decided.take(which + 1).last() else { return };
                let pending = self.calls.remove(at);
                let Some((generation, refusal, references)) = pending.decided else { return };
                let revision = u8::try_from(generation + 1).expect("a story has few edits");
                let mut reply = Reply::allow().of_generation(revision);
                reply.references = references;
                reply.code = if refusal.is_some() { 7 } else { 0 };
                reply.message = refusal.unwrap_or_default();
                self.run(pending.request, |request| request.answer(&pending.call, &reply));
            }
            Step::Fail(which) => {
                if !self.calls.is_empty() {
                    self.fail(which % self.calls.len());
                }
            }
            Step::Abort(which) => {
                let alive: Vec<usize> = self.alive().collect();
                if let Some(&index) = alive.get(*which) {
                    self.finish(index);
                }
            }
            Step::Edit(policy, told) => {
                self.policies.push(policy.clone());
                self.superseded.push(self.mesh.proxy.now());
                if *told {
                    self.announce();
                }
            }
            Step::Announce => self.announce(),
            Step::Cut => self.mesh.mixer.generations.watch().cut(self.mesh.proxy.now()),
            Step::Pass(millis) => {
                self.mesh.proxy.pass(Duration::from_millis(*millis));
                let now = self.mesh.proxy.now();
                while let Some(late) =
                    self.calls.iter().position(|call| now.since(call.at) >= CALL_TIMEOUT)
                {
                    self.fail(late);
                }
            }
        }
        self.wake();
    }

    fn fail(&mut self, which: usize) {
        let pending = self.calls.remove(which);
        self.run(pending.request, |request| request.status(&pending.call, "14", "gone"));
    }

    fn alive(&self) -> impl Iterator<Item = usize> {
        self.requests.iter().enumerate().filter(|(_, r)| r.is_some()).map(|(index, _)| index)
    }

    /// Runs a hook of a request, if it is still there, and judges what comes of it.
    fn run(&mut self, index: usize, hook: impl FnOnce(&mut Request) -> Outcome) {
        let Some(told) = &mut self.requests[index] else { return };
        let outcome = hook(&mut told.request);
        for call in self.mesh.proxy.take_calls() {
            let at = self.mesh.proxy.now();
            self.calls.push(Pending { request: index, call, at, decided: None });
        }
        if outcome != Outcome::Waiting {
            self.judge(index, &outcome);
            self.finish(index);
        }
    }

    fn wake(&mut self) {
        loop {
            let scheduled = self.mesh.proxy.take_scheduled();
            if scheduled.is_empty() {
                return;
            }
            for (stream, event) in scheduled {
                let at = self.alive().find(|index| {
                    self.requests[*index].as_ref().is_some_and(|t| t.request.stream.id() == stream)
                });
                if let Some(index) = at {
                    self.run(index, |request| {
                        request.filter.on_scheduled(&mut request.stream, event).into()
                    });
                }
            }
        }
    }

    fn judge(&self, index: usize, outcome: &Outcome) {
        let Some(told) = &self.requests[index] else { return };
        if *outcome == refused(503, "UNAVAILABLE:mixer cannot be reached") {
            return;
        }
        let stream = told.kind.stream(&self.mesh.proxy);
        let statics = &self.mesh.site.config.scope(None);
        let bag = RequestBag::new(&stream, &statics.statics, Timestamp::default());
        let fits = (told.known..=self.newest()).any(|generation| {
            let superseded = self.superseded.get(generation);
            if superseded.is_some_and(|at| told.at.since(*at) > LONGEST_STALE) {
                return false;
            }
            match self.policies[generation].decide(generation, &bag) {
                None => *outcome == Outcome::Passed,
                Some(words) => *outcome == refused(403, &format!("PERMISSION_DENIED:{words}")),
            }
        });
        assert!(
            fits,
            "{outcome:?} of {:?}, known {} of {:?}",
            told.kind, told.known, self.policies
        );
    }

    fn finish(&mut self, index: usize) {
        if let Some(mut told) = self.requests[index].take() {
            told.request.end();
        }
    }

    /// Lets everything that is under way come to its end.
    fn end(mut self) {
        while self.alive().next().is_some() {
            let before = self.calls.len();
            self.step(&Step::Decide);
            self.step(&Step::Deliver(0));
            assert!(before > 0, "requests wait and nobody calls");
        }
        self.mesh.assert_each_request_counted_once(self.started);
        assert_eq!(self.mesh.site.worker.state.borrow().calls.waiting(), 0);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn each_request_gets_what_the_policy_says_of_it(
        first in policy(),
        steps in proptest::collection::vec(step(), 0..80),
    ) {
        let mut story = Story::new(first);
        for step in &steps {
            story.step(step);
        }
        story.end();
    }
}
