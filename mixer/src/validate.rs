use std::path::PathBuf;

use adapter_host::{AdapterHost, HostOptions};
use mesh_attributes::AttributeBag;
use mesh_config::{Problem, read_files};

use crate::metrics::Metrics;
use crate::policy::{Policy, PolicyBuilder};
use crate::serve::default_adapters;
use crate::service::Mixer;

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
    Ok(compile(files, adapters, root_namespace).await?.problems().to_vec())
}

/// What the rules in some files make of a request.
#[derive(Debug)]
pub struct Explained {
    /// As [`Mixer::explain`] tells it.
    pub explanation: serde_json::Value,
    /// The mistakes in the files.
    pub problems: Vec<Problem>,
}

/// What the rules in `files` make of a request with the attributes of `bag`. Counters of quotas are not
/// asked.
///
/// # Errors
/// As [`validate`].
pub async fn explain(
    files: &[PathBuf],
    adapters: Option<PathBuf>,
    root_namespace: &str,
    bag: &AttributeBag,
) -> anyhow::Result<Explained> {
    let policy = compile(files, adapters, root_namespace).await?;
    let problems = policy.problems().to_vec();
    let explanation = Mixer::new(policy, 0, Metrics::new(), None).explain(bag).await;
    Ok(Explained { explanation, problems })
}

async fn compile(
    files: &[PathBuf],
    adapters: Option<PathBuf>,
    root_namespace: &str,
) -> anyhow::Result<Policy> {
    let config = read_files(files);
    let adapters = adapters.map_or_else(default_adapters, Ok)?;
    // What is only looked at opens no log file.
    let host = AdapterHost::new(HostOptions {
        open_streams: false,
        compile_limit: HostOptions::PATIENT,
        ..HostOptions::default()
    })?;
    let builder = PolicyBuilder::new(host, adapters, root_namespace, Metrics::new());
    let mut builder = builder.asking_nobody();
    Ok(builder.build(&config).await)
}
