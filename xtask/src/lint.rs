use anyhow::Result;
use testbed::Layout;

use crate::command::{clean, run_shown};
use crate::setup::wasm_std::{self, WasmStd};
use crate::{arrows, build};

/// `cargo xtask lint`: formatting and lints of both workspaces, and who depends on whom.
///
/// # Errors
/// At the first that is not as it should be.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    arrows::check(layout.root())?;
    let adapters = layout.root().join("adapters/Cargo.toml");
    for manifest in [layout.root().join("Cargo.toml"), adapters.clone()] {
        run_shown(
            clean("cargo").args(["fmt", "--all", "--check", "--manifest-path"]).arg(manifest),
        )?;
    }
    let strict = ["--", "-D", "warnings"];
    run_shown(build::cargo(layout, "clippy").args(["--workspace", "--all-targets"]).args(strict))?;
    // Clippy is of the toolchain: it cannot read what another compiler built.
    if wasm_std::ensure_installed(layout)? == WasmStd::Toolchain {
        let mut clippy = clean("cargo");
        clippy.args(["clippy", "--workspace", "--manifest-path"]).arg(adapters);
        clippy.env("CARGO_TARGET_DIR", wasm_std::target_folder(layout, WasmStd::Toolchain));
        wasm_std::configure(&mut clippy, WasmStd::Toolchain)?;
        run_shown(clippy.args(strict))?;
    }
    Ok(())
}
