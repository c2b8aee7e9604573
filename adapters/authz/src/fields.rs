//! Whether instances tell what the policy asks for.
//!
//! A rule about paths, and an instance without a path: the rule could fit nothing. Where it allows, nobody
//! would get in; where it denies, everybody would. So the instance is refused, and a request whose method
//! or path is empty after all – a TCP connection – gets no answer, as in Istio's adapter, and the rule's
//! fail policy decides.

use adapter_sdk::{Action, CallError, Instance, Instances, Problems, Template, nearest};

use crate::policy::Policy;

const SUBJECT: &str = "subject.properties.";
const ACTION: &str = "action.properties.";

/// What a request must tell of its action.
#[derive(Debug)]
pub(crate) struct Asked {
    namespace: bool,
    method: bool,
    path: bool,
}

impl Asked {
    pub(crate) fn by(policy: &Policy) -> Self {
        Self {
            namespace: policy.asks_for_namespace(),
            method: policy.asks_for_method(),
            path: policy.asks_for_path(),
        }
    }

    pub(crate) fn are_answered_by(&self, action: &Action) -> Result<(), CallError> {
        let needed = [
            (true, &action.service, "action.service"),
            (self.namespace, &action.namespace, "action.namespace"),
            (self.method, &action.method, "action.method"),
            (self.path, &action.path, "action.path"),
        ];
        match needed.into_iter().find(|(is_needed, text, _)| *is_needed && text.is_empty()) {
            Some((_, _, name)) => {
                Err(CallError::caller(format!("{name} is empty, and rules ask for it")))
            }
            None => Ok(()),
        }
    }
}

/// Tells what the policy asks for and an instance does not set.
pub(crate) fn check(policy: &Policy, instances: &Instances, problems: &mut Problems) {
    let asked = Asked::by(policy);
    let needed = [
        (true, "action.service"),
        (asked.namespace, "action.namespace"),
        (asked.method, "action.method"),
        (asked.path, "action.path"),
        (policy.asks_for_user(), "subject.user"),
        (policy.asks_for_groups(), "subject.groups"),
    ];
    for (_, instance) in instances.of(Template::Authorization) {
        for (is_needed, name) in needed {
            if is_needed && !sets(instance, name) {
                let message = format!("instance {}: rules ask for {name}, set it", instance.name);
                problems.add("", message);
            }
        }
        let of_subject = policy.subject_properties().map(|wanted| (SUBJECT, wanted));
        let of_action = policy.action_properties().map(|wanted| (ACTION, wanted));
        for (kind, wanted) in of_subject.chain(of_action) {
            let mut names = wanted.names();
            if !wanted.names().any(|name| sets(instance, &format!("{kind}{name}"))) {
                let name = names.next().unwrap_or_default();
                let there = instance.fields.iter().filter_map(|f| f.name.strip_prefix(kind));
                let hint = nearest(names.next().unwrap_or(name), there);
                let message = format!("instance {}: has no {kind}{name}{hint}", instance.name);
                problems.add("", message);
            }
        }
    }
}

fn sets(instance: &Instance, name: &str) -> bool {
    instance.fields.iter().any(|field| field.name == name)
}
