use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use adapter_host::{AdapterHost, Component, HostOptions};
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::build::build;
use super::project::Project;

/// A component in a host of its own.
pub(crate) struct Loaded {
    pub(crate) host: AdapterHost,
    pub(crate) component: Arc<Component>,
    pub(crate) file: PathBuf,
    /// How long the host took to load it: compiling, unless it was in the cache.
    pub(crate) load_time: Duration,
}

/// Loads a component. One that was compiled before comes from a cache in the user's cache folder.
///
/// # Errors
/// When it cannot run in this host; the text says why.
pub(crate) fn load(file: &Path, cache_dir: Option<PathBuf>) -> Result<Loaded> {
    ensure!(file.is_file(), "{} is not there; `meshctl adapter build` makes one", file.display());
    let host = AdapterHost::new(HostOptions {
        cache_dir,
        compile_limit: HostOptions::PATIENT,
        ..HostOptions::default()
    })?;
    let name = file.file_stem().map(|name| name.to_string_lossy().into_owned());
    let name = name.with_context(|| format!("{} has no name", file.display()))?;
    let started = Instant::now();
    let component = host.load(&name, file)?;
    Ok(Loaded { host, component, file: file.to_owned(), load_time: started.elapsed() })
}

/// Where compiled components are kept from one run to the next; `None`: nowhere.
pub(crate) fn cache() -> Option<PathBuf> {
    let home = || Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache"));
    let caches = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(home)?;
    let folder = caches.join("mixmesh").join("adapters");
    std::fs::create_dir_all(folder.parent()?).ok()?;
    Some(folder)
}

/// The component that an argument means: a file, or a project, which is built first.
///
/// # Errors
/// When it is no project or does not compile.
pub(crate) fn component_of(target: &Path) -> Result<PathBuf> {
    if target.is_dir() { build(&Project::open(target)?) } else { Ok(target.to_owned()) }
}

/// The case file of an argument: the one named, or that of the project.
///
/// # Errors
/// When none is named and `target` is no project.
pub(crate) fn cases_of(target: &Path, named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        return Ok(named.to_owned());
    }
    ensure!(target.is_dir(), "name a case file by --cases");
    Ok(Project::open(target)?.cases())
}

/// Has a component write its lines to `file`, unless the parameters name another place or it has no such
/// parameter.
pub(crate) fn stream_to(component: &Component, parameters: &mut Value, file: &Path) {
    let schema: Value =
        serde_json::from_str(&component.description().parameters).unwrap_or_default();
    let knows = |name: &str| schema["properties"].get(name).is_some();
    let Some(map) = parameters.as_object_mut() else { return };
    let is_named = map.contains_key("log_stream") || map.contains_key("logStream");
    if knows("log_stream") && knows("output_path") && !is_named {
        map.insert("log_stream".to_owned(), "FILE".into());
        map.insert("output_path".to_owned(), file.display().to_string().into());
    }
}
