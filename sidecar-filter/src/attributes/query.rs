use std::borrow::Cow;
use std::ops::Range;

use mesh_attributes::StringMap;
use smallvec::SmallVec;

/// Parameters that are kept; the rest of a hostile query is not looked at, by keys or messages.
const MAX_PARAMETERS: usize = 256;

/// The parameters of a request's query, split and not decoded, the first of each name: as the old
/// proxy read them, on which policies are written.
#[derive(Debug)]
pub struct QueryParameters<'h> {
    path: Cow<'h, str>,
    parameters: SmallVec<[Parameter; 8]>,
}

/// Where name and value stand in the path.
#[derive(Debug)]
struct Parameter {
    name: Range<usize>,
    value: Range<usize>,
}

impl<'h> QueryParameters<'h> {
    /// The parameters of `path`, which may have no query.
    pub fn parse(path: Cow<'h, str>) -> Self {
        let mut parameters = SmallVec::<[Parameter; 8]>::new();
        let mut start = path.find('?').map_or(path.len(), |mark| mark + 1);
        while start < path.len() && parameters.len() < MAX_PARAMETERS {
            let end = path[start..].find('&').map_or(path.len(), |mark| start + mark);
            let equals = path[start..end].find('=').map_or(end, |mark| start + mark);
            let name = &path[start..equals];
            let known = parameters.iter().any(|earlier| path[earlier.name.clone()] == *name);
            if start < end && !known {
                let value = (equals + 1).min(end)..end;
                parameters.push(Parameter { name: start..equals, value });
            }
            start = end + 1;
        }
        Self { path, parameters }
    }

    /// Whether there are none, in which case the attribute is absent.
    pub fn is_empty(&self) -> bool {
        self.parameters.is_empty()
    }

    fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.parameters.iter().map(|p| (&self.path[p.name.clone()], &self.path[p.value.clone()]))
    }
}

impl StringMap for QueryParameters<'_> {
    fn get(&self, key: &str) -> Option<&str> {
        self.iter().find(|(name, _)| *name == key).map(|(_, value)| value)
    }

    fn each(&self, f: &mut dyn FnMut(&str, &str)) {
        for (name, value) in self.iter() {
            f(name, value);
        }
    }
}
