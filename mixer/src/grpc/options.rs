use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use mesh_identity::{ServerTls, TlsFiles, TlsMetrics};
use prometheus::Registry;

/// How the gRPC port is served.
#[derive(Debug, Clone, Args)]
pub struct GrpcOptions {
    /// Certificate of the gRPC port and those that lead to its authority, PEM. Renewed files are taken up
    /// within a second or two; a pair that does not fit leaves the last good one in use. Without it the
    /// port is not encrypted.
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    pub tls_cert: Option<PathBuf>,

    /// Key of the certificate, PEM.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_key: Option<PathBuf>,

    /// Who signs clients, PEM: with it, clients must show a certificate.
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    pub tls_client_ca: Option<PathBuf>,

    /// Open connections to the gRPC port; more are closed at once.
    #[arg(long, value_name = "COUNT", default_value_t = 16_384)]
    pub max_connections: usize,

    /// Open connections from one address. Give the same as for all when sidecars stand behind one
    /// address.
    #[arg(long, value_name = "COUNT", default_value_t = 4_096)]
    pub max_connections_per_client: usize,

    /// Connections that have not finished their handshake; when there are more, the oldest is closed.
    #[arg(long, value_name = "COUNT", default_value_t = 1_024)]
    pub max_handshakes: usize,

    /// Calls at once on one connection.
    #[arg(long, value_name = "COUNT", default_value_t = 1_024)]
    pub max_concurrent_streams: u32,

    /// Streams of access logs at once.
    #[arg(long, value_name = "COUNT", default_value_t = 4_096)]
    pub max_access_log_streams: usize,

    /// Seconds in which a connection must finish its handshake.
    #[arg(long, value_name = "SECONDS", default_value_t = 5)]
    pub handshake_timeout: u64,

    /// Seconds in which a call, but no stream, must have arrived and been answered.
    #[arg(long, value_name = "SECONDS", default_value_t = 10)]
    pub call_timeout: u64,

    /// Leave out `x-ratelimit-remaining`, `x-ratelimit-reset` and `retry-after` from answers to requests
    /// over a limit.
    #[arg(long)]
    pub no_rate_limit_headers: bool,
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

    pub(super) fn handshake_limit(&self) -> Duration {
        Duration::from_secs(self.handshake_timeout)
    }

    pub(super) fn call_limit(&self) -> Duration {
        Duration::from_secs(self.call_timeout)
    }
}
