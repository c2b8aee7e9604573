//! Rust: `cargo` for `wasm32-unknown-unknown`, then `wit-component` as a library.
//!
//! The standard library for that target comes with the toolchain once rustup has added it. Where there is
//! no rustup, Debian's `rustc-web` builds it from `rust-web-src`, linked by the toolchain's own linker.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::super::scaffold::render;
use super::super::vendored;
use super::tool::{answer, on_path};
use super::{Language, NewProject, ProjectFile, Tool};

const TARGET: &str = "wasm32-unknown-unknown";
const DEBIAN_RUSTC: &str = "/usr/bin/rustc";
const DEBIAN_SOURCE: &str = "/usr/lib/rustlib/src/rust/library/Cargo.lock";
const GET_RUST: &str = "install Rust 1.95 or newer: https://rustup.rs";
const GET_STD: &str = "rustup target add wasm32-unknown-unknown \
                       (without rustup, on Debian: apt-get install rustc-web rust-web-src)";

/// What the environment has set for another build and must not reach this one. `CARGO_TARGET_DIR` may.
const FOREIGN_VARIABLES: [&str; 8] = [
    "CARGO_BUILD_RUSTFLAGS",
    "CARGO_BUILD_TARGET",
    "CARGO_ENCODED_RUSTFLAGS",
    "LLVM_PROFILE_FILE",
    "RUSTC",
    "RUSTC_WORKSPACE_WRAPPER",
    "RUSTC_WRAPPER",
    "RUSTFLAGS",
];

/// The files that each project has.
const FILES: [(&str, &str); 5] = [
    (".gitignore", include_str!("../../../templates/rust/gitignore")),
    ("Cargo.toml", include_str!("../../../templates/rust/Cargo.toml.jinja")),
    ("src/lib.rs", include_str!("../../../templates/rust/src/lib.rs.jinja")),
    ("src/parameters.rs", include_str!("../../../templates/rust/src/parameters.rs.jinja")),
    ("src/tests.rs", include_str!("../../../templates/rust/src/tests.rs.jinja")),
];

/// For projects that report.
const COUNTERS: (&str, &str) =
    ("src/counters.rs", include_str!("../../../templates/rust/src/counters.rs.jinja"));

macro_rules! modules {
    ($($name:literal),+) => {
        [$((
            $name,
            concat!("src/", $name, ".rs"),
            include_str!(concat!("../../../templates/rust/src/", $name, ".rs.jinja")),
        )),+]
    };
}

/// A module for each template.
const MODULES: [(&str, &str, &str); 12] = modules!(
    "apikey",
    "authorization",
    "checknothing",
    "edge",
    "keyval",
    "kubernetes",
    "listentry",
    "logentry",
    "metric",
    "quota",
    "reportnothing",
    "tracespan"
);

/// Where the standard library comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum WasmStd {
    Toolchain,
    Debian,
}

pub(super) fn files(new: &NewProject) -> Result<Vec<ProjectFile>> {
    let mut templates = FILES.to_vec();
    if new.reports() {
        templates.push(COUNTERS);
    }
    let chosen = |name: &str| new.templates.iter().any(|template| template.name() == name);
    templates.extend(
        MODULES.iter().filter(|(name, ..)| chosen(name)).map(|(_, path, text)| (*path, *text)),
    );
    let mut files = render(new, Language::Rust, &templates)?;
    files.extend(vendored::sdk());
    Ok(files)
}

pub(super) fn build(name: &str, folder: &Path) -> Result<Vec<u8>> {
    ensure!(on_path("cargo").is_some(), "cargo is missing: {GET_RUST}");
    let std = wasm_std()
        .with_context(|| format!("the standard library for WebAssembly is missing: {GET_STD}"))?;
    let module = compile(folder, std)?;
    let module = fs::read(&module).with_context(|| format!("read {}", module.display()))?;
    wit_component::ComponentEncoder::default()
        .module(&module)
        .and_then(|encoder| encoder.validate(true).encode())
        .with_context(|| format!("make a component of {name}"))
}

pub(super) fn tools() -> Vec<Tool> {
    let library = match wasm_std() {
        Some(WasmStd::Toolchain) => Some("in the toolchain".to_owned()),
        Some(WasmStd::Debian) => Some(DEBIAN_SOURCE.to_owned()),
        None => None,
    };
    vec![
        Tool { name: "cargo", found: answer(cargo().arg("--version")), remedy: GET_RUST },
        Tool { name: "std for wasm32-unknown-unknown", found: library, remedy: GET_STD },
    ]
}

fn cargo() -> Command {
    let mut cargo = Command::new("cargo");
    for name in FOREIGN_VARIABLES {
        cargo.env_remove(name);
    }
    cargo
}

fn wasm_std() -> Option<WasmStd> {
    let mut rustc = Command::new("rustc");
    let folder = answer(rustc.args(["--print", "target-libdir", "--target", TARGET]));
    let has_std = |files: fs::ReadDir| {
        files.flatten().any(|file| file.file_name().as_encoded_bytes().starts_with(b"libstd-"))
    };
    if folder.and_then(|folder| fs::read_dir(folder).ok()).is_some_and(has_std) {
        return Some(WasmStd::Toolchain);
    }
    let debian = [DEBIAN_RUSTC, DEBIAN_SOURCE].iter().all(|file| Path::new(file).exists());
    debian.then_some(WasmStd::Debian)
}

/// Runs cargo and returns the module of the project's own package.
fn compile(folder: &Path, std: WasmStd) -> Result<PathBuf> {
    let mut cargo = cargo();
    cargo
        .args(["build", "--release", "--lib", "--target", TARGET])
        .args(["--message-format", "json-render-diagnostics"])
        .current_dir(folder)
        .stdout(Stdio::piped());
    if std == WasmStd::Debian {
        cargo
            .arg("-Zbuild-std=std,panic_abort")
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTC", DEBIAN_RUSTC)
            .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", rust_lld()?);
    }
    let mut child = cargo.spawn().context("start cargo")?;
    let messages = child.stdout.take().context("cargo's messages")?;
    let manifest = fs::canonicalize(folder)
        .with_context(|| format!("find {}", folder.display()))?
        .join("Cargo.toml");
    let mut module = None;
    for line in BufReader::new(messages).lines() {
        let message: Value = serde_json::from_str(&line?).context("read a message of cargo")?;
        module = module_of(&message, &manifest).or(module);
    }
    let status = child.wait()?;
    ensure!(status.success(), "{} does not compile, see above", folder.display());
    match module {
        Some(module) => Ok(module),
        None => bail!(
            "{}: cargo made no WebAssembly module; crate-type of [lib] must be [\"cdylib\"]",
            manifest.display()
        ),
    }
}

fn module_of(message: &Value, manifest: &Path) -> Option<PathBuf> {
    let is_ours = message["reason"] == "compiler-artifact"
        && Path::new(message["manifest_path"].as_str()?) == manifest;
    let files = message["filenames"].as_array()?.iter().filter_map(Value::as_str);
    let wasm = files.map(PathBuf::from).find(|file| file.extension() == Some("wasm".as_ref()))?;
    is_ours.then_some(wasm)
}

/// Debian ships no `rust-lld`; that of the toolchain links WebAssembly of any compiler.
fn rust_lld() -> Result<PathBuf> {
    let sysroot = answer(Command::new("rustc").args(["--print", "sysroot"]))
        .context("rustc has no sysroot")?;
    let folder = format!("lib/rustlib/{}-unknown-linux-gnu/bin", std::env::consts::ARCH);
    let linker = Path::new(&sysroot).join(folder).join("rust-lld");
    ensure!(linker.exists(), "the toolchain has no linker for WebAssembly at {}", linker.display());
    Ok(linker)
}
