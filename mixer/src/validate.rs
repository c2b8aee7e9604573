use std::path::PathBuf;

use adapter_host::{AdapterHost, HostOptions};
use mesh_config::{Problem, read_files};

use crate::metrics::Metrics;
use crate::policy::PolicyBuilder;
use crate::serve::default_adapters;

/// All mistakes in `files`, found by compiling them just as [`serve`](crate::serve) does, adapters
/// included. Folders stand for the YAML files in them.
///
/// # Errors
/// When the adapter host cannot start. A file that cannot be read is a problem.
pub async fn validate(
    files: &[PathBuf],
    adapters: Option<PathBuf>,
    root_namespace: &str,
) -> anyhow::Result<Vec<Problem>> {
    let config = read_files(files);
    let adapters = adapters.map_or_else(default_adapters, Ok)?;
    // What is only looked at opens no log file.
    let host = AdapterHost::new(HostOptions { open_streams: false, ..HostOptions::default() })?;
    let mut builder = PolicyBuilder::new(host, adapters, root_namespace, Metrics::new());
    Ok(builder.build(&config).await.problems().to_vec())
}
