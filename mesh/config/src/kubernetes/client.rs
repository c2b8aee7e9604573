use std::time::Duration;

use kube::api::{ApiResource, GroupVersionKind};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Client, Config};
use tokio::time::timeout;

use super::{GROUP, VERSION};
use crate::{ConfigError, KubernetesLocation};

/// For one call. A page of a list over a slow line.
pub(super) const CALL_LIMIT: Duration = Duration::from_secs(30);
/// Most kinds that are followed: a group has no more, unless something is wrong with it.
const MAX_KINDS: usize = 128;

/// Why something cannot be read from the API server.
#[derive(Debug, thiserror::Error)]
pub(super) enum KubernetesError {
    #[error("the API server does not tell which kinds of {GROUP} it has: {}", said(.0))]
    Discover(Box<kube::Error>),
    #[error("the API server does not list {kind}: {}", said(cause))]
    List { kind: String, cause: Box<kube::Error> },
    #[error("the API server does not let {kind} be watched: {}", said(cause))]
    Watch { kind: String, cause: Box<kube::Error> },
    #[error("the API server ended the watch of {kind}: {message}")]
    Ended { kind: String, message: String },
    #[error("the API server has not answered for {seconds} s ({what})")]
    Silent { what: String, seconds: u64 },
    #[error("the API server listed {kind} without a version")]
    Strange { kind: String },
}

/// A client of the API server at `location`, without connecting. It does not try again by itself.
///
/// # Errors
/// When nothing tells who and where the API server is.
pub async fn kubernetes_client(location: &KubernetesLocation) -> Result<Client, ConfigError> {
    let mut config = config(location).await.map_err(ConfigError::Kubernetes)?;
    // Trying again is our own business: it is told, and goes on for ever.
    config.default_retry = false;
    Client::try_from(config).map_err(|cause| ConfigError::Kubernetes(cause.into()))
}

async fn config(
    location: &KubernetesLocation,
) -> Result<Config, Box<dyn std::error::Error + Send + Sync>> {
    let options = KubeConfigOptions { context: location.context.clone(), ..Default::default() };
    Ok(match (&location.kubeconfig, &location.context) {
        (Some(file), _) => {
            Config::from_custom_kubeconfig(Kubeconfig::read_from(file)?, &options).await?
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await?,
        (None, None) => Config::infer().await?,
    })
}

/// The kinds of our group that the server has now; none if it has no definition of the group.
pub(super) async fn discover(client: &Client) -> Result<Vec<ApiResource>, KubernetesError> {
    let version = format!("{GROUP}/{VERSION}");
    let asked = client.list_api_group_resources(&version);
    let answer = match timeout(CALL_LIMIT / 3, asked).await {
        Err(_) => return Err(silent("its kinds", CALL_LIMIT / 3)),
        Ok(Err(kube::Error::Api(status))) if status.code == 404 => return Ok(Vec::new()),
        Ok(answer) => answer.map_err(|cause| KubernetesError::Discover(Box::new(cause)))?,
    };
    let followed = answer.resources.into_iter().filter(|resource| {
        let can = |verb: &str| resource.verbs.iter().any(|known| known == verb);
        // A name with a slash is a part of another resource, such as its status.
        resource.namespaced && !resource.name.contains('/') && can("list") && can("watch")
    });
    Ok(followed
        .take(MAX_KINDS)
        .map(|resource| {
            let kind = GroupVersionKind::gvk(GROUP, VERSION, &resource.kind);
            ApiResource::from_gvk_with_plural(&kind, &resource.name)
        })
        .collect())
}

pub(super) fn silent(what: &str, limit: Duration) -> KubernetesError {
    KubernetesError::Silent { what: what.to_owned(), seconds: limit.as_secs() }
}

/// Whether the server has forgotten the version that was asked for.
pub(super) fn is_gone(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 410)
}

/// Whether the server has no such kind.
pub(super) fn is_not_served(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 404)
}

/// What an error says, with the likely cause where users meet one often.
fn said(error: &kube::Error) -> String {
    let kube::Error::Api(status) = error else { return crate::source::explain(error) };
    let cause = match status.code {
        401 => "; is the token or certificate still valid?",
        403 => "; deploy/rbac.yaml has a role with what is needed",
        _ => "",
    };
    format!("{} ({}){cause}", status.message, status.code)
}
