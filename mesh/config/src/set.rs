use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use crate::{Problem, Resource, ResourceKey};

/// How new a configuration is: of two from one source, the higher is the newer. For a folder it is
/// the time of the newest change in nanoseconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Revision(pub u64);

impl fmt::Display for Revision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// All that is configured at one moment.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConfigSet {
    /// The resources that are in force.
    pub resources: BTreeMap<ResourceKey, Arc<Resource>>,
    /// Everything found wrong, sorted by place. What a problem belongs to is not in `resources`, or
    /// is there in the version before the mistake was made.
    pub problems: Vec<Problem>,
    /// How new it is.
    pub revision: Revision,
}
