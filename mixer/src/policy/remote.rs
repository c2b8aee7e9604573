//! Handlers whose adapter is no component: which those are, and how they are built.
//!
//! An adapter is looked for among those in Rust, then among the declared ones if the handler says where
//! it is, then among ours. So a handler that Istio ran in another process goes on there, and without a
//! connection an adapter of ours with the same name does its work (Istio's `keyval`).

use std::sync::Arc;

use adapter_host::{Limits, Variety};
use mesh_config::{
    AdapterRef, Authentication, CompiledAdapter, Connection, Handler, Problem, Referred, Resource,
    Text, TokenHeader, TokenSource,
};
use remote_adapter::{InstanceShape, RemoteAdapter, RemoteHandler, RemoteSpec};

use super::builder::{PolicyBuilder, build_problems, problem};
use super::digest::Canonical;
use super::draft::Draft;
use super::instances::CompiledInstance;
use crate::engine::Engine;
use crate::handlers::{BuiltHandler, HandlerUnit, TakenInstance, TakenTemplate};
use crate::native::{NativeAdapter, NativeHandler, NativeSetup};

/// The adapter of a handler.
pub(super) enum Adapter {
    /// A component: one of ours, or at another place.
    Component(Option<CompiledAdapter>),
    Remote(Arc<RemoteAdapter>),
    /// With the name that it was registered under.
    Native(String, Arc<dyn NativeAdapter>),
}

impl PolicyBuilder {
    /// Finds the adapter of a handler.
    pub(super) fn adapter_for(
        &self,
        resource: &Resource,
        spec: &Handler,
        draft: &Draft,
    ) -> Result<Adapter, Vec<Problem>> {
        let written = spec.adapter.name();
        if let Some(native) = self.natives.get(written) {
            return Ok(Adapter::Native(written.to_owned(), native));
        }
        if let AdapterRef::Component(_) = &spec.adapter {
            return Ok(Adapter::Component(None));
        }
        let ours = spec.adapter.compiled();
        let refuse = |message: String| vec![problem(resource, message)];
        if let AdapterRef::Named(reference) = &spec.adapter {
            let namespace = &resource.key.namespace;
            let resolve = |set: &mesh_config::ConfigSet| {
                let found = set.resolve(&reference.value, namespace, Referred::Adapter);
                found.map(|adapter| adapter.key.clone())
            };
            match (resolve(&draft.effective), resolve(&draft.configured), &spec.connection) {
                (Ok(key), _, Some(_)) => {
                    let adapter = draft.declared.adapters.get(&key).map(Arc::clone);
                    let refused = || refuse(format!("adapter {key} was refused"));
                    return adapter.map(Adapter::Remote).ok_or_else(refused);
                }
                // Refused for a mistake: what was to run elsewhere does not run here instead.
                (Err(_), Ok(key), Some(_)) => {
                    return Err(refuse(format!("adapter {key} is refused for a mistake")));
                }
                (Ok(key), _, None) if ours.is_none() => {
                    return Err(refuse(format!(
                        "`spec.connection.address` is missing: adapter {key} runs in another process"
                    )));
                }
                (Err(cause), Err(_), _) if ours.is_none() => {
                    return Err(refuse(cause.to_string()));
                }
                _ => {}
            }
        }
        let ours = ours.map(|ours| Adapter::Component(Some(ours)));
        ours.ok_or_else(|| refuse(format!("there is no adapter {written}")))
    }

    pub(super) async fn try_remote(
        &mut self,
        resource: &Resource,
        spec: &Handler,
        adapter: Arc<RemoteAdapter>,
        wanted: &[&CompiledInstance],
        old: Option<&Arc<HandlerUnit>>,
    ) -> Result<Arc<HandlerUnit>, Vec<Problem>> {
        let Some(connection) = spec.connection.clone() else { return Err(Vec::new()) };
        let templates = adapter.templates().iter().map(|template| TakenTemplate {
            name: template.name().to_owned(),
            is_report: template.variety() == Variety::Report,
        });
        let templates: Vec<TakenTemplate> = templates.collect();
        let instances = shapes(wanted, &templates);
        let mut signature = Canonical::new();
        signature.add("remote");
        signature.add(adapter.digest());
        signature.add(spec.params.value().to_string());
        signature.add(&connection.address.value);
        signature.add(format!("{:?}", connection.timeout_nanos));
        for part in authentication(&connection) {
            signature.add(part);
        }
        for shape in &instances {
            signature.add(format!("{shape:?}"));
        }
        let signature = signature.finish();
        if let Some(old) = self.reusable(old, signature) {
            return Ok(old);
        }
        let name = resource.key.handler_label();
        let remote = RemoteSpec {
            name: name.clone(),
            adapter: Arc::clone(&adapter),
            params: spec.params.value().clone(),
            connection,
            instances: instances.clone(),
            limits: Limits::default(),
            ask: self.asks,
        };
        let handler =
            RemoteHandler::build(remote).await.map_err(|cause| build_problems(resource, &cause))?;
        let built = built(Engine::Remote(handler), templates, instances);
        Ok(self.put_to_work(name, spec.adapter.name(), signature, built))
    }

    pub(super) async fn try_native(
        &mut self,
        resource: &Resource,
        spec: &Handler,
        (adapter, native): (&str, Arc<dyn NativeAdapter>),
        wanted: &[&CompiledInstance],
        old: Option<&Arc<HandlerUnit>>,
    ) -> Result<Arc<HandlerUnit>, Vec<Problem>> {
        let templates: Vec<TakenTemplate> = native
            .templates()
            .into_iter()
            .map(|(name, variety)| TakenTemplate { name, is_report: variety == Variety::Report })
            .collect();
        let instances = shapes(wanted, &templates);
        let mut signature = Canonical::new();
        signature.add("native");
        signature.add(adapter);
        signature.add(spec.params.value().to_string());
        for shape in &instances {
            signature.add(format!("{shape:?}"));
        }
        let signature = signature.finish();
        if let Some(old) = self.reusable(old, signature) {
            return Ok(old);
        }
        let name = resource.key.handler_label();
        let setup = NativeSetup {
            handler: name.clone(),
            params: spec.params.value().clone(),
            instances: instances.clone(),
        };
        let handler = NativeHandler::build(adapter, &*native, setup, Limits::default())
            .map_err(|cause| build_problems(resource, &cause))?;
        let built = built(Engine::Native(handler), templates, instances);
        Ok(self.put_to_work(name, adapter, signature, built))
    }
}

/// How both ends prove who they are, as it was written, wherever that stands in its file.
fn authentication(connection: &Connection) -> Vec<&str> {
    fn optional(text: Option<&Text>) -> &str {
        text.map_or("", |text| text.value.as_str())
    }
    match connection.authentication.as_deref() {
        None => vec!["none"],
        Some(Authentication::Tls(tls)) => {
            let header = match &tls.token_header {
                TokenHeader::Plain => "plain",
                TokenHeader::Bearer => "bearer",
                TokenHeader::Custom(header) => header.value.as_str(),
            };
            let token = match &tls.token {
                Some(TokenSource::File(path)) => path.value.as_str(),
                Some(TokenSource::OAuth(_)) | None => "",
            };
            let ca = optional(tls.ca_certificates.as_ref());
            vec!["tls", ca, token, header, optional(tls.server_name.as_ref())]
        }
        Some(Authentication::Mutual(mutual)) => vec![
            "mutual",
            &mutual.private_key.value,
            &mutual.client_certificate.value,
            optional(mutual.ca_certificates.as_ref()),
            optional(mutual.server_name.as_ref()),
        ],
    }
}

/// The instances that an adapter takes; the others are told to whoever wrote the rule.
fn shapes(wanted: &[&CompiledInstance], templates: &[TakenTemplate]) -> Vec<InstanceShape> {
    let shapes = wanted.iter().map(|instance| &instance.open.0);
    let is_taken = |shape: &&InstanceShape| templates.iter().any(|t| t.name == shape.template);
    shapes.filter(is_taken).cloned().collect()
}

fn built(
    engine: Engine,
    templates: Vec<TakenTemplate>,
    instances: Vec<InstanceShape>,
) -> BuiltHandler {
    let instances = instances
        .into_iter()
        .map(|shape| TakenInstance { name: shape.name, template: shape.template })
        .collect();
    BuiltHandler { engine, templates, instances }
}
