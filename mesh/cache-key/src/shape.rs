use mesh_attributes::{AttributeName, Bag, Condition, KeyState, References};

/// How many probes a shape may have. A namespace whose rules read a hundred headers still fits; an
/// answer that depends on more is dearer to look up than is worth it, and is not cached.
pub const MAX_PROBES: usize = 256;

/// What to read of a request to know whether a cached answer is its own: the names and keys that an
/// answer referenced, sorted and unique, without their conditions and values.
///
/// Answers of one set of rules have few shapes, because rules read the same attributes of most
/// requests.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Shape {
    probes: Box<[Probe]>,
}

/// One thing to read: an attribute, or one key of a map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Probe {
    name: AttributeName,
    key: Option<Box<str>>,
}

impl Shape {
    /// The shape of an answer with these references. `None` when the answer must not be cached: a
    /// pattern counts in it, or it references more than [`MAX_PROBES`].
    pub fn of(references: &References) -> Option<Self> {
        let cacheable = references.len() <= MAX_PROBES
            && references.iter().all(|(_, _, condition)| condition != Condition::Regex);
        cacheable.then(|| Self {
            probes: references
                .iter()
                .map(|(name, key, _)| Probe { name: name.clone(), key: key.map(Into::into) })
                .collect(),
        })
    }

    /// The probes, sorted by name, then key.
    pub fn probes(&self) -> &[Probe] {
        &self.probes
    }

    /// Whether an answer with these references is an answer to `bag`: the shape is theirs and every
    /// condition holds in the bag. An answer for which this is false must not be stored: whoever gave
    /// it read another bag.
    pub fn agrees<B: Bag + ?Sized>(&self, references: &References, bag: &B) -> bool {
        references.len() == self.probes.len()
            && references.iter().zip(&self.probes).all(|((name, key, condition), probe)| {
                probe.name == *name && probe.key() == key && holds(bag, name, key, condition)
            })
    }
}

impl Probe {
    /// The attribute to read.
    pub fn name(&self) -> &AttributeName {
        &self.name
    }

    /// The key to read of it, or `None` for the whole attribute.
    pub fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }
}

fn holds<B: Bag + ?Sized>(
    bag: &B,
    name: &AttributeName,
    key: Option<&str>,
    condition: Condition,
) -> bool {
    match (key, condition) {
        (_, Condition::Regex) => false,
        (None, Condition::Exact) => bag.get(name).is_some(),
        (None, Condition::Absence) => bag.get(name).is_none(),
        (Some(key), Condition::Exact) => matches!(bag.get_key(name, key), KeyState::Value(_)),
        (Some(key), Condition::Absence) => bag.get_key(name, key) == KeyState::KeyAbsent,
    }
}
