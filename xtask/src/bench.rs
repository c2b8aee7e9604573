use std::path::PathBuf;
use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use crate::command::run_shown;
use crate::preflight::{self, Purpose};
use crate::{adapters, build, setup};

/// The bench that calls a Mixer in a process of its own.
const OF_MIXER: &str = "mixer";
/// The bench that has Envoy and a Mixer in processes of their own.
const OF_CACHE: &str = "cache";
/// The bench that has a whole mesh.
const OF_EDITS: &str = "edits";
/// The bench that has `meshctl` measure.
const OF_ADAPTERS: &str = "adapters";

/// Which benchmark to run.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Its name, such as `cache` or `mixer`
    name: String,
    /// Also write the figures to this file, as JSON
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Where `bench cache` writes its page; by default target/bench/cache.html
    #[arg(long, value_name = "FILE")]
    page: Option<PathBuf>,
    /// Run everything in a few seconds; the times then mean nothing
    #[arg(long)]
    smoke: bool,
    /// The program `mixs` of Istio 1.4, which `bench mixer` then measures in the same run
    #[arg(long, value_name = "PATH")]
    peer_mixs: Option<PathBuf>,
}

/// `cargo xtask bench NAME`: in release, but a smoke run takes what the tests have built.
///
/// # Errors
/// When there is no benchmark of that name, or it fails.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    ensure!(
        options.peer_mixs.is_none() || options.name == OF_MIXER,
        "--peer-mixs belongs to `bench {OF_MIXER}`"
    );
    ensure!(
        options.page.is_none() || options.name == OF_CACHE,
        "--page belongs to `bench {OF_CACHE}`"
    );
    preflight::check(layout, Purpose::Tests)?;
    adapters::run(layout)?;
    let mut cargo = build::cargo(layout, "build");
    cargo.args(["--quiet", "--package", "benches"]);
    if options.name == OF_ADAPTERS {
        cargo.args(["--package", "meshctl", "--package", "mixer"]);
    }
    if options.name == OF_CACHE {
        cargo.args(["--package", "mixer", "--package", "sidecar-filter"]);
    }
    if options.name == OF_EDITS {
        cargo.args(["--package", "mixer", "--package", "sidecar-filter", "--package", "greeter"]);
    }
    if options.name == OF_MIXER {
        cargo.args(["--package", "mixer"]);
        // A bench that misses it is left out, and says so.
        setup::parts(layout, &[Part::Redis], false);
    }
    let profile = if options.smoke { "debug" } else { "release" };
    if !options.smoke {
        cargo.arg("--release");
    }
    run_shown(&mut cargo)?;
    let mut bench = Command::new(layout.cargo_target().join(profile).join("bench"));
    bench.arg(&options.name);
    if let Some(file) = &options.json {
        bench.arg("--json").arg(std::path::absolute(file)?);
    }
    if let Some(file) = &options.page {
        bench.arg("--page").arg(std::path::absolute(file)?);
    }
    if let Some(program) = &options.peer_mixs {
        bench.arg("--peer-mixs").arg(std::path::absolute(program)?);
    }
    if options.smoke {
        bench.arg("--smoke");
    }
    run_shown(&mut bench)
}
