use std::collections::BTreeMap;

use mesh_api::watch::v1::{GenerationsEvent, NamespaceGeneration};

use crate::policy::Generation;

/// What watchers are told of a configuration: the check generation of every namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement {
    /// What holds for namespaces that are not listed.
    pub default: NamespaceState,
    /// The namespaces that have policy of their own.
    pub namespaces: BTreeMap<String, NamespaceState>,
}

/// What watchers are told of one namespace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamespaceState {
    /// The generation of its policy.
    pub generation: Generation,
    /// Whether any rule could have an opinion on a check.
    pub has_check: bool,
    /// Names of the quotas that its rules know, sorted, in lower case.
    pub quotas: Vec<String>,
}

impl Announcement {
    /// The event that brings a watcher who knows nothing to this state.
    pub fn full(&self) -> GenerationsEvent {
        GenerationsEvent {
            full: true,
            namespaces: self.namespaces.iter().map(|(name, state)| state.message(name)).collect(),
            default: Some(self.default.message("")),
            removed: Vec::new(),
        }
    }

    /// The event that brings a watcher from `old` to this state; `None` when nothing changed.
    pub fn since(&self, old: &Self) -> Option<GenerationsEvent> {
        let changed = self.namespaces.iter().filter(|(name, state)| {
            old.namespaces.get(*name).is_none_or(|before| before != *state)
        });
        let event = GenerationsEvent {
            full: false,
            namespaces: changed.map(|(name, state)| state.message(name)).collect(),
            default: (self.default != old.default).then(|| self.default.message("")),
            removed: old
                .namespaces
                .keys()
                .filter(|name| !self.namespaces.contains_key(*name))
                .cloned()
                .collect(),
        };
        (event != GenerationsEvent::default()).then_some(event)
    }

    /// How many namespaces, the default counted as one, have another generation than in `old`.
    pub fn changed_since(&self, old: &Self) -> u64 {
        let of = |a: &Self, name: &str| {
            a.namespaces.get(name).map_or(a.default.generation.digest, |s| s.generation.digest)
        };
        let mut names: Vec<&String> = self.namespaces.keys().chain(old.namespaces.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let listed = names.iter().filter(|name| of(self, name) != of(old, name)).count();
        let default = self.default.generation.digest != old.default.generation.digest;
        listed as u64 + u64::from(default)
    }
}

impl NamespaceState {
    fn message(&self, namespace: &str) -> NamespaceGeneration {
        NamespaceGeneration {
            namespace: namespace.to_owned(),
            revision: self.generation.revision,
            digest: self.generation.digest.to_vec(),
            has_check: self.has_check,
            quotas: self.quotas.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(digest: u8, revision: u64) -> NamespaceState {
        let generation = Generation { revision, digest: [digest; 16] };
        NamespaceState { generation, has_check: true, quotas: Vec::new() }
    }

    fn announcement(namespaces: &[(&str, u8)]) -> Announcement {
        Announcement {
            default: state(0, 1),
            namespaces: namespaces.iter().map(|(n, d)| ((*n).to_owned(), state(*d, 1))).collect(),
        }
    }

    #[test]
    fn a_change_lists_what_is_new_changed_and_gone() {
        let old = announcement(&[("kept", 1), ("changed", 2), ("gone", 3)]);
        let new = announcement(&[("kept", 1), ("changed", 4), ("new", 5)]);
        let event = new.since(&old).unwrap();
        let names: Vec<_> = event.namespaces.iter().map(|n| n.namespace.as_str()).collect();
        assert_eq!(names, ["changed", "new"]);
        assert_eq!(event.removed, ["gone"]);
        assert_eq!(event.default, None);
        assert_eq!(new.changed_since(&old), 3);
    }

    #[test]
    fn the_same_state_is_no_event() {
        let one = announcement(&[("a", 1)]);
        assert_eq!(one.since(&one.clone()), None);
        assert!(one.full().full);
    }
}
