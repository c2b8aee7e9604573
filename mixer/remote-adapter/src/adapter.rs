use std::sync::Arc;

use adapter_host::ParameterProblem;
use prost_reflect::{DescriptorPool, MessageDescriptor};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::{AdapterError, RemoteTemplate, params};

/// An adapter that runs in a process of its own, as it was declared: what it takes, and what it is
/// configured with. Where it runs is the handler's affair.
#[derive(Debug)]
pub struct RemoteAdapter {
    name: String,
    pub(crate) templates: Vec<Arc<RemoteTemplate>>,
    /// None for an adapter without parameters.
    params: Option<MessageDescriptor>,
    pub(crate) session_based: bool,
    digest: [u8; 32],
}

impl RemoteAdapter {
    /// Reads a declaration. `config` is a `FileDescriptorSet` with a message `Params`, or empty.
    ///
    /// # Errors
    /// When `config` is something else.
    pub fn parse(
        name: &str,
        templates: Vec<Arc<RemoteTemplate>>,
        config: &[u8],
        session_based: bool,
    ) -> Result<Self, AdapterError> {
        let mut digest = Sha256::new();
        digest.update([u8::from(session_based)]);
        digest.update(config);
        for template in &templates {
            digest.update(template.name());
            digest.update(template.digest());
        }
        Ok(Self {
            name: name.to_owned(),
            templates,
            params: params_message(config)?,
            session_based,
            digest: digest.finalize().into(),
        })
    }

    /// `name.adapter.namespace`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it takes instances of.
    pub fn templates(&self) -> &[Arc<RemoteTemplate>] {
        &self.templates
    }

    /// The template of this name among those.
    pub fn template(&self, name: &str) -> Option<&Arc<RemoteTemplate>> {
        self.templates.iter().find(|template| template.name() == name)
    }

    /// Equal ones are the same adapter.
    pub fn digest(&self) -> &[u8; 32] {
        &self.digest
    }

    /// The parameters as the adapter gets them: a `google.protobuf.Any`. An adapter that declares none
    /// gets none, and then there must be none.
    ///
    /// # Errors
    /// All parameters that it does not have, or the first that is of another type.
    pub(crate) fn encode_params(
        &self,
        given: &Value,
    ) -> Result<Option<prost_types::Any>, Vec<ParameterProblem>> {
        let Some(message) = &self.params else {
            let unknown = given.as_object().into_iter().flat_map(|fields| fields.keys());
            let problems: Vec<_> = unknown
                .map(|field| ParameterProblem {
                    field: field.clone(),
                    message: format!("adapter {} declares no parameters", self.name),
                })
                .collect();
            return if problems.is_empty() { Ok(None) } else { Err(problems) };
        };
        let value = params::encode(message, given)?;
        let type_url = format!("type.googleapis.com/{}", message.full_name());
        Ok(Some(prost_types::Any { type_url, value }))
    }
}

fn params_message(config: &[u8]) -> Result<Option<MessageDescriptor>, AdapterError> {
    if config.is_empty() {
        return Ok(None);
    }
    let set = <prost_types::FileDescriptorSet as prost::Message>::decode(config)
        .map_err(|source| AdapterError::Decode { source })?;
    let pool = DescriptorPool::decode(config).map_err(|source| AdapterError::Link { source })?;
    // Of several, the last one, as in Istio: imports come first.
    let files = set.file.iter().rev().filter_map(|file| pool.get_file_by_name(file.name()));
    let mut params =
        files.filter_map(|file| file.messages().find(|message| message.name() == "Params"));
    params.next().map(Some).ok_or(AdapterError::NoParams)
}
