//! JavaScript: componentize-js, which puts the program and SpiderMonkey into one component.
//!
//! It comes from npm into the project's `node_modules`, in the version that `package.json` pins, on the first
//! build; a folder above that has it already serves as well, as is usual in Node. The engine's own needs of
//! WASI – standard output, clocks, random numbers, HTTP – are switched off, so that a component imports
//! `mixmesh:host` and nothing else.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

use super::super::scaffold::render;
use super::super::vendored;
use super::tool::{above, answer, feed, on_path, run};
use super::{Language, NewProject, ProjectFile, Tool};

const GET_NODE: &str = "install Node.js 20 or newer with npm: https://nodejs.org \
                        (on Debian: apt-get install nodejs npm)";
const COMPONENTIZE: &str = "node_modules/@bytecodealliance/componentize-js/package.json";

const FILES: [(&str, &str); 3] = [
    (".gitignore", include_str!("../../../templates/js/gitignore")),
    ("package.json", include_str!("../../../templates/js/package.json.jinja")),
    ("adapter.js", include_str!("../../../templates/js/adapter.js.jinja")),
];

/// Reads `adapter.js` and `wit` in the working folder; the argument is the component to write.
const BUILD: &str = include_str!("js_build.mjs");

pub(super) fn files(new: &NewProject) -> Result<Vec<ProjectFile>> {
    let mut files = render(new, Language::Js, &FILES)?;
    files.extend(vendored::wit(new));
    Ok(files)
}

pub(super) fn build(name: &str, folder: &Path) -> Result<Vec<u8>> {
    ensure!(on_path("node").is_some(), "node is missing: {GET_NODE}");
    if above(folder, COMPONENTIZE).is_none() {
        ensure!(on_path("npm").is_some(), "npm is missing: {GET_NODE}");
        let mut npm = Command::new("npm");
        npm.args(["install", "--no-audit", "--no-fund"]).current_dir(folder);
        run(&mut npm).context("npm cannot install componentize-js")?;
    }
    vendored::complete(folder).context("write wit/deps")?;
    let out = tempfile::tempdir()?;
    let component = out.path().join("component.wasm");
    let mut node = Command::new("node");
    node.args(["--input-type=module", "-"]).arg(&component).current_dir(folder);
    feed(&mut node, BUILD).with_context(|| format!("{name} does not compile, see above"))?;
    fs::read(&component).with_context(|| format!("{name}: componentize-js made no component"))
}

pub(super) fn tools() -> Vec<Tool> {
    let version =
        |program: &str| answer(Command::new(program).arg("--version").stdin(Stdio::null()));
    vec![
        Tool { name: "node", found: version("node"), remedy: GET_NODE },
        Tool { name: "npm", found: version("npm"), remedy: GET_NODE },
    ]
}
