//! A registry of OCI artefacts, built from its Go module. A minute, once; only its own test tier asks for
//! it.

use std::fs;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use super::go::{self, Program};
use crate::progress::{self, Step};

/// As in `tests/backends/registry/go.mod`.
const VERSION: &str = "0.20.6";

/// Builds the registry unless that is done.
///
/// # Errors
/// When there is no Go, or it does not build.
pub(crate) fn ensure_built(layout: &Layout) -> Result<()> {
    if Part::Registry.is_present(layout) {
        progress::already("registry");
        return Ok(());
    }
    let mut step = Step::begin(format!("registry {VERSION}: go build (1 minute)"));
    let package = "github.com/google/go-containerregistry/cmd/registry";
    let program = Program { name: "registry", package, ldflags: "-s -w" };
    go::build(layout, &mut step, program, &layout.registry(), |binary| {
        // It has no option that tells its version.
        ensure!(fs::metadata(binary)?.len() > 0, "the built registry is empty");
        Ok(())
    })?;
    step.done("");
    Ok(())
}
