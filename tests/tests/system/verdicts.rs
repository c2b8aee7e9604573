//! Mixer asked directly, as Envoy's external authorization.

use anyhow::{Context, Result};
use mesh_api::envoy::service::auth::v3::attribute_context::{HttpRequest, Request as Asked};
use mesh_api::envoy::service::auth::v3::authorization_client::AuthorizationClient;
use mesh_api::envoy::service::auth::v3::{AttributeContext, CheckRequest};
use testbed::Mixer;
use tonic::transport::{Channel, Endpoint};

use crate::readings::LIMIT;

/// A client of Mixer's external authorization.
pub(crate) struct Client {
    runtime: tokio::runtime::Runtime,
    client: AuthorizationClient<Channel>,
}

impl Client {
    /// Connects.
    ///
    /// # Errors
    /// When Mixer does not listen.
    pub(crate) fn of(mixer: &Mixer) -> Result<Self> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let endpoint = Endpoint::new(format!("http://{}", mixer.grpc()))?.timeout(LIMIT);
        let client = AuthorizationClient::new(runtime.block_on(endpoint.connect())?);
        Ok(Self { runtime, client })
    }

    /// The verdict about a path: code and message.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn ask(&mut self, path: &str) -> Result<(i32, String)> {
        let http = HttpRequest {
            method: "GET".to_owned(),
            path: path.to_owned(),
            ..HttpRequest::default()
        };
        let question = CheckRequest {
            attributes: Some(AttributeContext {
                request: Some(Asked { http: Some(http), ..Asked::default() }),
                context_extensions: [("destination.namespace".to_owned(), "default".to_owned())]
                    .into(),
                ..AttributeContext::default()
            }),
        };
        let answer = self.runtime.block_on(self.client.check(question));
        let answer = answer.with_context(|| format!("ask about {path}"))?.into_inner();
        let status = answer.status.context("an answer has a status")?;
        Ok((status.code, status.message))
    }
}
