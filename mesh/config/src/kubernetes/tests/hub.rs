use super::{rule, rules, spec};
use crate::Revision;
use crate::kubernetes::hub::Hub;
use crate::kubernetes::object::object;
use crate::kubernetes::watcher::News;
use crate::source::{Event, Object, Publisher, Scope, SourceFeed};

/// A hub with what it publishes.
struct Heard {
    hub: Hub,
    feed: SourceFeed,
}

impl Heard {
    fn new() -> Self {
        let (publisher, feed) = Publisher::new("test");
        Self { hub: Hub::new(publisher), feed }
    }

    fn listed(&mut self, kind: &str, objects: &[&str], version: &str) {
        self.event(kind, Event::Init, None);
        for name in objects {
            let object = object(&rules(), rule(name, &spec()));
            self.event(kind, Event::InitApply(object), None);
        }
        self.event(kind, Event::InitDone, Some(version));
    }

    fn event(&mut self, kind: &str, event: Event, version: Option<&str>) {
        self.hub.told(kind.into(), News::Event(event, version.map(str::to_owned)));
        if self.hub.is_due() {
            self.hub.publish();
        }
    }

    /// Connected, synced, names in force, revision.
    fn state(&self) -> (bool, bool, Vec<String>, Revision) {
        let (set, status) = (self.feed.configs.borrow(), self.feed.status.borrow());
        let names = set.resources.keys().map(|key| key.name.to_string()).collect();
        (status.connected, status.synced, names, set.revision)
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_first_set_comes_when_every_kind_was_listed() {
    let mut heard = Heard::new();
    heard.hub.meet("rule".into());
    heard.hub.meet("handler".into());
    heard.hub.discovered();
    heard.listed("rule", &["a"], "12");
    assert_eq!(heard.state(), (false, false, names(&[]), Revision(0)));
    heard.listed("handler", &[], "15");
    assert_eq!(heard.state(), (true, true, names(&["a"]), Revision(15)));
    assert_eq!(heard.feed.status.borrow().resyncs, 0);
}

#[test]
fn without_any_definition_the_configuration_is_empty_until_there_is_one() {
    let mut heard = Heard::new();
    heard.hub.discovered();
    assert_eq!(heard.state(), (true, true, names(&[]), Revision(0)));
    heard.hub.meet("rule".into());
    heard.hub.discovered();
    heard.listed("rule", &["a"], "20");
    assert_eq!(heard.state(), (true, true, names(&["a"]), Revision(20)));
}

#[test]
fn a_broken_watch_leaves_everything_in_force_until_a_list_says_otherwise() {
    let mut heard = Heard::new();
    heard.hub.meet("rule".into());
    heard.hub.discovered();
    heard.listed("rule", &["a", "b"], "20");
    heard.hub.told("rule".into(), News::Broken("connection reset".to_owned()));
    heard.event("rule", Event::Init, None);
    assert_eq!(heard.state(), (false, true, names(&["a", "b"]), Revision(20)));
    assert_eq!(heard.feed.status.borrow().error.as_deref(), Some("connection reset"));
    heard.listed("rule", &["b"], "25");
    assert_eq!(heard.state(), (true, true, names(&["b"]), Revision(25)));
    let status = heard.feed.status.borrow().clone();
    assert_eq!((status.resyncs, status.reconnects, status.error), (1, 1, None));
}

#[test]
fn a_kind_that_is_not_served_any_more_leaves_its_objects_in_force_as_a_problem() {
    let mut heard = Heard::new();
    heard.hub.meet("rule".into());
    heard.hub.discovered();
    heard.listed("rule", &["a"], "20");
    heard.hub.told("rule".into(), News::Absent);
    heard.hub.publish();
    assert_eq!(heard.state(), (true, true, names(&["a"]), Revision(20)));
    let problem = heard.feed.configs.borrow().problems[0].to_string();
    assert_eq!(
        problem,
        "rule: is no kind of the server any more; what was read before stays in force"
    );
    heard.event("rule", Event::Delete("rule/default/a".into()), Some("22"));
    heard.listed("rule", &[], "30");
    assert_eq!(heard.state(), (true, true, names(&[]), Revision(22)));
    assert_eq!(heard.feed.configs.borrow().problems, []);
}

#[test]
fn versions_that_are_no_numbers_give_way_to_the_time() {
    let mut heard = Heard::new();
    heard.hub.meet("rule".into());
    heard.hub.discovered();
    heard.listed("rule", &["a"], "v-1");
    let first = heard.state().3;
    assert!(first > Revision(1_700_000_000_000_000_000));
    let object = Object { name: "rule/default/a".into(), text: Ok(String::new()) };
    heard.event("rule", Event::Apply(object), Some("v-2"));
    assert!(heard.state().3 > first);
}

#[test]
fn changes_of_several_kinds_never_share_a_revision() {
    let mut heard = Heard::new();
    let scopes: [Scope; 2] = ["rule".into(), "handler".into()];
    scopes.iter().for_each(|scope| heard.hub.meet(Scope::clone(scope)));
    heard.hub.discovered();
    heard.listed("rule", &[], "10");
    heard.listed("handler", &[], "30");
    // The watch of rules is behind that of handlers.
    let late = object(&rules(), rule("late", &spec()));
    heard.event("rule", Event::Apply(late), Some("20"));
    assert_eq!(heard.state(), (true, true, names(&["late"]), Revision(31)));
}
