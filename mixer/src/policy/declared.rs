//! Adapters of other processes and their templates, as they are declared: `kind: adapter` and
//! `kind: template`.

use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_config::{
    CompiledTemplate, ConfigSet, Kind, Problem, Referred, Resource, ResourceKey, Spec, TemplateRef,
    Text,
};
use remote_adapter::{RemoteAdapter, RemoteTemplate};

use super::draft::Draft;
use super::open::OpenTemplate;

/// What was declared, and holds together.
#[derive(Debug, Default)]
pub(super) struct Declared {
    templates: BTreeMap<ResourceKey, Arc<RemoteTemplate>>,
    pub(super) adapters: BTreeMap<ResourceKey, Arc<RemoteAdapter>>,
}

impl Draft {
    /// Reads templates, then the adapters that take them.
    pub(super) fn read_declared(&mut self, accepted: &ConfigSet) {
        for resource in self.of_kind(|kind| kind == Kind::Template) {
            let read = |_: &Self, resource: &Arc<Resource>| read_template(resource);
            if let Some(template) = self.accept(&resource, accepted, read) {
                self.declared.templates.insert(resource.key.clone(), Arc::new(template));
            }
        }
        for resource in self.of_kind(|kind| kind == Kind::Adapter) {
            if let Some(adapter) = self.accept(&resource, accepted, Self::read_adapter) {
                self.declared.adapters.insert(resource.key.clone(), Arc::new(adapter));
            }
        }
    }

    /// The declared template of an instance; none for one of ours.
    ///
    /// # Errors
    /// When there is no such template.
    pub(super) fn declared_template(
        &self,
        instance: &Resource,
    ) -> Result<Option<OpenTemplate>, String> {
        let Spec::Instance(spec) = &instance.spec else { return Ok(None) };
        let TemplateRef::Named(reference) = &spec.template else { return Ok(None) };
        let namespace = &instance.key.namespace;
        let resource = self.effective.resolve(&reference.value, namespace, Referred::Template);
        let key = &resource.map_err(|cause| cause.to_string())?.key;
        Ok(self.declared.templates.get(key).cloned().map(OpenTemplate::Declared))
    }

    fn read_adapter(&self, resource: &Arc<Resource>) -> Result<RemoteAdapter, Vec<Problem>> {
        let Spec::Adapter(adapter) = &resource.spec else { return Err(Vec::new()) };
        let mut problems = Vec::new();
        let mut templates = Vec::new();
        for text in &adapter.templates {
            match self.template_of(resource, text) {
                Ok(template) => templates.push(template),
                Err(message) => problems.push(problem(resource, text.line, message)),
            }
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let name = resource.key.to_string();
        RemoteAdapter::parse(&name, templates, &adapter.config, adapter.session_based)
            .map_err(|cause| vec![problem(resource, resource.origin.line, cause.to_string())])
    }

    /// A template that an adapter takes: declared, or one of Istio's own.
    fn template_of(&self, adapter: &Resource, text: &Text) -> Result<Arc<RemoteTemplate>, String> {
        let namespace = &adapter.key.namespace;
        let declared = self.effective.resolve(&text.value, namespace, Referred::Template);
        let built_in = || {
            // `name`, or `name.template.namespace`.
            let name = text.value.split('.').next().unwrap_or_default();
            CompiledTemplate::from_name(name).and_then(|ours| RemoteTemplate::built_in(ours.name()))
        };
        match declared {
            Ok(resource) => {
                let template = self.declared.templates.get(&resource.key).map(Arc::clone);
                template.ok_or_else(|| format!("template `{}` was refused", text.value))
            }
            Err(cause) => built_in().ok_or_else(|| cause.to_string()),
        }
    }
}

fn read_template(resource: &Resource) -> Result<RemoteTemplate, Vec<Problem>> {
    let Spec::Template(template) = &resource.spec else { return Err(Vec::new()) };
    RemoteTemplate::parse(&template.descriptor)
        .map_err(|cause| vec![problem(resource, resource.origin.line, cause.to_string())])
}

fn problem(resource: &Resource, line: u32, message: String) -> Problem {
    Problem { origin: resource.origin.at(line), object: Some(resource.key.clone()), message }
}
