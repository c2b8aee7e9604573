//! Installs what the demo and the tests need, all of it below `target/`. Each step is skipped when it
//! is done; a step that was interrupted starts again.

mod apt;
mod chromium;
mod clang_wasm;
mod componentize_js;
mod componentize_py;
pub(crate) mod envoy;
mod etcd;
mod go;
mod kube_apiserver;
mod npm;
mod otel_collector;
mod package;
mod prometheus;
mod redis;
mod registry;
pub(crate) mod wasm_std;
mod zipkin;

use std::fs::{self, File};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};
use testbed::{Layout, Part};

use crate::preflight::{self, Purpose};
use crate::{adapters, progress};

/// What to set up.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Also install Java, Maven and Node.js from the distribution, what compiles adapters in C, JavaScript and
    /// Python, and a browser; a missing part is a failure
    #[arg(long)]
    all: bool,
}

/// `cargo xtask setup`.
///
/// # Errors
/// When something that the mesh needs cannot be had; with `--all` also when another part cannot.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    preflight::check(layout, Purpose::Setup)?;
    mesh(layout)?;
    let mut wanted = vec![
        Part::Chromium,
        Part::Etcd,
        Part::FluentServer,
        Part::Prometheus,
        Part::Redis,
        Part::StatsD,
        Part::Zipkin,
    ];
    if options.all {
        wanted.extend(Part::LANGUAGES);
    }
    let missing = parts(layout, &wanted, options.all);
    ensure!(missing.is_empty() || !options.all, "{} parts are missing, see above", missing.len());
    Ok(())
}

/// Envoy and the adapters, without which there is no mesh.
///
/// # Errors
/// When one of them cannot be had.
pub(crate) fn mesh(layout: &Layout) -> Result<()> {
    ensure!(parts(layout, &[Part::Envoy], false).is_empty(), "there is no mesh without Envoy");
    adapters::run(layout)
}

/// Installs parts of the machine; `with_runtimes` also what they run on, from the distribution, and what is
/// large. Returns those that cannot be had, having said why and how to get them.
pub(crate) fn parts(layout: &Layout, wanted: &[Part], with_runtimes: bool) -> Vec<Part> {
    let lock = lock(layout);
    let install = |part: Part| match part {
        Part::Chromium => chromium::ensure_installed(layout, with_runtimes),
        Part::ClangWasm => clang_wasm::ensure_installed(layout),
        Part::ComponentizeJs => componentize_js::ensure_installed(layout),
        Part::ComponentizePy => componentize_py::ensure_installed(layout),
        Part::Envoy => envoy::ensure_installed(layout),
        Part::Etcd => etcd::ensure_installed(layout),
        Part::FluentServer => {
            let package = "@fluent-org/logger";
            npm::ensure_installed(layout, part, package, "1.0.10", with_runtimes)
        }
        Part::KubeApiserver => kube_apiserver::ensure_built(layout),
        Part::OtelCollector => otel_collector::ensure_built(layout),
        Part::Prometheus => prometheus::ensure_installed(layout),
        Part::Redis => redis::ensure_installed(layout),
        Part::Registry => registry::ensure_built(layout),
        Part::StatsD => npm::ensure_installed(layout, part, "statsd", "0.9.0", with_runtimes),
        Part::Zipkin => zipkin::ensure_installed(layout, with_runtimes),
    };
    let mut missing = Vec::new();
    for part in wanted {
        let outcome =
            lock.as_ref().map_err(|cause| anyhow!("{cause:#}")).and_then(|_| install(*part));
        if let Err(cause) = outcome {
            progress::note(&format!(
                "no {}: {cause:#}; to get it, {}",
                part.name(),
                part.how_to_get()
            ));
            missing.push(*part);
        }
    }
    missing
}

/// Two set-ups at once would install over each other.
fn lock(layout: &Layout) -> Result<File> {
    fs::create_dir_all(layout.setup())?;
    let path = layout.setup().join("lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    if file.try_lock().is_err() {
        progress::note("another set-up is running, waiting for it");
        file.lock().with_context(|| format!("lock {}", path.display()))?;
    }
    Ok(file)
}

/// Makes `link` point to `program`.
fn link(program: &Path, link: &Path) -> Result<()> {
    if link.symlink_metadata().is_ok() {
        fs::remove_file(link)?;
    }
    std::os::unix::fs::symlink(program, link)
        .with_context(|| format!("link {} to {}", link.display(), program.display()))
}
