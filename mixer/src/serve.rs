use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use adapter_host::{AdapterHost, HostOptions, SeriesStore};
use anyhow::Context;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use mesh_api::watch::v1::watch_server::WatchServer;
use mesh_config::{ConfigSet, Source};
use mesh_runtime::{
    Drain, Readiness, SpanExport, Tasks, admin_router, serve_http, until_terminated,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::Server;
use tracing::{error, info};

use crate::admin::debug_router;
use crate::grpc::{MixerService, WatchService};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::policy::PolicyBuilder;
use crate::service::Mixer;
use crate::source::{export_status, once_configured};

/// How long requests under way, and then reports in queues, may take when the process ends.
const DRAIN: Duration = Duration::from_secs(10);

/// Calls at once on one connection, as in Istio's Mixer.
const MAX_CONCURRENT_STREAMS: u32 = 1024;

/// A connection that does not answer pings is dead.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How often metrics that are read from state are brought up to date.
const REFRESH: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT, then finishes what is under way.
///
/// # Errors
/// When the configuration folder, or a file that the source's URL names, cannot be read, a port is taken,
/// or the adapter host cannot start. Mistakes within the configuration are no errors: they are logged and
/// shown at `/debug/config`. Nor is a source that is away: it is waited for.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    let configured = readiness.gate("configuration");
    let listening = readiness.gate("grpc");
    let mut tasks = Tasks::new();

    let http = bind("HTTP", options.http).await?;
    let http_address = http.local_addr()?;
    let admin = admin_router(readiness.clone(), metrics.registry().clone());

    let spans = options.zipkin.as_deref().map(|url| SpanExport::open("mixer", url)).transpose()?;
    let adapters = match &options.adapters {
        Some(folder) => folder.clone(),
        None => default_adapters()?,
    };
    let host = AdapterHost::new(HostOptions {
        cache_dir: options.compile_cache.clone(),
        ..HostOptions::default()
    })?;
    let series = Arc::clone(host.series());
    let (source, mut feed) = Source::open(&options.config)
        .await
        .with_context(|| format!("configuration source {}", options.config))?;
    let drain = tasks.drain_signal();
    tasks.start("configuration source", source.run(wait_for(drain.clone())));
    let status = feed.status.clone();
    tasks.start("source metrics", export_status(status.clone(), metrics.clone(), drain.clone()));
    let debug = Arc::new(OnceLock::new());
    tasks.start("http", {
        let routes = admin.fallback_service(once_configured(Arc::clone(&debug), status.clone()));
        logged("http", serve_http(http, routes, drain.clone()))
    });
    let mut first = None;
    tasks
        .run_until(async {
            tokio::select! {
                read = feed.first() => first = read,
                () = until_told_to_end() => {}
            }
        })
        .await;
    let Some(first) = first else {
        tasks.drain(DRAIN).await;
        return Ok(());
    };
    let mut builder = PolicyBuilder::new(host, adapters, &options.root_namespace, metrics.clone());
    let policy = builder.build(&first).await;
    let tracer = spans.as_ref().map(SpanExport::tracer);
    let mixer = Arc::new(Mixer::new(policy, options.check_cache_bytes, metrics.clone(), tracer));
    // Set once.
    let _set = debug.set(debug_router(Arc::clone(&mixer), status));
    configured.open();

    let grpc = bind("gRPC", options.grpc).await?;
    let prometheus = bind("Prometheus", options.prometheus).await?;
    info!(
        grpc = %grpc.local_addr()?,
        http = %http_address,
        prometheus = %prometheus.local_addr()?,
        "mixer serves"
    );
    let (give_back, given_back) = oneshot::channel();
    tasks.start(
        "configuration",
        follow(feed.configs, builder, Arc::clone(&mixer), drain.clone(), give_back),
    );
    tasks.start("grpc", serve_grpc(grpc, Arc::clone(&mixer), drain.clone()));
    tasks.start(
        "prometheus",
        logged("prometheus", serve_http(prometheus, scrape(series), drain.clone())),
    );
    tasks.start("metrics", refresh(Arc::clone(&mixer), drain));
    listening.open();

    tasks.run_until(until_told_to_end()).await;
    info!("mixer drains");
    listening.close();
    tasks.drain(DRAIN).await;
    drop(mixer);
    if let Ok(builder) = given_back.await {
        builder.close(DRAIN).await;
    }
    if let Some(spans) = spans {
        spans.close();
    }
    info!("mixer ends");
    Ok(())
}

async fn until_told_to_end() {
    if let Err(cause) = until_terminated().await {
        error!(%cause, "signals cannot be received; the process will be killed instead of drained");
        std::future::pending::<()>().await;
    }
}

/// Adapters lie beside the executable's folder, as `cargo xtask build` leaves them.
pub(crate) fn default_adapters() -> anyhow::Result<PathBuf> {
    let executable = std::env::current_exe().context("where the executable is")?;
    let folder =
        executable.parent().and_then(|bin| bin.parent()).context("the executable's folder")?;
    Ok(folder.join("adapters"))
}

async fn bind(what: &str, address: SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("{what} port {address} cannot be bound; is another process listening there?")
    })
}

/// Turns each configuration into the policy in force.
async fn follow(
    mut configs: watch::Receiver<Arc<ConfigSet>>,
    mut builder: PolicyBuilder,
    mixer: Arc<Mixer>,
    drain: Drain,
    give_back: oneshot::Sender<PolicyBuilder>,
) {
    loop {
        tokio::select! {
            changed = configs.changed() => if changed.is_err() { break },
            () = drain.signaled() => break,
        }
        let config = configs.borrow_and_update().clone();
        mixer.install(builder.build(&config).await);
    }
    drain.signaled().await;
    drop(mixer);
    let _process_ends = give_back.send(builder);
}

async fn serve_grpc(listener: TcpListener, mixer: Arc<Mixer>, drain: Drain) {
    let watch = WatchService::new(mixer.watch(), mixer.metrics().clone(), drain.clone());
    let served = Server::builder()
        .max_concurrent_streams(MAX_CONCURRENT_STREAMS)
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .tcp_nodelay(true)
        .add_service(MixerService(mixer))
        .add_service(WatchServer::new(watch))
        .serve_with_incoming_shutdown(TcpListenerStream::new(listener), wait_for(drain))
        .await;
    if let Err(cause) = served {
        error!(%cause, "the gRPC port failed");
    }
}

fn scrape(series: Arc<SeriesStore>) -> Router {
    let text = move || {
        let mut text = String::new();
        series.encode_text(&mut text);
        std::future::ready((
            [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")],
            text,
        ))
    };
    Router::new().route("/metrics", get(text))
}

async fn refresh(mixer: Arc<Mixer>, drain: Drain) {
    let mut ticks = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            _ = ticks.tick() => mixer.refresh_metrics(),
            () = drain.signaled() => return,
        }
    }
}

async fn wait_for(drain: Drain) {
    drain.signaled().await;
}

async fn logged(port: &'static str, served: impl Future<Output = std::io::Result<()>>) {
    if let Err(cause) = served.await {
        error!(port, %cause, "a port failed");
    }
}
