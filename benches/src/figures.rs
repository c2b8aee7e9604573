use anyhow::{Result, bail};
use serde::Serialize;

/// What was measured of one subject.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Figures {
    /// The bench's name.
    pub(crate) name: &'static str,
    /// Half of the operations took at most so long.
    pub(crate) p50_ns: f64,
    /// All but one in a hundred took at most so long.
    pub(crate) p99_ns: f64,
    /// Allocations of one operation: the mean.
    pub(crate) allocs: f64,
    /// Operations that were timed.
    pub(crate) n: u64,
    /// Operations that were timed together.
    #[serde(skip)]
    pub(crate) batch: u32,
    /// What others report for the same work.
    #[serde(skip)]
    pub(crate) elsewhere: &'static str,
    /// How often the operation may allocate, if anything was promised.
    #[serde(skip)]
    pub(crate) promised_allocations: Option<u32>,
}

/// Holds the figures against what was promised of allocations.
///
/// # Errors
/// When a promise is broken; all that are stand in the text.
pub(crate) fn check_promises(figures: &[Figures]) -> Result<()> {
    let broken: Vec<String> = figures
        .iter()
        .filter_map(|f| {
            let promised = f.promised_allocations.filter(|p| f.allocs > f64::from(*p))?;
            Some(format!(
                "{} allocates {:.3} times, at most {promised} were promised",
                f.name, f.allocs
            ))
        })
        .collect();
    if broken.is_empty() {
        return Ok(());
    }
    bail!("{}", broken.join("; "))
}
