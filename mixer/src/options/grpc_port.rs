use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args};
use mesh_identity::{ServerTls, TlsFiles, TlsMetrics};
use prometheus::Registry;

use super::units::duration;

/// How the gRPC port is served.
#[derive(Debug, Clone, Args)]
pub(crate) struct GrpcOptions {
    /// Certificate of the gRPC port and those that lead to its authority, PEM. Renewed files are taken up
    /// within a second or two; a pair that does not fit leaves the last good one in use. Without it the
    /// port is not encrypted. A socket in the file system never is.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub(crate) tls_cert: Option<PathBuf>,

    /// Key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_key: Option<PathBuf>,

    /// Who signs clients, PEM: with it, clients must show a certificate.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub(crate) tls_client_ca: Option<PathBuf>,

    /// Open connections from one address. Give the same as for all when sidecars stand behind one
    /// address.
    #[arg(long, value_name = "COUNT", default_value = "4096")]
    pub(crate) max_connections_per_client: NonZeroU32,

    /// Connections that have not finished their handshake; when there are more, the oldest is closed.
    #[arg(long, value_name = "COUNT", default_value = "1024")]
    pub(crate) max_handshakes: NonZeroU32,

    /// How long a connection may take for its handshake of TLS, and again for the first words of HTTP/2.
    #[arg(long, value_name = "DURATION", default_value = "5s", value_parser = duration)]
    pub(crate) handshake_timeout: Duration,

    /// How long a call, but no stream, may take to arrive and be answered.
    #[arg(long, value_name = "DURATION", default_value = "10s", value_parser = duration)]
    pub(crate) call_timeout: Duration,

    /// Streams of access logs at once.
    #[arg(long, value_name = "COUNT", default_value = "4096")]
    pub(crate) max_access_log_streams: NonZeroU32,

    /// Whether answers to requests over a limit have `x-ratelimit-remaining`, `x-ratelimit-reset` and
    /// `retry-after`.
    #[arg(long, value_name = "BOOL", default_value_t = true, action = ArgAction::Set)]
    pub(crate) rate_limit_headers: bool,
}

impl GrpcOptions {
    /// The TLS that the options ask for, its metrics in `registry`.
    ///
    /// # Errors
    /// When the files are no identity that can be served.
    pub(crate) fn open_tls(&self, registry: &Registry) -> anyhow::Result<Option<ServerTls>> {
        let (Some(certificate), Some(key)) = (&self.tls_cert, &self.tls_key) else {
            return Ok(None);
        };
        let files = TlsFiles {
            certificate: certificate.clone(),
            key: key.clone(),
            client_authority: self.tls_client_ca.clone(),
        };
        let metrics = TlsMetrics::register(registry, "mixer")?;
        Ok(Some(ServerTls::open(files, metrics)?))
    }
}
