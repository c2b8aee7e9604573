//! What may be wrong with a cache. Each mutant acts where the model meets the crate: on the references
//! that an answer brings along, on the bag that a key is made of, or on what a cache does with both.

use mesh_attributes::{AttributeName, Bag, Condition, KeyState, References, Value};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// What was absent is not part of an answer's references.
    AbsenceIgnored,
    /// Single keys are not part of an answer's references.
    MapKeyIgnored,
    /// A text and bytes, a number and a truth value make the same key.
    TypeTagIgnored,
    /// A map that was used whole is not part of an answer's references.
    WholeMapUnreferenced,
    /// Answers of any configuration are served.
    GenerationIgnored,
    /// Who waited for a call takes its answer without a look-up of its own.
    WaiterTakesAnothersAnswer,
    /// No map and a map without the key make the same key.
    AbsentMapTakenForEmpty,
    /// An answer from before an edit is stored as if it were from after it.
    OvertakenAnswerStored,
}

/// The references of an answer as the mutant lists them.
pub(crate) fn listed(
    mutant: Option<Mutant>,
    references: &References,
    bag: &impl Bag,
) -> References {
    let mut listed = References::new();
    for (name, key, condition) in references.iter() {
        let is_map = matches!(bag.get(name), Some(Value::StringMap(_)));
        let ignored = match mutant {
            Some(Mutant::AbsenceIgnored) => condition == Condition::Absence,
            Some(Mutant::MapKeyIgnored) => key.is_some(),
            Some(Mutant::WholeMapUnreferenced) => key.is_none() && is_map,
            _ => false,
        };
        if !ignored {
            listed.record(name, key, condition);
        }
    }
    listed
}

/// The bag as the mutant's keys see it.
pub(crate) struct Seen<'b, B> {
    pub(crate) bag: &'b B,
    pub(crate) mutant: Option<Mutant>,
}

impl<B: Bag> Bag for Seen<'_, B> {
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        let value = self.bag.get(name);
        if self.mutant != Some(Mutant::TypeTagIgnored) {
            return value;
        }
        value.map(|value| match value {
            Value::Bytes(bytes) => std::str::from_utf8(bytes).map_or(value, Value::String),
            Value::Bool(truth) => Value::Int64(truth.into()),
            _ => value,
        })
    }

    fn get_key(&self, name: &AttributeName, key: &str) -> KeyState<'_> {
        match self.bag.get_key(name, key) {
            KeyState::MapAbsent if self.mutant == Some(Mutant::AbsentMapTakenForEmpty) => {
                KeyState::KeyAbsent
            }
            state => state,
        }
    }
}
