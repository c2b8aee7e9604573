//! What a check costs: found in a sidecar, found in Mixer, or decided.

mod grpc;
mod key;
mod l1_hook;
mod l1_lookup;
mod mixer;
mod sidecar;
mod threads;
mod wire;

use anyhow::Result;

use crate::effort::Effort;
use crate::figures::Figures;
use crate::policy;

/// Measures all of them.
///
/// # Errors
/// When a part is missing or an operation fails.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    // Told at once, not when the first bench needs them.
    policy::adapters()?;
    let mut figures = Vec::new();
    figures.extend(l1_lookup::run(effort)?);
    figures.extend(l1_hook::run(effort)?);
    figures.extend(mixer::run(effort)?);
    figures.extend(grpc::run(effort)?);
    figures.extend(wire::run(effort)?);
    Ok(figures)
}
