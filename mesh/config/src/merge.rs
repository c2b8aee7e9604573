//! From what single files say to one set of resources.
//!
//! A mistake must not take a policy out of force: a resource that is refused now stays in the version
//! that was in force before, and so does every resource of a file that could not be read to its end.
//! Only a well-formed file from which a resource is gone removes it. Of two definitions of one
//! resource the one in force stays, else the first by file name counts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::{Origin, Parsed, Problem, Resource, ResourceKey};

/// The resources in force.
pub(crate) type Resources = BTreeMap<ResourceKey, Arc<Resource>>;

/// What a file said when it was last read.
#[derive(Debug, Clone)]
pub(crate) struct FileContent {
    pub(crate) parsed: Parsed,
    /// Whether the file is not there any more, but perhaps only for the moment. What it says is in
    /// force until another file says it.
    pub(crate) leaving: bool,
}

/// Merges `files` into one set, given what was in force `before`.
pub(crate) fn merge(
    files: &BTreeMap<Arc<str>, FileContent>,
    before: &Resources,
) -> (Resources, Vec<Problem>) {
    let mut problems = Vec::new();
    let mut resources = Resources::new();
    for (key, candidates) in candidates(files) {
        let in_force = before.get(&key);
        let stays = in_force.and_then(|old| {
            candidates.iter().copied().find(|new| new.origin.file == old.origin.file)
        });
        let Some(chosen) = stays.or_else(|| candidates.first().copied()) else { continue };
        for other in candidates.iter().filter(|other| !Arc::ptr_eq(other, chosen)) {
            problems.push(Problem {
                origin: other.origin.clone(),
                object: Some(key.clone()),
                message: format!("is defined twice, the one at {} is in force", chosen.origin),
            });
        }
        // The same allocation tells readers cheaply that nothing changed.
        let chosen = in_force.filter(|old| *old == chosen).unwrap_or(chosen);
        resources.insert(key, Arc::clone(chosen));
    }
    let kept = keep(files, before, &mut resources);
    problems.extend(kept.iter().filter(|key| !is_refused(files, key)).map(|key| {
        Problem {
            origin: Origin { line: 0, ..before[key].origin.clone() },
            object: Some(key.clone()),
            message:
                "the version before stays in force: the file may still have it where it could not \
                  be read"
                    .to_owned(),
        }
    }));
    for file in files.values().filter(|file| !file.leaving) {
        problems.extend(file.parsed.problems.iter().cloned().map(|mut problem| {
            if problem.object.as_ref().is_some_and(|key| kept.contains(key)) {
                problem.message.push_str(" (the version before stays in force)");
            }
            problem
        }));
    }
    problems.sort();
    (resources, problems)
}

/// All definitions of each key by file name. Those of a file that is leaving count where there is no
/// other.
fn candidates(
    files: &BTreeMap<Arc<str>, FileContent>,
) -> BTreeMap<ResourceKey, Vec<&Arc<Resource>>> {
    let mut candidates: BTreeMap<ResourceKey, Vec<&Arc<Resource>>> = BTreeMap::new();
    for resource in files.values().filter(|file| !file.leaving).flat_map(|f| &f.parsed.resources) {
        candidates.entry(resource.key.clone()).or_default().push(resource);
    }
    for resource in files.values().filter(|file| file.leaving).flat_map(|f| &f.parsed.resources) {
        candidates.entry(resource.key.clone()).or_insert_with(|| vec![resource]);
    }
    candidates
}

/// Puts back what was in force and is not replaced by a good version, and says which keys those are.
fn keep(
    files: &BTreeMap<Arc<str>, FileContent>,
    before: &Resources,
    resources: &mut Resources,
) -> BTreeSet<ResourceKey> {
    let mut kept = BTreeSet::new();
    for (key, old) in before {
        if resources.contains_key(key) {
            continue;
        }
        let home = files.get(&old.origin.file);
        if is_refused(files, key) || home.is_some_and(|file| !file.parsed.complete) {
            resources.insert(key.clone(), Arc::clone(old));
            kept.insert(key.clone());
        }
    }
    kept
}

fn is_refused(files: &BTreeMap<Arc<str>, FileContent>, key: &ResourceKey) -> bool {
    files.values().any(|file| file.parsed.refused.contains(key))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::{Kind, Namespace, ResourceName, Rule, Spec};

    /// What a file says of one resource.
    #[derive(Debug, Clone, Copy)]
    enum Said {
        Nothing,
        Good(u8),
        Flawed,
    }

    #[derive(Debug, Clone)]
    struct FileState {
        said: Vec<Said>,
        complete: bool,
        leaving: bool,
    }

    fn key(index: usize) -> ResourceKey {
        ResourceKey {
            kind: Kind::Rule,
            namespace: Namespace::new("ns").unwrap(),
            name: ResourceName::new(&format!("r{index}"), Kind::Rule).unwrap(),
        }
    }

    fn content(file: &Arc<str>, state: &FileState) -> FileContent {
        let mut parsed = Parsed { complete: state.complete, ..Parsed::default() };
        for (index, said) in state.said.iter().enumerate() {
            match said {
                Said::Nothing => {}
                Said::Good(version) => parsed.resources.push(Arc::new(Resource {
                    key: key(index),
                    origin: Origin { file: Arc::clone(file), line: 1 },
                    annotations: BTreeMap::from([("version".to_owned(), version.to_string())]),
                    spec: Spec::Rule(Rule::default()),
                })),
                Said::Flawed => {
                    parsed.refused.insert(key(index));
                }
            }
        }
        FileContent { parsed, leaving: state.leaving }
    }

    fn said() -> impl Strategy<Value = Said> {
        prop_oneof![Just(Said::Nothing), (0u8..3).prop_map(Said::Good), Just(Said::Flawed)]
    }

    /// A moment of the folder: each of three files may be there, saying something of four resources.
    fn moment() -> impl Strategy<Value = Vec<Option<FileState>>> {
        let file = (prop::collection::vec(said(), 4), any::<bool>(), any::<bool>())
            .prop_map(|(said, complete, leaving)| FileState { said, complete, leaving });
        prop::collection::vec(prop::option::of(file), 3)
    }

    proptest! {
        #[test]
        fn only_a_good_version_replaces_and_only_a_whole_file_removes(
            moments in prop::collection::vec(moment(), 1..8),
        ) {
            let names: [Arc<str>; 3] = ["a.yaml".into(), "b.yaml".into(), "c.yaml".into()];
            let mut in_force = Resources::new();
            for moment in moments {
                let files: BTreeMap<_, _> = names
                    .iter()
                    .zip(&moment)
                    .filter_map(|(name, state)| Some((Arc::clone(name), content(name, state.as_ref()?))))
                    .collect();
                let (next, problems) = merge(&files, &in_force);
                for index in 0..4 {
                    let key = key(index);
                    let offered: Vec<_> = files
                        .values()
                        .flat_map(|file| &file.parsed.resources)
                        .filter(|resource| resource.key == key)
                        .collect();
                    let flawed = files.values().any(|file| file.parsed.refused.contains(&key));
                    let before = in_force.get(&key);
                    let home = before.and_then(|old| files.get(&old.origin.file));
                    let uncertain = flawed || home.is_some_and(|file| !file.parsed.complete);
                    match next.get(&key) {
                        Some(new) if offered.is_empty() => {
                            prop_assert!(uncertain && before == Some(new));
                            let told = |problem: &Problem| problem.object.as_ref() == Some(&key);
                            prop_assert!(flawed || problems.iter().any(told));
                        }
                        Some(new) => prop_assert!(offered.contains(&new)),
                        None => prop_assert!(offered.is_empty() && (before.is_none() || !uncertain)),
                    }
                }
                // Nothing changes by merging the same again.
                let (again, problems_again) = merge(&files, &next);
                prop_assert_eq!(&again, &next);
                prop_assert_eq!(problems_again.len(), problems.len());
                in_force = next;
            }
        }
    }
}
