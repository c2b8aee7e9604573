use std::fmt;

use crate::Window;

/// What names one counter: a scope, a quota, the values of its dimensions and the window. A changed
/// window is another counter; a changed amount is not.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct CounterKey {
    /// Each part with its length before it, so that no two keys read the same.
    text: Box<str>,
    window: Window,
}

impl CounterKey {
    /// The counter of `quota` with these dimensions, in any order. Keys of different `scope` never meet:
    /// it is the name of the handler that counts.
    pub fn new<'a>(
        scope: &str,
        quota: &str,
        dimensions: impl IntoIterator<Item = (&'a str, &'a str)>,
        window: Window,
    ) -> Self {
        let mut dimensions: Vec<(&str, &str)> = dimensions.into_iter().collect();
        dimensions.sort_unstable();
        let mut text = String::with_capacity(64);
        let pairs = dimensions.iter().flat_map(|(name, value)| [*name, *value]);
        for part in [scope, quota].into_iter().chain(pairs) {
            push(&mut text, part);
        }
        Self { text: text.into(), window }
    }

    /// How long grants of this counter count.
    pub fn window(&self) -> Window {
        self.window
    }

    /// The parts but for the window.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Debug for CounterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {:?}", self.text, self.window)
    }
}

/// As a netstring.
fn push(text: &mut String, part: &str) {
    text.push_str(&part.len().to_string());
    text.push(':');
    text.push_str(part);
    text.push(',');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn key(quota: &str, dimensions: &[(String, String)]) -> CounterKey {
        let pairs = dimensions.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        CounterKey::new("h", quota, pairs, Window::Forever)
    }

    proptest! {
        /// Letters that keys are written with make up the parts.
        #[test]
        fn keys_are_equal_exactly_when_their_parts_are(
            one in ("[1:,;=a]{0,3}", prop::collection::btree_map("[1:,;=a]{0,3}", "[1:,;=a]{0,3}", 0..3)),
            two in ("[1:,;=a]{0,3}", prop::collection::btree_map("[1:,;=a]{0,3}", "[1:,;=a]{0,3}", 0..3)),
        ) {
            let pairs = |parts: &std::collections::BTreeMap<String, String>| {
                parts.clone().into_iter().collect::<Vec<_>>()
            };
            let equal = key(&one.0, &pairs(&one.1)) == key(&two.0, &pairs(&two.1));
            prop_assert_eq!(equal, one == two);
        }
    }

    #[test]
    fn the_order_of_dimensions_does_not_matter() {
        let ordered = [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())];
        let mut turned = ordered.clone();
        turned.reverse();
        assert_eq!(key("q", &ordered), key("q", &turned));
    }
}
