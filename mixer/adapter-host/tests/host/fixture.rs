use std::path::PathBuf;
use std::sync::Arc;

use adapter_host::{
    AdapterHost, Component, HandlerSpec, HostOptions, InstanceDecl, Limits, Template,
};
use serde_json::Value;

/// Where the compiled adapters lie: `MIXMESH_ADAPTERS`, or `target/adapters` of the workspace.
pub(crate) fn adapters() -> PathBuf {
    match std::env::var_os("MIXMESH_ADAPTERS") {
        Some(folder) => folder.into(),
        None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/adapters").into(),
    }
}

pub(crate) fn host() -> AdapterHost {
    AdapterHost::new(HostOptions { max_instances: 16, ..HostOptions::default() }).unwrap()
}

/// The adapter in `<adapters>/<name>.wasm`; the testing ones have the name `testing/…`.
pub(crate) fn load(host: &AdapterHost, name: &str) -> Arc<Component> {
    let file = adapters().join(name).with_extension("wasm");
    assert!(file.exists(), "{} is missing: run cargo xtask adapters", file.display());
    host.load(name, &file).unwrap()
}

pub(crate) fn spec(params: Value, instances: Vec<InstanceDecl>) -> HandlerSpec {
    HandlerSpec { name: "handler.default".to_owned(), params, instances, limits: Limits::default() }
}

pub(crate) fn instance(template: Template) -> InstanceDecl {
    InstanceDecl {
        name: format!("one.{template}.default"),
        template,
        fields: Vec::new(),
        value_type: None,
    }
}
