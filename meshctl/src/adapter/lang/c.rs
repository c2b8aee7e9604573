//! C: clang with wasi-libc. `wit-bindgen-c` writes the bindings and `wit-component` makes the component, both
//! as libraries.
//!
//! What clang needs besides – the headers and libraries of wasi-libc, the compiler's run time, `wasm-ld` – is
//! in Debian's packages and in the WASI SDK. A program that prints or reads the environment imports WASI,
//! by way of the usual adapter for it; others import `mixmesh:host` alone.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, anyhow, ensure};
use wasi_preview1_component_adapter_provider::{
    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME, WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
};
use wit_bindgen_core::Files;
use wit_bindgen_core::wit_parser::Resolve;

use super::super::scaffold::render;
use super::super::vendored;
use super::tool::{answer, on_path, run};
use super::{Language, NewProject, ProjectFile, Tool};

const GET_CLANG: &str = "on Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32; elsewhere \
                         unpack the WASI SDK, put its bin folder first in PATH and set WASI_SYSROOT to its \
                         share/wasi-sysroot";
/// Names the folder with wasi-libc where it is in none of [`SYSROOTS`].
const SYSROOT_VARIABLE: &str = "WASI_SYSROOT";
/// Debian's place, and the usual one of the WASI SDK.
const SYSROOTS: [&str; 2] = ["/usr", "/opt/wasi-sdk/share/wasi-sysroot"];
/// Where generated code goes, in the project's folder.
const GENERATED: &str = "generated";

const FILES: [(&str, &str); 4] = [
    (".gitignore", include_str!("../../../templates/c/gitignore")),
    ("app.c", include_str!("../../../templates/c/app.c.jinja")),
    ("json.c", include_str!("../../../../examples/adapters/c/json.c")),
    ("json.h", include_str!("../../../../examples/adapters/c/json.h")),
];

pub(super) fn files(new: &NewProject) -> Result<Vec<ProjectFile>> {
    let mut files = render(new, Language::C, &FILES)?;
    files.extend(vendored::wit(new));
    Ok(files)
}

pub(super) fn build(name: &str, folder: &Path) -> Result<Vec<u8>> {
    ensure!(on_path("clang").is_some(), "clang is missing; {GET_CLANG}");
    let sysroot = sysroot().with_context(|| format!("wasi-libc is missing; {GET_CLANG}"))?;
    vendored::complete(folder).context("write wit/deps")?;
    generate(folder)?;
    let out = tempfile::tempdir()?;
    let module = out.path().join("core.wasm");
    let mut clang = Command::new("clang");
    clang
        .args(["--target=wasm32-wasi", "-mexec-model=reactor", "-O2", "-std=c11"])
        .args(["-Wall", "-Wextra", "-I", GENERATED])
        .arg(format!("--sysroot={}", sysroot.display()))
        .args(sources(folder)?)
        .arg(Path::new(GENERATED).join("adapter.c"))
        .arg(Path::new(GENERATED).join("adapter_component_type.o"))
        .arg("-o")
        .arg(&module)
        .current_dir(folder);
    run(&mut clang).with_context(|| format!("{name} does not compile, see above"))?;
    wit_component::ComponentEncoder::default()
        .module(&fs::read(&module)?)
        .and_then(|encoder| {
            encoder
                .adapter(
                    WASI_SNAPSHOT_PREVIEW1_ADAPTER_NAME,
                    WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER,
                )?
                .validate(true)
                .encode()
        })
        .with_context(|| format!("make a component of {name}"))
}

pub(super) fn tools() -> Vec<Tool> {
    let version = |program: &str| answer(Command::new(program).arg("--version"));
    let libc = sysroot().map(|folder| folder.display().to_string());
    let library = ["--target=wasm32-wasi", "-print-libgcc-file-name"];
    let builtins = answer(Command::new("clang").args(library)).filter(|f| Path::new(f).exists());
    vec![
        Tool { name: "clang", found: version("clang"), remedy: GET_CLANG },
        Tool { name: "wasm-ld", found: version("wasm-ld"), remedy: GET_CLANG },
        Tool { name: "wasi-libc", found: libc, remedy: GET_CLANG },
        Tool { name: "the run time of clang for wasm32", found: builtins, remedy: GET_CLANG },
    ]
}

fn sysroot() -> Option<PathBuf> {
    let given = std::env::var_os(SYSROOT_VARIABLE).map(PathBuf::from);
    let has_libc = |folder: &PathBuf| {
        ["lib/wasm32-wasi/libc.a", "lib/wasm32-wasip1/libc.a"]
            .iter()
            .any(|library| folder.join(library).exists())
    };
    given.into_iter().chain(SYSROOTS.map(PathBuf::from)).find(has_libc)
}

/// All C files of the project's folder itself, sorted.
fn sources(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut sources = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let name = PathBuf::from(entry?.file_name());
        if name.extension().is_some_and(|extension| extension == "c") {
            sources.push(name);
        }
    }
    sources.sort();
    ensure!(!sources.is_empty(), "{} has no file that ends in .c", folder.display());
    Ok(sources)
}

/// Writes the bindings for the world `adapter` of the folder `wit`.
fn generate(folder: &Path) -> Result<()> {
    let wit = folder.join("wit");
    let mut resolve = Resolve::default();
    let (package, _) =
        resolve.push_path(&wit).with_context(|| format!("read {}", wit.display()))?;
    let world = resolve
        .select_world(&[package], Some("adapter"))
        .with_context(|| format!("find the world `adapter` in {}", wit.display()))?;
    let mut files = Files::default();
    wit_bindgen_c::Opts::default()
        .build()
        .generate(&mut resolve, world, &mut files)
        .map_err(|cause| anyhow!("the bindings cannot be written: {cause:#}"))?;
    let generated = folder.join(GENERATED);
    fs::create_dir_all(&generated)?;
    for (name, content) in files.iter() {
        let path = generated.join(name);
        fs::write(&path, content).with_context(|| format!("write {}", path.display()))?;
    }
    Ok(())
}
