use std::fs;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::Layout;

use crate::{adapters, command::run_shown};

/// What the demo and the tests run besides Envoy.
const PROGRAMS: [&str; 4] = ["mixer", "meshctl", "sidecar-filter", "greeter"];
/// What users get.
const RELEASED: [(&str, &str); 3] =
    [("mixer", "mixer"), ("meshctl", "meshctl"), ("sidecar-filter", "libsidecar_filter.so")];

/// `cargo xtask build`: leaves `target/release/{mixer,meshctl,libsidecar_filter.so}` and
/// `target/adapters/*.wasm`.
///
/// # Errors
/// When something does not build.
pub(crate) fn release(layout: &Layout) -> Result<()> {
    adapters::run(layout)?;
    let mut cargo = cargo(layout, "build");
    cargo.arg("--release");
    for (package, _) in RELEASED {
        cargo.args(["--package", package]);
    }
    run_shown(&mut cargo)?;
    let built = layout.cargo_target().join("release");
    let promised = layout.target().join("release");
    // Cargo may have been told to build elsewhere; users look where the documents say.
    fs::create_dir_all(&promised)?;
    for (_, file) in RELEASED {
        let (built, promised) = (built.join(file), promised.join(file));
        if built != promised {
            fs::copy(&built, &promised).with_context(|| format!("copy {}", built.display()))?;
        }
        eprintln!("  ✓ {}", promised.display());
    }
    Ok(())
}

/// Builds the programs that the demo and the tests run, in the profile of both.
///
/// # Errors
/// When something does not build.
pub(crate) fn development(layout: &Layout) -> Result<()> {
    eprintln!("  · compiling Mixer and the filter; the first time this takes minutes …");
    let mut cargo = cargo(layout, "build");
    for package in PROGRAMS {
        cargo.args(["--package", package]);
    }
    run_shown(&mut cargo)?;
    ensure!(layout.filter_library().is_ok(), "cargo left no libsidecar_filter.so");
    Ok(())
}

/// `cargo COMMAND` in the workspace, building where this program was built.
pub(crate) fn cargo(layout: &Layout, command: &str) -> Command {
    let mut cargo = Command::new("cargo");
    cargo.arg(command).env("CARGO_TARGET_DIR", layout.cargo_target()).current_dir(layout.root());
    cargo
}
