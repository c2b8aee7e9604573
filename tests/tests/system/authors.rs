//! What authors of adapters use: the tutorial, the contract and the cases of our own adapters, the tables of
//! parameters in their READMEs.

mod tutorial;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use testbed::Layout;

/// Set, it has the tables of parameters written instead of compared.
const UPDATE: &str = "MIXMESH_UPDATE_READMES";
const BEGIN: &str = "<!-- parameters -->\n";
const END: &str = "<!-- /parameters -->";

fn meshctl(layout: &Layout, arguments: &[&str]) -> Result<Output> {
    let mut meshctl = Command::new(layout.binary("meshctl")?);
    let caches = layout.cargo_target().join("adapter-cache-of-tests");
    let meshctl = meshctl.args(arguments).env("XDG_CACHE_HOME", caches).env("RUST_BACKTRACE", "0");
    Ok(meshctl.output()?)
}

fn told(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Our adapters: the component and the folder of the source.
fn ours(layout: &Layout) -> Result<Vec<(PathBuf, PathBuf)>> {
    let mut found = Vec::new();
    for file in layout.adapters().read_dir().context("run cargo xtask adapters")? {
        let component = file?.path();
        let Some(name) =
            component.file_stem().filter(|_| component.extension().is_some_and(|e| e == "wasm"))
        else {
            continue;
        };
        let source = layout.root().join("adapters").join(name);
        found.push((component, source));
    }
    ensure!(!found.is_empty(), "there are no adapters: run cargo xtask adapters");
    found.sort();
    Ok(found)
}

fn text(path: &Path) -> Result<&str> {
    path.to_str().context("a path is no UTF-8")
}

#[test]
fn every_adapter_of_ours_keeps_the_contract() -> Result<()> {
    let layout = Layout::of_checkout();
    for (component, source) in ours(&layout)? {
        let mut arguments = vec!["adapter", "check", text(&component)?];
        let cases = source.join("cases.yaml");
        if cases.is_file() {
            arguments.extend(["--cases", text(&cases)?]);
        }
        let checked = meshctl(&layout, &arguments)?;
        ensure!(checked.status.success(), "{}:\n{}", component.display(), told(&checked));
    }
    Ok(())
}

#[test]
fn a_component_that_breaks_the_contract_is_told_the_rule() -> Result<()> {
    let layout = Layout::of_checkout();
    let foreign = layout.adapters().join("testing/foreign.wasm");
    let checked = meshctl(&layout, &["adapter", "check", text(&foreign)?])?;
    ensure!(
        checked.status.code() == Some(1) && told(&checked).contains("✗ A-01"),
        "{}",
        told(&checked)
    );
    let trap = layout.adapters().join("testing/loop.wasm");
    let checked = meshctl(&layout, &["adapter", "check", text(&trap)?, "-o", "json"])?;
    ensure!(
        checked.status.code() == Some(1) && told(&checked).contains(r#""is":"broken""#),
        "{}",
        told(&checked)
    );
    Ok(())
}

#[test]
fn the_cases_of_our_adapters_pass_in_the_host() -> Result<()> {
    let layout = Layout::of_checkout();
    let mut suites = 0;
    for (component, source) in ours(&layout)? {
        let cases = source.join("cases.yaml");
        if !cases.is_file() {
            continue;
        }
        suites += 1;
        let arguments = ["adapter", "test", text(&component)?, "--cases", text(&cases)?];
        let tested = meshctl(&layout, &arguments)?;
        ensure!(tested.status.success(), "{}:\n{}", cases.display(), told(&tested));
        let cases = source.join("bench.yaml");
        let arguments =
            ["adapter", "bench", text(&component)?, "--cases", text(&cases)?, "--millis", "5"];
        let measured = meshctl(&layout, &arguments)?;
        let is_measured = measured.status.success() && told(&measured).contains("ns an element");
        ensure!(is_measured, "{}:\n{}", cases.display(), told(&measured));
    }
    ensure!(suites > 5, "only {suites} adapters have cases");
    Ok(())
}

#[test]
fn what_differs_is_shown_and_mistakes_in_cases_have_their_line() -> Result<()> {
    let layout = Layout::of_checkout();
    let denier = layout.adapters().join("denier.wasm");
    let folder = tempfile::tempdir()?;
    let cases = folder.path().join("cases.yaml");
    let run = |text: &str| -> Result<(Option<i32>, String)> {
        fs::write(&cases, text)?;
        let cases = cases.to_str().context("a path is no UTF-8")?;
        let arguments = ["adapter", "test", self::text(&denier)?, "--cases", cases];
        let tested = meshctl(&layout, &arguments)?;
        Ok((tested.status.code(), told(&tested)))
    };
    let gate =
        "instances: { gate: { template: checknothing } }\ncases:\n- name: it passes\n  calls:\n";
    let (code, shown) = run(&format!("{gate}  - check: gate\n    answer: {{ code: OK }}\n"))?;
    let difference = "      code\n        - OK\n        + FAILED_PRECONDITION\n0 passed, 1 failed";
    ensure!(code == Some(1) && shown.contains(difference), "{shown}");
    for (text, told) in [
        (
            format!("{gate}  - check: gat\n"),
            "cases.yaml:5: there is no instance gat, did you mean gate?",
        ),
        (
            format!("{gate}  - report: gate\n"),
            "cases.yaml:5: instance gate of template checknothing is not for `report`",
        ),
        (
            format!("{gate}  - check: gate\n    answer: {{ cod: OK }}\n"),
            "answer.cod: an answer has no such field, did you mean code?",
        ),
        (format!("{gate}  - check: gate\n    amout: 1\n"), "unknown field `amout`"),
        ("cases: []\n".to_owned(), "there are no cases"),
    ] {
        let (code, shown) = run(&text)?;
        ensure!(code == Some(1) && shown.contains(told), "expected {told}, was:\n{shown}");
    }
    Ok(())
}

#[test]
fn tables_of_parameters_in_readmes_are_those_of_the_components() -> Result<()> {
    let layout = Layout::of_checkout();
    for (component, source) in ours(&layout)? {
        let path = source.join("README.md");
        let Ok(readme) = fs::read_to_string(&path) else { continue };
        let Some((before, rest)) = readme.split_once(BEGIN) else { continue };
        let (table, after) =
            rest.split_once(END).with_context(|| format!("{} lacks {END}", path.display()))?;
        let inspected =
            meshctl(&layout, &["adapter", "inspect", text(&component)?, "-o", "markdown"])?;
        ensure!(inspected.status.success(), "{}", told(&inspected));
        let right = String::from_utf8(inspected.stdout)?;
        if std::env::var_os(UPDATE).is_some() {
            fs::write(&path, format!("{before}{BEGIN}{right}{END}{after}"))?;
            continue;
        }
        ensure!(
            table == right,
            "{} has other parameters than its component; run this test with {UPDATE}=1",
            path.display()
        );
    }
    Ok(())
}
