//! What an expression costs on a request that was just read off the wire: each function and operator in
//! each language that has it, and a match as policies have it beside the same match written in Rust and
//! in the crate `cel`.

mod matches;
mod operations;

use anyhow::Result;

use crate::effort::Effort;
use crate::figures::Figures;

/// Measures all of them.
///
/// # Errors
/// When an expression does not yield what it is known to.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let mut figures = matches::run(effort)?;
    figures.extend(operations::run(effort)?);
    Ok(figures)
}
