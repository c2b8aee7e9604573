use adapter_sdk::{Property, Value};

use crate::pattern::Pattern;

/// What a property must be.
#[derive(Debug)]
pub(crate) struct Wanted {
    /// As it is written.
    name: String,
    /// The map and the key within it, when the name is `map[key]`.
    element: Option<(String, String)>,
    /// Whether its text is a list with commas.
    is_list: bool,
    /// One of which must fit.
    patterns: Vec<Pattern>,
}

impl Wanted {
    pub(crate) fn new(name: &str, list_claims: &[String], patterns: Vec<Pattern>) -> Self {
        let element = name
            .strip_suffix(']')
            .and_then(|rest| rest.split_once('['))
            .map(|(map, key)| (map.to_owned(), key.to_owned()));
        let is_list = element.as_ref().is_some_and(|(_, key)| list_claims.contains(key));
        Self { name: name.to_owned(), element, is_list, patterns }
    }

    /// The names that an instance can give the property, or the map that it is an element of.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        let map = self.element.as_ref().map(|(map, _)| map.as_str());
        [self.name.as_str()].into_iter().chain(map)
    }

    /// Whether the property is there and fits. An empty one counts as absent: that is how expressions
    /// read a key that a map does not have.
    pub(crate) fn fits(&self, properties: &[Property]) -> bool {
        let named = |name: &str| {
            let at = properties.binary_search_by(|property| property.name.as_str().cmp(name));
            at.ok().map(|at| properties[at].value())
        };
        match named(&self.name) {
            Some(Value::Text(text)) => return self.fits_text(text),
            // A map as a whole is no text to compare.
            Some(Value::StringMap(_)) => return false,
            Some(other) => return self.fits_text(&other.to_string()),
            None => {}
        }
        let Some((map, key)) = &self.element else { return false };
        match named(map) {
            Some(Value::StringMap(map)) => map
                .iter()
                .find(|(name, _)| name == key)
                .is_some_and(|(_, text)| self.fits_text(text)),
            _ => false,
        }
    }

    fn fits_text(&self, text: &str) -> bool {
        let one =
            |text: &str| !text.is_empty() && self.patterns.iter().any(|pattern| pattern.fits(text));
        match self.is_list {
            true => elements(text).any(one),
            false => one(text),
        }
    }
}

/// The elements of a list, as Envoy and Mixer write lists in attributes.
pub(crate) fn elements(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').map(str::trim).filter(|element| !element.is_empty())
}
