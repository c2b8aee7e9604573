use std::sync::Arc;
use std::time::Duration;

use mesh_api::envoy::service::accesslog::v3::access_log_service_server::AccessLogServiceServer;
use mesh_api::envoy::service::auth::v3::authorization_server::AuthorizationServer;
use mesh_api::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitServiceServer;
use mesh_api::watch::v1::watch_server::WatchServer;
use mesh_identity::ServerTls;
use mesh_runtime::{Drain, Readiness};
use tokio::sync::mpsc;
use tokio_stream::StreamExt;
use tokio_stream::wrappers::ReceiverStream;
use tonic::transport::Server;
use tracing::error;

use super::acceptor::Acceptor;
use super::access_log::AccessLog;
use super::connection_limits::ConnectionLimits;
use super::deadline::Deadline;
use super::ext_authz::ExtAuthz;
use super::health::{follow_readiness, name_of, reporter};
use super::mixer_service::MixerService;
use super::open_files::connections_within;
use super::rate_limit::RateLimits;
use super::watch_service::WatchService;
use crate::listener::Listener;
use crate::options::Options;
use crate::service::Mixer;

/// A connection that does not answer pings is dead.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// Connections that stand and wait to be served, which takes microseconds.
const STANDING: usize = 64;

/// The gRPC port, bound and not yet served.
#[derive(Debug)]
pub(crate) struct GrpcPort {
    pub(crate) listener: Listener,
    pub(crate) tls: Option<ServerTls>,
    pub(crate) readiness: Readiness,
}

impl GrpcPort {
    /// Serves until the process drains.
    pub(crate) async fn serve(self, mixer: Arc<Mixer>, options: Options, drain: Drain) {
        let Self { listener, tls, readiness } = self;
        let port = &options.grpc_port;
        let max_message = options.max_message_bytes;
        let metrics = mixer.metrics().clone();
        let tls = tls.map(Arc::new);
        let (standing, connections) = mpsc::channel(STANDING);
        let acceptor = Acceptor {
            tls: tls.clone(),
            limits: Arc::new(ConnectionLimits::new(
                connections_within(options.max_connections.get() as usize),
                port.max_connections_per_client.get() as usize,
                metrics.connections.clone(),
            )),
            handshake_limit: port.handshake_timeout,
            max_handshakes: port.max_handshakes.get() as usize,
            refused: metrics.connections_refused.clone(),
        };
        let connections = ReceiverStream::new(connections).map(Ok::<_, std::io::Error>);

        let limit = port.call_timeout;
        let front = metrics.front.clone();
        let watch = WatchServer::new(WatchService::new(
            mixer.watch(),
            mixer.metrics().clone(),
            drain.clone(),
        ));
        let access_log = AccessLog::new(
            Arc::clone(&mixer),
            front.clone(),
            port.max_access_log_streams.get() as usize,
            drain.clone(),
        );
        let access_log =
            AccessLogServiceServer::new(access_log).max_decoding_message_size(max_message);
        let authorization =
            AuthorizationServer::new(ExtAuthz::new(Arc::clone(&mixer), front.clone()))
                .max_decoding_message_size(max_message);
        let rate_limits = RateLimits::new(Arc::clone(&mixer), front, port.rate_limit_headers);
        let rate_limits =
            RateLimitServiceServer::new(rate_limits).max_decoding_message_size(max_message);
        let mixer = MixerService { mixer, max_message_bytes: max_message };
        let names = [
            name_of(&mixer),
            name_of(&watch),
            name_of(&authorization),
            name_of(&access_log),
            name_of(&rate_limits),
        ];
        let (reporter, health) = reporter(&names).await;
        // Only what is served here: the definitions have the services of others, too.
        let described = [names.as_slice(), &[name_of(&health)]].concat();
        let reflection = || {
            let mut builder = tonic_reflection::server::Builder::configure()
                .register_encoded_file_descriptor_set(mesh_api::DESCRIPTORS)
                .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET);
            for name in &described {
                builder = builder.with_service_name(*name);
            }
            builder
        };
        let (v1, v1alpha) = match (reflection().build_v1(), reflection().build_v1alpha()) {
            (Ok(v1), Ok(v1alpha)) => (v1, v1alpha),
            (Err(cause), _) | (_, Err(cause)) => {
                error!(%cause, "the gRPC port cannot describe itself and is not served");
                return;
            }
        };
        let drained = drain.clone();
        let served = Server::builder()
            .layer(metrics.grpc)
            .max_concurrent_streams(options.max_concurrent_streams.get())
            .http2_keepalive_interval(Some(KEEPALIVE))
            .http2_keepalive_timeout(Some(KEEPALIVE))
            .add_service(Deadline::new(mixer, limit))
            .add_service(watch)
            .add_service(Deadline::new(authorization, limit))
            .add_service(access_log)
            .add_service(Deadline::new(rate_limits, limit))
            .add_service(health)
            .add_service(v1)
            .add_service(v1alpha)
            .serve_with_incoming_shutdown(connections, async move { drained.signaled().await });
        let follow = async {
            if let Some(tls) = &tls {
                tls.follow(drain.signaled()).await;
            }
        };
        let ((), (), (), served) = tokio::join!(
            acceptor.run(listener, standing, drain.clone()),
            follow,
            follow_readiness(reporter, &names, &readiness, &drain),
            served,
        );
        if let Err(cause) = served {
            error!(%cause, "the gRPC port failed");
        }
    }
}
