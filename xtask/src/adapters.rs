//! Builds the workspace `adapters/` to WebAssembly components.

use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::Layout;

use crate::command::clean;
use crate::setup::wasm_std::{self, WasmStd};

/// Adapters of this folder misbehave on purpose; they are for tests and lie apart from the others.
const FOR_TESTS: &str = "testing";

/// A compiled adapter, not yet a component.
struct Module {
    wasm: PathBuf,
    for_tests: bool,
}

/// Builds every adapter and leaves `target/adapters/NAME.wasm` and `target/adapters/testing/NAME.wasm`,
/// and no other components. Cheap when nothing changed.
///
/// # Errors
/// When there is no standard library for WebAssembly or an adapter does not build.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let started = Instant::now();
    let std = wasm_std::ensure_installed(layout)?;
    let modules = compile(layout, std)?;
    let folder = layout.adapters();
    let mut made = BTreeSet::new();
    for module in &modules {
        made.insert(componentize(module, &folder)?);
    }
    for stale in components(&folder)?.difference(&made) {
        fs::remove_file(stale).with_context(|| format!("remove {}", stale.display()))?;
    }
    let names: Vec<_> =
        made.iter().filter_map(|path| path.file_stem()).map(|n| n.to_string_lossy()).collect();
    eprintln!("  ✓ adapters: {} ({:.1} s)", names.join(" "), started.elapsed().as_secs_f64());
    Ok(())
}

fn compile(layout: &Layout, std: WasmStd) -> Result<Vec<Module>> {
    let source = layout.root().join("adapters");
    let mut cargo = clean("cargo");
    cargo
        .args(["build", "--release", "--workspace", "--message-format", "json-render-diagnostics"])
        .arg("--manifest-path")
        .arg(source.join("Cargo.toml"))
        .env("CARGO_TARGET_DIR", wasm_std::target_folder(layout, std))
        .current_dir(layout.root())
        .stdout(Stdio::piped());
    wasm_std::configure(&mut cargo, std)?;
    let mut child = cargo.spawn().context("start cargo for the adapters")?;
    let messages = child.stdout.take().context("cargo's messages")?;
    let mut modules = Vec::new();
    for line in BufReader::new(messages).lines() {
        let message: Value = serde_json::from_str(&line?).context("read a message of cargo")?;
        modules.extend(module_of(&message, &source));
    }
    let status = child.wait()?;
    ensure!(status.success(), "the adapters do not build, see above");
    Ok(modules)
}

fn module_of(message: &Value, source: &Path) -> Option<Module> {
    let is_adapter = message["reason"] == "compiler-artifact"
        && message["target"]["kind"].as_array()?.iter().any(|kind| kind == "cdylib");
    let wasm = message["filenames"].as_array()?.iter().filter_map(Value::as_str).map(PathBuf::from);
    let wasm = wasm.into_iter().find(|file| file.extension().is_some_and(|end| end == "wasm"))?;
    let manifest = Path::new(message["manifest_path"].as_str()?);
    let for_tests = manifest.strip_prefix(source).ok()?.starts_with(FOR_TESTS);
    is_adapter.then_some(Module { wasm, for_tests })
}

/// Writes by rename and only when the component changed: a running Mixer may be watching.
fn componentize(module: &Module, folder: &Path) -> Result<PathBuf> {
    let name = module.wasm.file_name().context("a module has a file name")?;
    let name = name.to_string_lossy().replace('_', "-");
    let folder = if module.for_tests { folder.join(FOR_TESTS) } else { folder.to_owned() };
    let path = folder.join(name);
    let component = wit_component::ComponentEncoder::default()
        .module(&fs::read(&module.wasm)?)
        .and_then(|encoder| encoder.validate(true).encode())
        .with_context(|| format!("make a component of {}", module.wasm.display()))?;
    if fs::read(&path).is_ok_and(|present| present == component) {
        return Ok(path);
    }
    fs::create_dir_all(&folder)?;
    // Whoever runs Mixer may be another user than whoever built it.
    let readable = fs::Permissions::from_mode(0o644);
    let mut fresh = tempfile::Builder::new().permissions(readable).tempfile_in(&folder)?;
    std::io::Write::write_all(&mut fresh, &component)?;
    fresh.persist(&path).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

fn components(folder: &Path) -> Result<BTreeSet<PathBuf>> {
    let mut found = BTreeSet::new();
    for folder in [folder.to_owned(), folder.join(FOR_TESTS)] {
        let Ok(files) = folder.read_dir() else { continue };
        for file in files {
            let path = file?.path();
            if path.extension().is_some_and(|end| end == "wasm") {
                found.insert(path);
            }
        }
    }
    Ok(found)
}
