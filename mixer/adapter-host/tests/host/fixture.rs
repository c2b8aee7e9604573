use std::path::PathBuf;
use std::sync::Arc;

use adapter_host::{
    AdapterHost, BuildError, Component, Handler, HandlerSpec, HostOptions, InstanceDecl, Limits,
    Template,
};
use mesh_attributes::ValueType;
use serde_json::Value;

/// A handler to be built.
pub(crate) struct TestHandler {
    spec: HandlerSpec,
}

impl TestHandler {
    pub(crate) fn new(params: Value) -> Self {
        let limits = Limits::default();
        let name = "handler.default".to_owned();
        Self { spec: HandlerSpec { name, params, instances: Vec::new(), limits } }
    }

    pub(crate) fn named(mut self, name: &str) -> Self {
        self.spec.name = name.to_owned();
        self
    }

    pub(crate) fn with_limits(mut self, change: impl FnOnce(&mut Limits)) -> Self {
        change(&mut self.spec.limits);
        self
    }

    pub(crate) fn with_instance(self, template: Template) -> Self {
        self.with(InstanceDecl {
            name: format!("one.{template}.default"),
            template,
            fields: Vec::new(),
            value_type: None,
        })
    }

    pub(crate) fn with(mut self, instance: InstanceDecl) -> Self {
        self.spec.instances.push(instance);
        self
    }

    pub(crate) async fn try_build(
        self,
        host: &AdapterHost,
        adapter: &Arc<Component>,
    ) -> Result<Arc<Handler>, BuildError> {
        Handler::build(host, Arc::clone(adapter), self.spec).await
    }

    pub(crate) async fn build(self, host: &AdapterHost, adapter: &Arc<Component>) -> Arc<Handler> {
        self.try_build(host, adapter).await.unwrap()
    }

    pub(crate) async fn validate(
        self,
        host: &AdapterHost,
        adapter: &Arc<Component>,
    ) -> Result<(), BuildError> {
        Handler::validate(host, Arc::clone(adapter), self.spec).await
    }

    /// What the adapter finds wrong with the configuration.
    pub(crate) async fn problems(
        self,
        host: &AdapterHost,
        adapter: &Arc<Component>,
    ) -> Vec<String> {
        match self.validate(host, adapter).await {
            Err(BuildError::Refused { problems }) => {
                problems.iter().map(ToString::to_string).collect()
            }
            other => panic!("not refused: {other:?}"),
        }
    }
}

/// The file of an adapter, such as `denier` or `testing/trap`, in `MIXMESH_ADAPTERS` or else in
/// `target/adapters` of the workspace.
pub(crate) fn file(adapter: &str) -> PathBuf {
    let folder = match std::env::var_os("MIXMESH_ADAPTERS") {
        Some(folder) => PathBuf::from(folder),
        None => concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/adapters").into(),
    };
    let file = folder.join(adapter).with_extension("wasm");
    assert!(file.exists(), "{} is missing: run cargo xtask adapters", file.display());
    file
}

pub(crate) fn options() -> HostOptions {
    HostOptions { max_instances: 16, compile_limit: HostOptions::PATIENT, ..HostOptions::default() }
}

/// A host that finds adapters compiled by the tests before.
pub(crate) fn host() -> AdapterHost {
    let cache = concat!(env!("CARGO_TARGET_TMPDIR"), "/adapter-cache");
    AdapterHost::new(HostOptions { cache_dir: Some(cache.into()), ..options() }).unwrap()
}

pub(crate) fn load(host: &AdapterHost, adapter: &str) -> Arc<Component> {
    host.load(adapter, &file(adapter)).unwrap()
}

/// A metric instance.
pub(crate) fn metric(name: &str, dimensions: &[&str], value_type: ValueType) -> InstanceDecl {
    InstanceDecl {
        name: format!("{name}.instance.default"),
        template: Template::Metric,
        fields: dimensions.iter().map(|d| ((*d).to_owned(), ValueType::String)).collect(),
        value_type: Some(value_type),
    }
}
