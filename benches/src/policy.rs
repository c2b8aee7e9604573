use std::path::PathBuf;

use adapter_host::{AdapterHost, HostOptions};
use anyhow::{Context, Result, ensure};
use mesh_config::read_folder;
use mixer::{DEFAULT_ROOT_NAMESPACE, Metrics, Mixer, PolicyBuilder};
use tempfile::TempDir;
use testbed::Layout;

/// Another folder of adapters than the checkout's.
const FOLDER_VARIABLE: &str = "MIXMESH_ADAPTERS";

/// What the policy of the benches needs.
const ADAPTERS: [&str; 3] = ["denier", "list", "prometheus"];

/// The folder of adapters, which holds all that the benches need.
///
/// # Errors
/// When one is missing: which, and how to get it.
pub(crate) fn adapters() -> Result<PathBuf> {
    let folder = std::env::var_os(FOLDER_VARIABLE)
        .map_or_else(|| Layout::of_checkout().adapters(), PathBuf::from);
    for name in ADAPTERS {
        let file = folder.join(name).with_extension("wasm");
        ensure!(
            file.is_file(),
            "adapter {} is missing: run cargo xtask adapters, or set {FOLDER_VARIABLE}",
            file.display()
        );
    }
    Ok(folder)
}

/// A folder with the policy of the benches.
pub(crate) fn config() -> Result<TempDir> {
    let folder = tempfile::tempdir().context("make a folder for the configuration")?;
    std::fs::write(folder.path().join("policy.yaml"), include_str!("policy.yaml"))
        .context("write the configuration")?;
    Ok(folder)
}

/// A Mixer with the policy of the benches, without its front ends.
///
/// # Errors
/// When an adapter is missing or the policy has a mistake.
pub(crate) async fn mixer(cache_bytes: u64) -> Result<Mixer> {
    let metrics = Metrics::new();
    let config = config()?;
    let host = AdapterHost::new(HostOptions::default())?;
    let mut builder =
        PolicyBuilder::new(host, adapters()?, DEFAULT_ROOT_NAMESPACE, metrics.clone());
    let policy = builder.build(&read_folder(config.path())?).await;
    ensure!(policy.problems().is_empty(), "the benches' policy: {:?}", policy.problems());
    Ok(Mixer::new(policy, cache_bytes, metrics, None))
}
