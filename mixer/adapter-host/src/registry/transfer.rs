use std::error::Error;
use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue, WWW_AUTHENTICATE};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect};
use serde::Deserialize;

use super::credentials::{self, Credentials};
use super::{RegistryError, RegistryOptions};
use crate::OciRef;

const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
const MAX_REDIRECTS: usize = 5;

/// Tokens are signed documents of some kilobytes.
const MAX_TOKEN: u64 = 64 << 10;

/// One pull: a client, and what it may do once the registry has said how to ask.
pub(super) struct Transfer {
    client: Client,
    base: String,
    repository: String,
    credentials: Option<Credentials>,
    authorization: Option<HeaderValue>,
}

#[derive(Deserialize)]
struct Token {
    token: Option<String>,
    access_token: Option<String>,
}

impl Transfer {
    /// The transfer in `slot`, made if there is none.
    pub(super) async fn opened<'t>(
        slot: &'t mut Option<Self>,
        reference: &OciRef,
        options: &RegistryOptions,
    ) -> Result<&'t mut Self, RegistryError> {
        if slot.is_none() {
            *slot = Some(Self::open(reference, options).await?);
        }
        Ok(slot.as_mut().expect("it has just been made"))
    }

    async fn open(reference: &OciRef, options: &RegistryOptions) -> Result<Self, RegistryError> {
        let registry = &reference.registry;
        let is_plain = is_loopback(registry) || options.plain_http.contains(registry);
        let client = Client::builder()
            .connect_timeout(CONNECT_DEADLINE)
            .https_only(!is_plain)
            .redirect(redirect::Policy::limited(MAX_REDIRECTS));
        let client = client.tls_backend_preconfigured(tls(!is_plain).await?);
        let client =
            client.build().map_err(|cause| RegistryError::Client { cause: chain(&cause) })?;
        let credentials = match &options.credentials {
            Some(file) => credentials::for_registry(file, registry).await?,
            None => None,
        };
        let scheme = if is_plain { "http" } else { "https" };
        Ok(Self {
            client,
            base: format!("{scheme}://{registry}/v2/{}", reference.repository),
            repository: reference.repository.clone(),
            credentials,
            authorization: None,
        })
    }

    /// What is at `path` of the repository, of `limit` bytes at most.
    pub(super) async fn body(
        &mut self,
        path: &str,
        accept: &'static str,
        limit: u64,
    ) -> Result<Vec<u8>, RegistryError> {
        let url = format!("{}/{path}", self.base);
        let ask = |authorization: Option<&HeaderValue>| {
            let request = self.client.get(&url).header(ACCEPT, accept);
            match authorization {
                Some(value) => request.header(AUTHORIZATION, value.clone()),
                None => request,
            }
        };
        let mut response = sent(&url, ask(self.authorization.as_ref())).await?;
        if response.status() == StatusCode::UNAUTHORIZED && self.authorization.is_none() {
            self.authorization = self.authorize(&response).await?;
            if let Some(authorization) = &self.authorization {
                response = sent(&url, ask(Some(authorization))).await?;
            }
        }
        read(&url, response, limit).await
    }

    /// What the registry wants to see, as far as we have it.
    async fn authorize(&self, refused: &Response) -> Result<Option<HeaderValue>, RegistryError> {
        let challenge = refused.headers().get(WWW_AUTHENTICATE).and_then(|v| v.to_str().ok());
        let challenges = challenge.and_then(|text| http_auth::parse_challenges(text).ok());
        for challenge in challenges.unwrap_or_default() {
            let parameter = |name: &str| {
                let found =
                    challenge.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.to_unescaped())
            };
            if challenge.scheme.eq_ignore_ascii_case("basic")
                && let Some(Credentials { user, password }) = &self.credentials
            {
                use base64::Engine;
                let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
                return Ok(secret(&format!("Basic {pair}")));
            }
            if challenge.scheme.eq_ignore_ascii_case("bearer")
                && let Some(realm) = parameter("realm")
            {
                let token = self.token(&realm, parameter("service")).await?;
                return Ok(secret(&format!("Bearer {token}")));
            }
        }
        Ok(None)
    }

    async fn token(&self, realm: &str, service: Option<String>) -> Result<String, RegistryError> {
        let scope = format!("repository:{}:pull", self.repository);
        let mut request = self.client.get(realm).query(&[("scope", &scope)]);
        if let Some(service) = service {
            request = request.query(&[("service", &service)]);
        }
        if let Some(Credentials { user, password }) = &self.credentials {
            request = request.basic_auth(user, Some(password));
        }
        let body = read(realm, sent(realm, request).await?, MAX_TOKEN).await?;
        let token: Option<Token> = serde_json::from_slice(&body).ok();
        token.and_then(|token| token.token.or(token.access_token)).ok_or_else(|| {
            let cause = "what it sent is no token".to_owned();
            RegistryError::Unreachable { url: realm.to_owned(), cause }
        })
    }
}

async fn sent(url: &str, request: RequestBuilder) -> Result<Response, RegistryError> {
    request.send().await.map_err(|cause| unreachable(url, cause))
}

async fn read(url: &str, mut response: Response, limit: u64) -> Result<Vec<u8>, RegistryError> {
    let status = response.status();
    if !status.is_success() {
        let hint = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => ": are there credentials for it?",
            StatusCode::NOT_FOUND => ": is it there, under this digest?",
            _ => "",
        };
        return Err(RegistryError::Status { url: url.to_owned(), status: status.as_u16(), hint });
    }
    let too_large = || RegistryError::TooLarge { what: format!("answer to {url}"), limit };
    if response.content_length().is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|cause| unreachable(url, cause))? {
        if (body.len() + chunk.len()) as u64 > limit {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

fn unreachable(url: &str, cause: reqwest::Error) -> RegistryError {
    RegistryError::Unreachable { url: url.to_owned(), cause: chain(&cause.without_url()) }
}

/// A header that is not shown.
fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// With the system's authorities where they are needed: to read them takes some 50 ms. A client cannot be
/// without any configuration.
async fn tls(is_used: bool) -> Result<rustls::ClientConfig, RegistryError> {
    let mut roots = rustls::RootCertStore::empty();
    if is_used {
        let found = tokio::task::spawn_blocking(rustls_native_certs::load_native_certs).await;
        let found = found.map_err(|cause| RegistryError::Client { cause: cause.to_string() })?;
        roots.add_parsable_certificates(found.certs);
    }
    let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|cause| RegistryError::Client { cause: cause.to_string() })?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn is_loopback(registry: &str) -> bool {
    let host = match registry.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
        _ => registry,
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn chain(error: &dyn Error) -> String {
    let mut texts = Vec::new();
    let mut cause = Some(error);
    while let Some(error) = cause {
        texts.push(error.to_string());
        cause = error.source();
    }
    texts.dedup();
    texts.join(": ")
}

#[cfg(test)]
mod tests {
    use super::is_loopback;

    #[test]
    fn plain_http_is_for_this_machine() {
        for host in ["127.0.0.1:5000", "localhost", "localhost:80", "[::1]:5000", "127.8.0.1"] {
            assert!(is_loopback(host), "{host}");
        }
        for host in ["10.0.0.1:5000", "localhost.example.com", "registry:5000", "1.2.3.4"] {
            assert!(!is_loopback(host), "{host}");
        }
    }
}
