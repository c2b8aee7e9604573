//! What a check costs: found in a sidecar, found in Mixer, or decided.

mod expression;
mod key;
mod l1_lookup;
mod wire;

use anyhow::Result;

use crate::effort::Effort;
use crate::figures::Figures;

/// Measures all of them.
///
/// # Errors
/// When a part is missing or an operation fails.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let mut figures = Vec::new();
    figures.extend(l1_lookup::run(effort)?);
    figures.extend(wire::run(effort)?);
    figures.extend(expression::run(effort)?);
    Ok(figures)
}
