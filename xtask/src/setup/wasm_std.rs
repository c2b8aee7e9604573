//! The standard library for WebAssembly, from the first source that works: the active toolchain,
//! `rustup target add`, or Debian's `rustc-web` with `rust-web-src`, which builds it from source.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::Layout;

use crate::command::{answer, clean, run_logged};
use crate::progress::{self, Step};
use crate::setup::apt;

/// What adapters are compiled for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

const WHAT: &str = "standard library for WebAssembly";
/// Set to `debian`, it forces that source, so that it can be tested where rustup works.
const FORCED_SOURCE: &str = "MIXMESH_GUEST_STD";
/// rustup waits for a server that accepts and never answers without a limit of its own.
const RUSTUP_LIMIT: Duration = Duration::from_secs(120);
const DEBIAN_PACKAGES: [&str; 2] = ["rustc-web", "rust-web-src"];
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";

/// Where the standard library for adapters comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum WasmStd {
    /// The toolchain that builds the rest.
    Toolchain,
    /// Debian's compiler, which builds it from its own source.
    Debian,
}

/// Finds the standard library, installing it if need be.
///
/// # Errors
/// When no source works; the text says what each of them answered.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<WasmStd> {
    if forced_to_debian() {
        install_debian(layout)?;
        return Ok(WasmStd::Debian);
    }
    if in_toolchain() {
        progress::already(WHAT);
        return Ok(WasmStd::Toolchain);
    }
    let rustup = add_by_rustup(layout);
    let Err(refusal) = rustup else { return Ok(WasmStd::Toolchain) };
    progress::note(&format!("{refusal:#}; trying Debian's compiler instead"));
    install_debian(layout)?;
    Ok(WasmStd::Debian)
}

/// How [`ensure_installed`] would go about it, without doing it; `None` when there is no way.
pub(crate) fn way() -> Option<&'static str> {
    if in_toolchain() && !forced_to_debian() {
        Some("in the toolchain")
    } else if debian_is_installed() {
        Some("Debian's rustc-web")
    } else if answer(clean("rustup").arg("--version")).is_some() && !forced_to_debian() {
        Some("rustup target add")
    } else if apt::is_usable() {
        Some("apt-get install rustc-web rust-web-src")
    } else {
        None
    }
}

/// Where adapters are compiled with `std`: what one compiler built must never mix with another's.
pub(crate) fn target_folder(layout: &Layout, std: WasmStd) -> PathBuf {
    layout.target().join("guests").join(match std {
        WasmStd::Toolchain => "toolchain",
        WasmStd::Debian => "debian",
    })
}

/// Makes `cargo` build for WebAssembly with `std`.
///
/// # Errors
/// When the linker is missing.
pub(crate) fn configure(cargo: &mut std::process::Command, std: WasmStd) -> Result<()> {
    cargo.args(["--target", TARGET]);
    if std == WasmStd::Debian {
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", DEBIAN_RUSTC)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", rust_lld()?);
    }
    Ok(())
}

fn forced_to_debian() -> bool {
    std::env::var_os(FORCED_SOURCE).is_some_and(|source| source == "debian")
}

/// An exit status of rustup does not tell: it may have added the target to another toolchain.
fn in_toolchain() -> bool {
    answer(clean("rustc").args(["--print", "target-libdir", "--target", TARGET]))
        .and_then(|folder| Path::new(&folder).read_dir().ok())
        .is_some_and(|files| {
            files.flatten().any(|file| file.file_name().as_encoded_bytes().starts_with(b"libstd-"))
        })
}

fn add_by_rustup(layout: &Layout) -> Result<()> {
    let mut step = Step::begin(format!("{WHAT}: rustup target add {TARGET}"));
    let mut rustup = clean("rustup");
    rustup
        .args(["target", "add", TARGET])
        .env("RUSTUP_MAX_RETRIES", "1")
        .env("RUST_BACKTRACE", "0");
    run_logged(&mut step, &mut rustup, RUSTUP_LIMIT, &layout.setup().join("rustup.log"))?;
    ensure!(in_toolchain(), "rustup added {TARGET} to another toolchain than the one in use");
    step.done("");
    Ok(())
}

fn debian_is_installed() -> bool {
    Path::new(DEBIAN_RUSTC).exists() && Path::new(DEBIAN_SOURCE).exists()
}

fn install_debian(layout: &Layout) -> Result<()> {
    let packages = DEBIAN_PACKAGES.join(" ");
    if debian_is_installed() {
        progress::already(&format!("{WHAT}: {packages}"));
        return Ok(());
    }
    let mut step = Step::begin(format!("{WHAT}: apt-get install {packages} (137 MB)"));
    apt::install(&mut step, &DEBIAN_PACKAGES, &layout.setup().join("rustc-web.log")).with_context(
        || format!("there is neither {TARGET} in the toolchain nor a working rustup"),
    )?;
    ensure!(debian_is_installed(), "{packages} are installed but left no {DEBIAN_SOURCE}");
    step.done("");
    Ok(())
}

/// Debian ships no `rust-lld`; that of the toolchain links WebAssembly of any compiler.
fn rust_lld() -> Result<PathBuf> {
    let sysroot =
        answer(clean("rustc").args(["--print", "sysroot"])).context("rustc has no sysroot")?;
    let folder = format!("lib/rustlib/{}-unknown-linux-gnu/bin", std::env::consts::ARCH);
    let linker = Path::new(&sysroot).join(folder).join("rust-lld");
    ensure!(linker.exists(), "the toolchain has no linker for WebAssembly at {}", linker.display());
    Ok(linker)
}
