use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

use adapter_host::Variety;
use http::uri::PathAndQuery;
use mesh_attributes::ValueType;
use prost::Message;
use prost_reflect::{DescriptorPool, FileDescriptor, MessageDescriptor};
use sha2::{Digest, Sha256};

use crate::descriptor::RawSet;
use crate::output::outputs_of;
use crate::{Expected, FieldMistake, TemplateError, field};

/// A template as adapters in other processes know it: its instances' fields, and how they are handed over.
#[derive(Debug)]
pub struct RemoteTemplate {
    name: String,
    variety: Variety,
    digest: [u8; 32],
    pub(crate) instance: MessageDescriptor,
    /// The types of its fields that are not fixed; told when a session begins.
    pub(crate) types: Option<MessageDescriptor>,
    /// What comes back beside the decision, or instead of one.
    pub(crate) output: Option<MessageDescriptor>,
    outputs: Vec<(String, ValueType)>,
    /// `/package.HandleXService/HandleX`.
    pub(crate) path: PathAndQuery,
    pub(crate) request: RequestFields,
}

/// The numbers of the fields of a request. Those that it does not have are not sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RequestFields {
    pub(crate) instances: u32,
    pub(crate) adapter_config: Option<u32>,
    pub(crate) dedup_id: Option<u32>,
    pub(crate) quota_request: Option<u32>,
}

/// Istio's own templates by name.
static BUILT_IN: LazyLock<BTreeMap<String, Arc<RemoteTemplate>>> = LazyLock::new(|| {
    let set = RawSet::decode(mesh_api::TEMPLATES).unwrap_or_default();
    let Ok(pool) = DescriptorPool::decode(mesh_api::TEMPLATES) else { return BTreeMap::new() };
    let marked = set.files.iter().filter_map(|file| {
        let options = file.options.as_ref()?;
        let (file, name) = (pool.get_file_by_name(&file.name)?, options.name.as_ref()?);
        let template = RemoteTemplate::of_file(&file, name, options.variety?, mesh_api::TEMPLATES);
        Some((name.clone(), Arc::new(template.ok()?)))
    });
    marked.collect()
});

impl RemoteTemplate {
    /// Reads a template from a `FileDescriptorSet` that mixgen or protoc made of its
    /// `template_handler_service.proto`.
    ///
    /// # Errors
    /// When the bytes are something else, or lack what the protocol needs.
    pub fn parse(descriptor: &[u8]) -> Result<Self, TemplateError> {
        let set = RawSet::decode(descriptor).map_err(|source| TemplateError::Decode { source })?;
        let mut marked = set.files.iter().filter_map(|file| {
            let options = file.options.as_ref()?;
            Some((file, options.variety?, options.name.as_deref()))
        });
        let (file, variety, name) = marked.next().ok_or(TemplateError::NoTemplate)?;
        if let Some((other, ..)) = marked.next() {
            let (first, second) = (file.name.clone(), other.name.clone());
            return Err(TemplateError::TwoTemplates { first, second });
        }
        // As in Istio.
        let is_name =
            |name: &&str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphabetic());
        let name = name
            .filter(is_name)
            .ok_or_else(|| TemplateError::NoName { file: file.name.clone() })?;
        let pool =
            DescriptorPool::decode(descriptor).map_err(|source| TemplateError::Link { source })?;
        let found = pool.get_file_by_name(&file.name).ok_or(TemplateError::NoTemplate)?;
        Self::of_file(&found, name, variety, descriptor)
    }

    /// Istio's own template of this name.
    pub fn built_in(name: &str) -> Option<Arc<Self>> {
        BUILT_IN.get(name).map(Arc::clone)
    }

    fn of_file(
        file: &FileDescriptor,
        name: &str,
        variety: i32,
        descriptor: &[u8],
    ) -> Result<Self, TemplateError> {
        let missing = |part: &str| TemplateError::Missing {
            file: file.name().to_owned(),
            part: part.to_owned(),
        };
        let message = |name: &str| file.messages().find(|message| message.name() == name);
        let (variety, has_output) = match variety {
            0 => (Variety::Check, false),
            1 => (Variety::Report, false),
            2 => (Variety::Quota, false),
            3 => (Variety::AttributeGenerator, true),
            4 => (Variety::Check, true),
            variety => {
                let file = file.name().to_owned();
                return Err(TemplateError::UnknownVariety { file, variety });
            }
        };
        let instance = message("InstanceMsg").ok_or_else(|| missing("message InstanceMsg"))?;
        let service = file.services().find(|service| service.name().starts_with("Handle"));
        let service = service.ok_or_else(|| missing("service Handle…Service"))?;
        let method = service.methods().next().ok_or_else(|| missing("method Handle…"))?;
        let path = format!("/{}/{}", service.full_name(), method.name());
        let path = path.parse().map_err(|_| missing("method with a plain name"))?;
        let input = method.input();
        let number = |name: &str| input.get_field_by_name(name).map(|field| field.number());
        let instances = if variety == Variety::Report { "instances" } else { "instance" };
        let request = RequestFields {
            instances: number(instances)
                .ok_or_else(|| missing(&format!("field {instances} in {}", input.name())))?,
            adapter_config: number("adapter_config"),
            dedup_id: number("dedup_id"),
            quota_request: number("quota_request"),
        };
        let output = has_output
            .then(|| message("OutputMsg").ok_or_else(|| missing("message OutputMsg")))
            .transpose()?;
        Ok(Self {
            name: name.to_owned(),
            variety,
            digest: Sha256::digest(descriptor).into(),
            types: message("Type"),
            outputs: output.as_ref().map(outputs_of).unwrap_or_default(),
            output,
            instance,
            path,
            request,
        })
    }

    /// Its name, without namespace: `metric`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// When its instances are made.
    pub fn variety(&self) -> Variety {
        self.variety
    }

    /// Equal ones are the same template.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// What an answer may bring along, by name, as far as an expression can use it.
    pub fn outputs(&self) -> &[(String, ValueType)] {
        &self.outputs
    }

    /// What the expression of a field must be. `path` is the field's name with those of the messages and
    /// maps around it: `subject.properties.app`. The case of names and the place of `_` do not matter, but
    /// for keys of maps.
    ///
    /// # Errors
    /// When the template has no such field.
    pub fn expected(&self, path: &str) -> Result<Expected, FieldMistake> {
        Ok(field::resolve(self, path)?.leaf.expected())
    }
}

#[cfg(test)]
mod tests;
