use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::Layout;

use super::Figure;

/// The test of each adapter that measures.
const TEST: &str = "bench::calls";
/// Read by `adapter_sdk::testing::bench`.
const MILLIS_VARIABLE: &str = "MIXMESH_BENCH_MILLIS";

/// The adapters compiled for this machine, each a program of tests.
pub(super) struct Natives(BTreeMap<String, PathBuf>);

impl Natives {
    /// Builds them: these alone in release, and else what the tests have built already.
    ///
    /// # Errors
    /// When they do not build.
    pub(super) fn build(layout: &Layout, adapters: &[String], is_release: bool) -> Result<Self> {
        let mut cargo = Command::new("cargo");
        cargo
            .args(["test", "--no-run", "--quiet"])
            .args(["--message-format", "json-render-diagnostics", "--manifest-path"])
            .arg(layout.root().join("adapters/Cargo.toml"))
            .env("CARGO_TARGET_DIR", layout.target().join("guests/native"))
            .current_dir(layout.root())
            .stderr(Stdio::inherit());
        if is_release {
            cargo.arg("--release");
            cargo.args(adapters.iter().flat_map(|adapter| ["--package", adapter]));
        } else {
            cargo.arg("--workspace");
        }
        let output = cargo.output().context("start cargo for the native adapters")?;
        ensure!(output.status.success(), "the adapters do not build natively, see above");
        let mut programs = BTreeMap::new();
        for line in String::from_utf8(output.stdout)?.lines() {
            let message: Value = serde_json::from_str(line).context("read a message of cargo")?;
            let (name, program) = (message["target"]["name"].as_str(), &message["executable"]);
            if let (Some(name), Some(program)) = (name, program.as_str()) {
                programs.insert(name.to_owned(), PathBuf::from(program));
            }
        }
        Ok(Self(programs))
    }

    /// Measures an adapter's calls.
    ///
    /// # Errors
    /// When it has no test for that, or a call fails.
    pub(super) fn measure(&self, adapter: &str, millis: u64) -> Result<Vec<Figure>> {
        let program = self.0.get(adapter).with_context(|| format!("{adapter} has no tests"))?;
        let output = Command::new(program)
            .args([TEST, "--exact", "--ignored", "--nocapture"])
            .env(MILLIS_VARIABLE, millis.to_string())
            .output()
            .with_context(|| format!("start {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let error = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "native {adapter}: {text}{error}");
        let figures = text.lines().filter(|line| line.starts_with('{')).map(Figure::read);
        let figures: Vec<Figure> = figures.collect::<Result<_>>()?;
        ensure!(
            !figures.is_empty(),
            "adapters/{adapter} has no test `{TEST}` that prints figures: write src/bench.rs"
        );
        Ok(figures)
    }
}
