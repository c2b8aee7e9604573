use anyhow::{Result, bail};
use serde::{Serialize, Serializer};

use crate::subject::{Allocations, Promise};

/// What was measured of one subject.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// The bench's name.
    pub(crate) name: &'static str,
    /// Half of the operations took at most so long.
    pub(crate) p50_ns: f64,
    /// All but one in a hundred took at most so long.
    pub(crate) p99_ns: f64,
    /// Allocations of one operation.
    #[serde(serialize_with = "usual")]
    pub(crate) allocs: Allocations,
    /// Operations that were timed.
    pub(crate) n: u64,
    /// Operations that were timed together.
    #[serde(skip)]
    pub(crate) batch: u32,
    /// What others report for the same work.
    #[serde(skip)]
    pub(crate) elsewhere: &'static str,
    /// What was promised of its allocations.
    #[serde(skip)]
    pub(crate) promise: Option<Promise>,
}

/// Holds the figures against what was promised of allocations.
///
/// # Errors
/// When a promise is broken; all that are stand in the text.
pub(crate) fn check_promises(figures: &[Figures]) -> Result<()> {
    let broken: Vec<String> = figures
        .iter()
        .filter_map(|f| {
            let promise = f.promise.filter(|promise| !promise.holds(f.allocs))?;
            let Allocations { usual, most } = f.allocs;
            Some(format!(
                "{} allocates {usual} times, at worst {most}; promised is {promise:?}",
                f.name
            ))
        })
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    bail!("{}", broken.join("; "))
}

fn usual<S: Serializer>(
    allocations: &Allocations,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_f64(allocations.usual)
}
