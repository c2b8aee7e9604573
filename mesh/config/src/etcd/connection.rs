use std::path::Path;
use std::time::Duration;

use mesh_api::etcd::auth_client::AuthClient;
use mesh_api::etcd::kv_client::KvClient;
use mesh_api::etcd::watch_client::WatchClient;
use mesh_api::etcd::{
    AuthenticateRequest, RangeRequest, RangeResponse, WatchRequest, WatchResponse,
};
use tokio::time::timeout;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::{Certificate, Channel, ClientTlsConfig, Endpoint, Identity};
use tonic::{IntoRequest, Request, Status, Streaming};

use super::error::EtcdError;
use crate::{ConfigError, EtcdLocation, EtcdLogin, EtcdTls};

/// A member that does not answer in this time is down or far away.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);
/// For one call: a page of values over a slow line.
const CALL_LIMIT: Duration = Duration::from_secs(30);
/// The longest message taken. etcd lets a request have 1.5 MiB, by its own advice 10 MiB at most, and
/// parts what it tells a watch into pieces of that size.
const MAX_MESSAGE: usize = 16 << 20;

/// A connection to one member of etcd.
pub(super) struct Connection {
    endpoint: String,
    channel: Channel,
    token: Option<MetadataValue<Ascii>>,
}

impl Connection {
    /// Connects to `endpoint` of `location`, and logs in if it says so.
    pub(super) async fn open(location: &EtcdLocation, endpoint: &str) -> Result<Self, EtcdError> {
        let scheme = if location.tls.is_some() { "https" } else { "http" };
        let failed = |source| EtcdError::Connect { endpoint: endpoint.to_owned(), source };
        let mut address = Endpoint::from_shared(format!("{scheme}://{endpoint}"))
            .map_err(failed)?
            .connect_timeout(CONNECT_LIMIT)
            .tcp_nodelay(true);
        if let Some(tls) = &location.tls {
            address = address
                .tls_config(tls_config(tls)?)
                .map_err(|source| EtcdError::Tls { endpoint: endpoint.to_owned(), source })?;
        }
        // The limit above is for the address alone; a TLS handshake may wait for ever.
        let connected = timeout(2 * CONNECT_LIMIT, address.connect()).await;
        let channel =
            connected.map_err(|_| silent(endpoint, 2 * CONNECT_LIMIT))?.map_err(failed)?;
        let mut connection = Self { endpoint: endpoint.to_owned(), channel, token: None };
        if let Some(login) = &location.login {
            connection.token = Some(connection.log_in(login).await?);
        }
        Ok(connection)
    }

    pub(super) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// One answer to `request`.
    pub(super) async fn range(
        &self,
        prefix: &str,
        request: RangeRequest,
    ) -> Result<RangeResponse, EtcdError> {
        let mut client = KvClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE);
        self.within_limit(client.range(self.request(request))).await?.map_err(|status| {
            EtcdError::Read {
                endpoint: self.endpoint.clone(),
                prefix: prefix.to_owned(),
                status: Box::new(status),
            }
        })
    }

    /// Opens a stream of watches.
    pub(super) async fn watch(
        &self,
        requests: impl tonic::IntoStreamingRequest<Message = WatchRequest>,
    ) -> Result<Result<Streaming<WatchResponse>, Status>, EtcdError> {
        let mut client =
            WatchClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE);
        let mut requests = requests.into_streaming_request();
        self.sign(requests.metadata_mut());
        self.within_limit(client.watch(requests)).await
    }

    pub(super) fn silent(&self, limit: Duration) -> EtcdError {
        silent(&self.endpoint, limit)
    }

    async fn log_in(&self, login: &EtcdLogin) -> Result<MetadataValue<Ascii>, EtcdError> {
        let password = read(&login.password_file, "the password")?;
        let password = String::from_utf8_lossy(&password);
        let password = password.strip_suffix('\n').unwrap_or(&password);
        let request = AuthenticateRequest {
            name: login.user.clone(),
            password: password.strip_suffix('\r').unwrap_or(password).to_owned(),
        };
        let mut client = AuthClient::new(self.channel.clone());
        let answer = self.within_limit(client.authenticate(request)).await?;
        let answer = answer.map_err(|status| EtcdError::LogIn {
            endpoint: self.endpoint.clone(),
            user: login.user.clone(),
            status: Box::new(status),
        })?;
        let mut token: MetadataValue<Ascii> = answer
            .token
            .parse()
            .map_err(|_| EtcdError::Strange { endpoint: self.endpoint.clone(), what: "a token" })?;
        token.set_sensitive(true);
        Ok(token)
    }

    fn request<T>(&self, message: T) -> Request<T> {
        let mut request = message.into_request();
        self.sign(request.metadata_mut());
        request
    }

    fn sign(&self, metadata: &mut tonic::metadata::MetadataMap) {
        // What a member says that knows no leader may be old.
        metadata.insert("hasleader", MetadataValue::from_static("true"));
        if let Some(token) = &self.token {
            metadata.insert("token", token.clone());
        }
    }

    async fn within_limit<T>(
        &self,
        call: impl Future<Output = Result<tonic::Response<T>, Status>>,
    ) -> Result<Result<T, Status>, EtcdError> {
        let answered = timeout(CALL_LIMIT, call).await.map_err(|_| self.silent(CALL_LIMIT))?;
        Ok(answered.map(tonic::Response::into_inner))
    }
}

/// Reads the files of `location` once, so that a wrong path is told at the start.
pub(super) fn check_files(location: &EtcdLocation) -> Result<(), ConfigError> {
    if let Some(tls) = &location.tls {
        tls_config(tls)?;
    }
    if let Some(login) = &location.login {
        read(&login.password_file, "the password")?;
    }
    Ok(())
}

fn tls_config(tls: &EtcdTls) -> Result<ClientTlsConfig, ConfigError> {
    let ca = Certificate::from_pem(read(&tls.ca, "the CA's certificate")?);
    let config = ClientTlsConfig::new().ca_certificate(ca);
    Ok(match &tls.identity {
        None => config,
        Some((certificate, key)) => config.identity(Identity::from_pem(
            read(certificate, "the certificate")?,
            read(key, "the key")?,
        )),
    })
}

fn read(path: &Path, purpose: &'static str) -> Result<Vec<u8>, ConfigError> {
    std::fs::read(path).map_err(|source| ConfigError::ReadFile {
        path: path.to_owned(),
        purpose,
        source,
    })
}

fn silent(endpoint: &str, limit: Duration) -> EtcdError {
    EtcdError::Silent { endpoint: endpoint.to_owned(), seconds: limit.as_secs() }
}
