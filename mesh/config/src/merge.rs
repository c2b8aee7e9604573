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
