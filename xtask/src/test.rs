use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, MISSING_PARTS, Part};

use crate::command::{clean, run_shown};
use crate::preflight::{self, Purpose};
use crate::{adapters, build, progress, setup};

/// Which tests to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// A part that is missing on this machine is a failure
    #[arg(long)]
    all: bool,
    /// Run one tier only
    #[arg(long, value_enum)]
    tier: Option<Tier>,
    /// Run the tests whose name has this text
    filter: Option<String>,
}

/// What a test needs to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Tier {
    /// Nothing but the code under test
    Unit,
    /// The real Envoy and a real Mixer
    System,
    /// A real Kubernetes API server, which is built with Go; not part of a run of all tests
    Kubernetes,
    /// A real OpenTelemetry Collector, which is built with Go; not part of a run of all tests
    Collector,
    /// A real registry of components, which is built with Go; not part of a run of all tests
    Registry,
}

impl Tier {
    /// What its tests need of the machine.
    fn parts(self) -> &'static [Part] {
        match self {
            Self::Unit => &[],
            Self::System => &[
                Part::Chromium,
                Part::Envoy,
                Part::Etcd,
                Part::FluentServer,
                Part::Prometheus,
                Part::Redis,
                Part::StatsD,
                Part::Zipkin,
            ],
            Self::Kubernetes => &[Part::Etcd, Part::KubeApiserver],
            Self::Collector => &[Part::OtelCollector],
            Self::Registry => &[Part::Registry],
        }
    }
}

/// The package of the system tests.
const SYSTEM: &str = "testbed";

/// `cargo xtask test`: sets up, runs the tests and ends with what could not be run.
///
/// # Errors
/// When a test fails; with `--all` also when a part is missing.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    preflight::check(layout, Purpose::Tests)?;
    adapters::run(layout)?;
    if options.tier != Some(Tier::Unit) {
        // What is missing is noted by the tests that need it.
        let mut wanted = options.tier.unwrap_or(Tier::System).parts().to_vec();
        if options.all && options.tier != Some(Tier::Kubernetes) {
            wanted.extend(Part::LANGUAGES);
        }
        setup::parts(layout, &wanted, false);
        build::development(layout)?;
    }
    let notes = tempfile::tempdir()?;
    for tests in invocations(layout, options) {
        let mut tests = tests;
        run_shown(tests.env(MISSING_PARTS, notes.path()))?;
    }
    if options.tier.is_none() {
        progress::note(
            "not part of this run: the tests against a Kubernetes API server, `cargo xtask test \
             --tier kubernetes`; the one against an OpenTelemetry Collector, `cargo xtask test --tier \
             collector`; the one against a registry of components, `cargo xtask test --tier registry`",
        );
    }
    conclude(&Part::noted_missing(notes.path()), options.all)
}

/// The runs of cargo that make up the tests asked for.
fn invocations(layout: &Layout, options: &Options) -> Vec<Command> {
    let mut runs = Vec::new();
    let mut cargo_test = |arguments: &[&str]| {
        let mut cargo = build::cargo(layout, "test");
        cargo.args(arguments);
        runs.push(cargo);
    };
    match options.tier {
        // This program's own tests run apart: together with the rest it would be compiled anew, with
        // the features of all.
        None => cargo_test(&["--workspace", "--exclude", "xtask"]),
        Some(Tier::Unit) => cargo_test(&["--workspace", "--exclude", "xtask", "--exclude", SYSTEM]),
        Some(Tier::System) => cargo_test(&["--package", SYSTEM]),
        Some(Tier::Kubernetes) => cargo_test(&["--package", SYSTEM, "--test", "kubernetes"]),
        Some(Tier::Collector) => cargo_test(&[
            "--package",
            SYSTEM,
            "--test",
            "system",
            "otel_collector",
            "--",
            "--ignored",
        ]),
        Some(Tier::Registry) => {
            cargo_test(&["--package", SYSTEM, "--test", "system", "registry::", "--", "--ignored"]);
        }
    }
    if matches!(options.tier, None | Some(Tier::Unit)) {
        cargo_test(&["--package", "xtask"]);
        let mut adapters = clean("cargo");
        adapters
            .args(["test", "--workspace", "--manifest-path"])
            .arg(layout.root().join("adapters/Cargo.toml"))
            .env("CARGO_TARGET_DIR", layout.target().join("guests/native"));
        runs.push(adapters);
    }
    for run in &mut runs {
        run.args(&options.filter);
    }
    runs
}

fn conclude(missing: &[Part], all: bool) -> Result<()> {
    if missing.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> =
        missing.iter().map(|part| format!("{} – {}", part.name(), part.how_to_get())).collect();
    let text = format!("not run ({}): {}", missing.len(), lines.join("; "));
    ensure!(!all, "{text}");
    progress::note(&text);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_is_named_at_the_end_and_fails_only_where_all_are_wanted() {
        conclude(&[], true).unwrap();
        conclude(&[Part::Zipkin], false).unwrap();
        let refusal = conclude(&[Part::Prometheus, Part::Zipkin], true).unwrap_err().to_string();
        assert!(refusal.starts_with("not run (2): Prometheus – install it"), "{refusal}");
        assert!(refusal.contains("; Zipkin – install Java"), "{refusal}");
    }
}
