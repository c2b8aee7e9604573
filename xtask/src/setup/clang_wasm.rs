//! clang with wasi-libc: that of the machine when it is whole, else Debian's packages unpacked below `target/`
//! with the libraries that a machine without clang lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path};
use crate::progress::{self, Step};
use crate::setup::{apt, link};

/// Debian 12's version of LLVM; the packages without a number depend on it.
const LLVM: &str = "14";
const PACKAGES: [&str; 13] = [
    "clang-14",
    "lld-14",
    "libclang-common-14-dev",
    "libclang-rt-14-dev-wasm32",
    "libclang-cpp14",
    "libclang1-14",
    "libllvm14",
    "wasi-libc",
    "libbsd0",
    "libedit2",
    "libmd0",
    "libxml2",
    "libz3-4",
];
/// Where Debian's wasi-libc is once it is installed.
const SYSROOT: &str = "/usr";

/// Finds or unpacks them.
///
/// # Errors
/// When there is no way to them.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    if Part::ClangWasm.is_present(layout) {
        progress::already("clang for WebAssembly");
        return Ok(());
    }
    let folder = layout.clang_wasm();
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    match installed() {
        Some(clang) => {
            fs::create_dir_all(folder.join("bin"))?;
            link(Path::new(SYSROOT), &folder.join("sysroot"))?;
            link(&clang, &folder.join("bin/clang"))
        }
        None => unpack(layout, &folder),
    }
}

/// The machine's clang, if all that it needs for WebAssembly is there too.
fn installed() -> Option<PathBuf> {
    let clang = program_on_path("clang")?;
    program_on_path("wasm-ld")?;
    let mut ask = Command::new(&clang);
    let library = answer(ask.args(["--target=wasm32-wasi", "-print-libgcc-file-name"]))?;
    let is_whole = Path::new(SYSROOT).join("lib/wasm32-wasi/libc.a").exists();
    (is_whole && Path::new(&library).exists()).then_some(clang)
}

fn unpack(layout: &Layout, folder: &Path) -> Result<()> {
    let mut step = Step::begin("clang for WebAssembly: apt-get download (50 MB)");
    let log = layout.setup().join("clang-wasm.log");
    apt::unpack(&mut step, &PACKAGES, folder, &log)?;
    for package in fs::read_dir(folder)?.flatten().map(|entry| entry.path()) {
        if package.extension().is_some_and(|extension| extension == "deb") {
            fs::remove_file(package)?;
        }
    }
    link(Path::new("usr"), &folder.join("sysroot"))?;
    let bin = folder.join("bin");
    fs::create_dir(&bin)?;
    // clang looks for the linker in PATH.
    let program = folder.join(format!("usr/lib/llvm-{LLVM}/bin/clang"));
    let script = format!(
        "#!/bin/sh\nPATH='{}':\"$PATH\" LD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        folder.join("usr/bin").display(),
        libraries(folder)?.display(),
        program.display()
    );
    let trial = folder.join("clang");
    fs::write(&trial, script)?;
    fs::set_permissions(&trial, fs::Permissions::from_mode(0o755))?;
    let version = answer(Command::new(&trial).arg("--version"));
    ensure!(version.is_some(), "{} does not run", program.display());
    fs::rename(&trial, bin.join("clang"))?;
    step.done("");
    Ok(())
}

/// The folder of this machine's kind below `usr/lib`.
fn libraries(folder: &Path) -> Result<PathBuf> {
    let libraries = folder.join("usr/lib");
    let folders = fs::read_dir(&libraries)?.flatten().map(|entry| entry.path());
    let named = |path: &PathBuf| {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu"))
    };
    folders
        .into_iter()
        .find(named)
        .with_context(|| format!("no libraries in {}", libraries.display()))
}
