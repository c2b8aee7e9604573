//! Python: componentize-py, which puts the program and CPython into one component.
//!
//! It comes from PyPI into the project's `.venv`, in the version that `requirements.txt` pins, on the first
//! build; a folder above that has one serves as well. CPython asks for WASI, which the host links to an empty
//! context.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use super::super::scaffold::render;
use super::super::vendored;
use super::tool::{above, answer, on_path, run};
use super::{Language, NewProject, ProjectFile, Tool};

const GET_PYTHON: &str = "install Python 3.10 or newer with venv and pip: https://python.org \
                          (on Debian: apt-get install python3-venv)";
const COMPONENTIZE: &str = ".venv/bin/componentize-py";

const FILES: [(&str, &str); 3] = [
    (".gitignore", include_str!("../../../templates/python/gitignore")),
    ("requirements.txt", include_str!("../../../templates/python/requirements.txt")),
    ("app.py", include_str!("../../../templates/python/app.py.jinja")),
];

pub(super) fn files(new: &NewProject) -> Result<Vec<ProjectFile>> {
    let mut files = render(new, Language::Python, &FILES)?;
    files.extend(vendored::wit(new));
    Ok(files)
}

pub(super) fn build(name: &str, folder: &Path) -> Result<Vec<u8>> {
    let componentize = match above(folder, COMPONENTIZE) {
        Some(present) => present,
        None => install(folder)?,
    };
    vendored::complete(folder).context("write wit/deps")?;
    let out = tempfile::tempdir()?;
    let component = out.path().join("component.wasm");
    let mut python = Command::new(componentize);
    python
        .args(["-q", "-d", "wit", "-w", "adapter", "componentize", "app", "-p", ".", "-o"])
        .arg(&component)
        .current_dir(folder);
    run(&mut python).with_context(|| format!("{name} does not compile, see above"))?;
    fs::read(&component).with_context(|| format!("{name}: componentize-py made no component"))
}

/// Makes the project's virtual environment and installs what it requires.
fn install(folder: &Path) -> Result<PathBuf> {
    ensure!(on_path("python3").is_some(), "python3 is missing: {GET_PYTHON}");
    let mut venv = Command::new("python3");
    venv.args(["-m", "venv", ".venv"]).current_dir(folder);
    run(&mut venv).with_context(|| format!("no virtual environment can be made; {GET_PYTHON}"))?;
    let venv = fs::canonicalize(folder.join(".venv"))?;
    let mut pip = Command::new(venv.join("bin/python"));
    pip.args(["-m", "pip", "install", "-q", "-r", "requirements.txt"]).current_dir(folder);
    run(&mut pip).context("pip cannot install componentize-py")?;
    above(folder, COMPONENTIZE)
        .context("requirements.txt does not name componentize-py, which makes the component")
}

pub(super) fn tools() -> Vec<Tool> {
    let python = |arguments: &[&str]| answer(Command::new("python3").args(arguments));
    let has_venv = python(&["-c", "import venv, ensurepip; print('with the interpreter')"]);
    vec![
        Tool { name: "python3", found: python(&["--version"]), remedy: GET_PYTHON },
        Tool { name: "venv and pip", found: has_venv, remedy: GET_PYTHON },
    ]
}
