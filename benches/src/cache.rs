//! What a check costs: found in a sidecar, found in Mixer, or decided; how many are found where; and what
//! of it a request through Envoy feels.

mod grpc;
mod key;
mod l1_hook;
mod l1_lookup;
mod mixer;
pub(crate) mod open_loop;
mod page;
mod proxies;
mod servers;
mod sidecar;
mod summary;
mod sweep;
mod threads;
mod through_envoy;
mod wire;

use std::fs::{self, File};
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;
use testbed::Layout;

use crate::effort::Effort;
use crate::figures::{self, Figures};
use crate::policy;

/// All that was measured, as `--json` writes it.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// One operation after the other, in the bench's own process.
    operations: Vec<Figures>,
    /// Which level answered.
    levels: Vec<sweep::Row>,
    /// Through Envoy; empty where there is none.
    proxies: Vec<through_envoy::Row>,
    #[serde(skip)]
    is_believable: bool,
}

/// Measures all of it, prints the tables and writes the page, by default to `target/bench/cache.html`.
///
/// # Errors
/// When a part is missing, an operation fails, a file cannot be written, or a promise about allocations is
/// broken.
pub(crate) fn run(effort: &Effort, page: Option<PathBuf>, json: Option<File>) -> Result<()> {
    // Told at once, not when the first bench needs them.
    policy::adapters()?;
    let layout = Layout::of_checkout();
    let page = page.unwrap_or_else(|| layout.target().join("bench/cache.html"));
    if let Some(folder) = page.parent() {
        fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    }
    let mut operations = Vec::new();
    operations.extend(l1_lookup::run(effort)?);
    operations.extend(l1_hook::run(effort)?);
    operations.extend(mixer::run(effort)?);
    operations.extend(grpc::run(effort)?);
    operations.extend(wire::run(effort)?);
    let levels = sweep::run(effort)?;
    let proxies = if layout.envoy().exists() { through_envoy::run(effort)? } else { Vec::new() };
    let is_believable = effort.is_believable;
    let measured = Measured { operations, levels, proxies, is_believable };
    print!("{}", summary::render(&measured, effort));
    fs::write(&page, page::render(&measured, effort))
        .with_context(|| format!("write {}", page.display()))?;
    println!("plots: {}", page.display());
    if let Some(file) = json {
        serde_json::to_writer_pretty(file, &measured).context("write the figures")?;
    }
    figures::check_promises(&measured.operations)
}
