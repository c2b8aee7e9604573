//! `cargo xtask demo`: the whole mesh on this machine, with real traffic, for people to look at; with
//! `--once` a bounded run that judges itself.

mod backends;
mod edits;
mod endpoints;
mod outage;
pub(crate) mod screenshots;
mod stock;
mod stop;
mod summary;
mod traffic;

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use testbed::{ENVOY_VERSION, FailPolicy, Layout, Mesh, MeshOptions, Part, WORKERS, require_free};

use self::backends::Backends;
use self::stop::Stop;
use self::summary::Summary;
use crate::preflight::{self, Purpose};
use crate::{build, setup};

/// The share of the requests that go to the new version of the service, in percent.
const V2_PERCENT: u32 = 10;

/// How the demo runs.
#[derive(Debug, clap::Args)]
pub(crate) struct Options {
    /// Make one bounded run, judge it, write target/demo/summary.json, stop everything
    #[arg(long)]
    once: bool,
    /// What the sidecar does with a request that Mixer gives no verdict on
    #[arg(long, value_enum, default_value_t = Policy::Closed)]
    fail_policy: Policy,
    /// Port of the sidecar (any free one by default, as below)
    #[arg(long, value_name = "PORT")]
    proxy_port: Option<u16>,
    /// Port of Envoy's admin pages
    #[arg(long, value_name = "PORT")]
    envoy_admin_port: Option<u16>,
    /// Port of Mixer's gRPC
    #[arg(long, value_name = "PORT")]
    mixer_grpc_port: Option<u16>,
    /// Port of Mixer's health, metrics and debugging pages
    #[arg(long, value_name = "PORT")]
    mixer_http_port: Option<u16>,
    /// Port where Prometheus scrapes the series of the adapters
    #[arg(long, value_name = "PORT")]
    prometheus_metrics_port: Option<u16>,
}

/// As the command line spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Policy {
    /// It refuses the request
    Closed,
    /// It lets the request through
    Open,
}

impl From<Policy> for FailPolicy {
    fn from(policy: Policy) -> Self {
        match policy {
            Policy::Closed => Self::Closed,
            Policy::Open => Self::Open,
        }
    }
}

/// Runs the demo until Ctrl-C, or once.
///
/// # Errors
/// When something cannot be set up or started; with `--once` also when something is not as it should be.
pub(crate) fn run(layout: &Layout, options: &Options) -> Result<()> {
    eprintln!("mixmesh demo: set-up");
    preflight::check(layout, Purpose::Mesh)?;
    setup::mesh(layout)?;
    setup::parts(layout, &[Part::Prometheus, Part::Zipkin], false);
    build::development(layout)?;

    let folder = layout.target().join("demo");
    let _alone = only_demo(&folder)?;
    clear(&folder)?;
    copy_config(layout, &folder.join("config"))?;
    let stop = Stop::on_signals(&folder)?;

    eprintln!("\nmixmesh demo: start");
    let mut mesh_options = mesh_options(layout, &folder, options)?;
    let backends = Backends::start(layout, &folder, &mut mesh_options)?;
    let mut mesh = mesh_options.start()?;
    introduce(&mesh);

    let mut summary = Summary::new(traffic::run(&mesh)?);
    summary.trace = backends.show(summary.requests())?;
    summary.edit_to_enforcement = Some(edits::run(&mesh)?);
    let (stock_envoy, stock) = stock::run(&mesh)?;
    summary.stock = Some(stock);
    if options.once {
        drop(stock_envoy);
        let (outage, recovery) = outage::run(&mut mesh)?;
        summary.add_outage(outage, recovery);
        summary.write(&folder.join("summary.json"))?;
        mesh.stop()?;
        return summary.judge();
    }

    endpoints::write(&folder, &mesh, &stock_envoy, &backends)?;
    endpoints::print(&mesh, &stock_envoy, &backends)?;
    stop.wait()?;
    eprintln!("\nmixmesh demo: stop");
    endpoints::remove(&folder)?;
    mesh.stop()
}

fn mesh_options(layout: &Layout, folder: &Path, options: &Options) -> Result<MeshOptions> {
    let mut mesh = MeshOptions::new(layout, folder)?;
    mesh.fail_policy(options.fail_policy.into()).second_version(V2_PERCENT);
    let given = |port: Option<u16>, address: &mut SocketAddr| -> Result<()> {
        if let Some(port) = port {
            *address = require_free(SocketAddr::from((Ipv4Addr::LOCALHOST, port)))?;
        }
        Ok(())
    };
    let envoy = mesh.envoy_addresses();
    given(options.proxy_port, &mut envoy.proxy)?;
    given(options.envoy_admin_port, &mut envoy.admin)?;
    let mixer = mesh.mixer();
    given(options.mixer_grpc_port, &mut mixer.grpc)?;
    given(options.mixer_http_port, &mut mixer.http)?;
    given(options.prometheus_metrics_port, &mut mixer.prometheus)?;
    Ok(mesh)
}

/// Held while a demo runs: two would write the same files.
fn only_demo(folder: &Path) -> Result<File> {
    fs::create_dir_all(folder)?;
    let path = folder.join("lock");
    let file = File::create(&path).with_context(|| format!("create {}", path.display()))?;
    ensure!(
        file.try_lock().is_ok(),
        "a demo of this checkout is running; stop it with Ctrl-C first"
    );
    Ok(file)
}

/// Removes what an earlier run left, `endpoints.json` first of all.
fn clear(folder: &Path) -> Result<()> {
    endpoints::remove(folder)?;
    for entry in folder.read_dir()?.flatten() {
        let path = entry.path();
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(&path)
        } else if path.file_name().is_some_and(|name| name == "lock") {
            Ok(())
        } else {
            fs::remove_file(&path)
        }
        .with_context(|| format!("remove {}", path.display()))?;
    }
    Ok(())
}

/// Mixer reads a copy, so that edits leave the tracked files alone.
fn copy_config(layout: &Layout, to: &Path) -> Result<()> {
    fs::create_dir_all(to)?;
    let from: PathBuf = layout.demo_config();
    for file in from.read_dir().with_context(|| format!("read {}", from.display()))? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}

fn introduce(mesh: &Mesh) {
    let v1 = 100 - V2_PERCENT;
    println!(
        "\n  client → Envoy {ENVOY_VERSION}, {WORKERS} workers, sidecar filter → greeter v1 ({v1} %), v2 ({V2_PERCENT} %)\n           \
         ↳ Mixer, adapters denier, list, prometheus, quota, stdio, zipkin ← {}\n",
        mesh.config().display()
    );
}
