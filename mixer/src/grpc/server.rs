use std::sync::Arc;
use std::time::Duration;

use mesh_api::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use mesh_api::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use mesh_api::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitServiceServer;
use mesh_api::watch::v1::watch_server::WatchServer;
use mesh_runtime::Drain;
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tracing::error;

use super::access_log::AccessLog;
use super::ext_authz::ExtAuthz;
use super::front_metrics::FrontMetrics;
use super::mixer_service::{MAX_MESSAGE_BYTES, MixerService};
use super::rate_limit::RateLimits;
use super::watch_service::WatchService;
use crate::service::Mixer;

/// Calls at once on one connection, as in Istio's Mixer.
const MAX_CONCURRENT_STREAMS: u32 = 1024;

/// A connection that does not answer pings is dead.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Serves the gRPC port until the process drains.
pub(crate) async fn serve_grpc(listener: TcpListener, mixer: Arc<Mixer>, drain: Drain) {
    let metrics = FrontMetrics::register(mixer.metrics().registry());
    let watch = WatchService::new(mixer.watch(), mixer.metrics().clone(), drain.clone());
    let authorization = ExtAuthz::new(Arc::clone(&mixer), metrics.clone());
    let access_log = AccessLog::new(Arc::clone(&mixer), metrics.clone(), 4096);
    let rate_limits = RateLimits::new(Arc::clone(&mixer), metrics, true);
    let served = Server::builder()
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .tcp_nodelay(true)
        .add_service(MixerService(mixer))
        .add_service(WatchServer::new(watch))
        .add_service(
            AuthorizationServer::new(authorization).max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .add_service(
            AccessLogServiceServer::new(access_log).max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .add_service(
            RateLimitServiceServer::new(rate_limits).max_decoding_message_size(MAX_MESSAGE_BYTES),
        )
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), async move {
            drain.signaled().await;
        })
        .await;
    if let Err(cause) = served {
        error!(%cause, "the gRPC port failed");
    }
}
