use mesh_attributes::{AttributeName, Bag, KeyState, Value};

/// Two bags as one: what the upper one has hides what is below it. A map is one value: its keys are not
/// mixed.
#[derive(Debug)]
pub(crate) struct Layered<'b, U: ?Sized, L: ?Sized> {
    pub(crate) upper: &'b U,
    pub(crate) lower: &'b L,
}

impl<U: Bag + ?Sized, L: Bag + ?Sized> Bag for Layered<'_, U, L> {
    fn get(&self, name: &AttributeName) -> Option<Value<'_>> {
        self.upper.get(name).or_else(|| self.lower.get(name))
    }

    fn get_key(&self, name: &AttributeName, key: &str) -> KeyState<'_> {
        match self.upper.get_key(name, key) {
            KeyState::MapAbsent => self.lower.get_key(name, key),
            state => state,
        }
    }
}

#[cfg(test)]
mod tests {
    use mesh_attributes::AttributeBag;

    use super::*;

    #[test]
    fn the_upper_bag_hides_the_lower_one_whole_values_at_a_time() {
        let upper = AttributeBag::new().with("a", "upper").with("m", [("k", "upper")]);
        let lower = AttributeBag::new()
            .with("a", "lower")
            .with("b", "lower")
            .with("m", [("other", "lower")])
            .with("n", [("k", "lower")]);
        let bag = Layered { upper: &upper, lower: &lower };
        let name = AttributeName::new;
        let text = |n: &str| match bag.get(&name(n)) {
            Some(Value::String(text)) => Some(text.to_owned()),
            _ => None,
        };
        assert_eq!(
            (text("a").as_deref(), text("b").as_deref(), text("c")),
            (Some("upper"), Some("lower"), None)
        );
        assert_eq!(bag.get_key(&name("m"), "k"), KeyState::Value("upper"));
        assert_eq!(bag.get_key(&name("m"), "other"), KeyState::KeyAbsent);
        assert_eq!(bag.get_key(&name("n"), "k"), KeyState::Value("lower"));
        assert_eq!(bag.get_key(&name("o"), "k"), KeyState::MapAbsent);
    }
}
