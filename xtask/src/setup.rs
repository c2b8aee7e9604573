//! Installs what the demo and the tests need, all of it below `target/`. Each step is skipped when it
//! is done; a step that was interrupted starts again.

pub(crate) mod envoy;
pub(crate) mod wasm_std;

use std::fs::{self, File};

use anyhow::{Context, Result};
use testbed::Layout;

use crate::{adapters, preflight, progress};

/// What to set up.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {}

/// Checks the machine, then installs.
///
/// # Errors
/// When something that the mesh needs cannot be had.
pub(crate) fn run(layout: &Layout, _options: &Options) -> Result<()> {
    preflight::check(layout, true)?;
    let _lock = lock(layout)?;
    envoy::ensure_installed(layout)?;
    adapters::run(layout)
}

/// Two set-ups at once would install over each other.
fn lock(layout: &Layout) -> Result<File> {
    fs::create_dir_all(layout.setup())?;
    let path = layout.setup().join("lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        progress::note("another set-up is running, waiting for it");
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
}
