use std::collections::{BTreeMap, HashMap};
use std::hash::BuildHasher;

use mesh_attributes::ValueType;

/// Longer names get no hint: the cost of comparing grows with both lengths.
const MAX_HINTED: usize = 128;

/// The attributes that manifests declare.
pub trait AttributeTypes {
    /// The declared type of `name`.
    fn value_type(&self, name: &str) -> Option<ValueType>;

    /// All declared names, in any order; read only to suggest one in place of an unknown name.
    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_>;
}

impl AttributeTypes for BTreeMap<String, ValueType> {
    fn value_type(&self, name: &str) -> Option<ValueType> {
        self.get(name).copied()
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.keys().map(String::as_str))
    }
}

impl<S: BuildHasher> AttributeTypes for HashMap<String, ValueType, S> {
    fn value_type(&self, name: &str) -> Option<ValueType> {
        self.get(name).copied()
    }

    fn names(&self) -> Box<dyn Iterator<Item = &str> + '_> {
        Box::new(self.keys().map(String::as_str))
    }
}

/// The candidate that is most like `name`, the first by text among equals; `None` when none is close.
pub(crate) fn nearest<'a>(name: &str, candidates: impl Iterator<Item = &'a str>) -> Option<String> {
    if name.len() > MAX_HINTED {
        return None;
    }
    candidates
        .filter(|candidate| candidate.len() <= MAX_HINTED)
        .map(|candidate| (strsim::osa_distance(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= (name.len().max(candidate.len()) / 3).max(1))
        .min()
        .map(|(_, candidate)| candidate.to_owned())
}
