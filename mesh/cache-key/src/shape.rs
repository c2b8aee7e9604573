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

#[cfg(test)]
mod tests {
    use mesh_attributes::AttributeBag;

    use super::*;

    fn references(list: &[(&str, Option<&str>, Condition)]) -> References {
        let mut references = References::new();
        for (name, key, condition) in list {
            references.record(&AttributeName::new(name), *key, *condition);
        }
        references
    }

    #[test]
    fn a_pattern_or_too_many_probes_make_no_shape() {
        assert_eq!(Shape::of(&references(&[("a", None, Condition::Regex)])), None);
        let names: Vec<String> = (0..=MAX_PROBES).map(|i| i.to_string()).collect();
        let list: Vec<_> = names.iter().map(|n| (n.as_str(), None, Condition::Exact)).collect();
        assert_eq!(Shape::of(&references(&list)), None);
        assert!(Shape::of(&references(&list[1..])).is_some());
    }

    #[test]
    fn a_shape_leaves_conditions_out() {
        let present = Shape::of(&references(&[("a", Some("k"), Condition::Exact)]));
        let absent = Shape::of(&references(&[("a", Some("k"), Condition::Absence)]));
        assert!(present.is_some());
        assert_eq!(present, absent);
    }

    #[test]
    fn an_answer_to_another_bag_does_not_agree() {
        let bag = AttributeBag::new().with("path", "/").with("headers", [("a", "")]);
        for (name, key, condition, agrees) in [
            ("path", None, Condition::Exact, true),
            ("path", None, Condition::Absence, false),
            ("size", None, Condition::Exact, false),
            ("size", None, Condition::Absence, true),
            ("headers", Some("a"), Condition::Exact, true),
            ("headers", Some("a"), Condition::Absence, false),
            ("headers", Some("b"), Condition::Exact, false),
            ("headers", Some("b"), Condition::Absence, true),
            // An absent map is not a map without the key, nor is a text.
            ("claims", Some("a"), Condition::Absence, false),
            ("path", Some("a"), Condition::Absence, false),
        ] {
            let references = references(&[(name, key, condition)]);
            let shape = Shape::of(&references).expect("no pattern is in it");
            assert_eq!(shape.agrees(&references, &bag), agrees, "{name} {key:?} {condition:?}");
        }
    }

    #[test]
    fn references_of_another_shape_do_not_agree() {
        let bag = AttributeBag::new().with("path", "/");
        let shape = Shape::of(&references(&[("path", None, Condition::Exact)]));
        let other = references(&[("size", None, Condition::Absence)]);
        assert!(!shape.expect("no pattern is in it").agrees(&other, &bag));
    }
}
