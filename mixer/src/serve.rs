use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{AdapterHost, HostOptions, SeriesStore};
use anyhow::Context;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use mesh_config::{ConfigSet, FolderSource};
use mesh_runtime::{
    Drain, Readiness, SpanExport, Tasks, admin_router, serve_http, until_terminated,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tracing::{error, info};

use crate::admin::debug_router;
use crate::grpc::GrpcPort;
use crate::metrics::Metrics;
use crate::options::Options;
use crate::policy::PolicyBuilder;
use crate::service::Mixer;

/// How long requests under way, and then reports in queues, may take when the process ends.
const DRAIN: Duration = Duration::from_secs(10);

/// How often metrics that are read from state are brought up to date.
const REFRESH: Duration = Duration::from_secs(1);

/// Serves until SIGTERM or SIGINT, then finishes what is under way.
///
/// # Errors
/// When the configuration folder cannot be read, a port is taken, or the adapter host cannot start.
/// Mistakes within the configuration are no errors: they are logged and shown at `/debug/config`.
pub async fn serve(options: Options) -> anyhow::Result<()> {
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    let configured = readiness.gate("configuration");
    let listening = readiness.gate("grpc");
    let mut tasks = Tasks::new();

    let tls = options.grpc_port.open_tls(metrics.registry()).context("TLS of the gRPC port")?;
    let http = bind("HTTP", options.http).await?;
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
    let (source, configs) = FolderSource::open(&options.config)
        .with_context(|| format!("configuration folder {}", options.config.display()))?;
    let first = configs.borrow().clone();
    let mut builder = PolicyBuilder::new(host, adapters, &options.root_namespace, metrics.clone());
    let policy = builder.build(&first).await;
    let tracer = spans.as_ref().map(SpanExport::tracer);
    let mixer = Arc::new(Mixer::new(policy, options.check_cache_bytes, metrics.clone(), tracer));
    configured.open();

    let grpc = bind("gRPC", options.grpc).await?;
    let prometheus = bind("Prometheus", options.prometheus).await?;
    info!(
        grpc = %grpc.local_addr()?,
        http = %http.local_addr()?,
        prometheus = %prometheus.local_addr()?,
        "mixer serves"
    );
    let (give_back, given_back) = oneshot::channel();
    let drain = tasks.drain_signal();
    tasks.start("configuration source", source.run(wait_for(drain.clone())));
    tasks.start(
        "configuration",
        follow(configs, builder, Arc::clone(&mixer), drain.clone(), give_back),
    );
    let grpc = GrpcPort { listener: grpc, tls, options: options.grpc_port, readiness };
    tasks.start("grpc", grpc.serve(Arc::clone(&mixer), drain.clone()));
    tasks.start("http", {
        let routes = admin.merge(debug_router(Arc::clone(&mixer)));
        logged("http", serve_http(http, routes, drain.clone()))
    });
    tasks.start(
        "prometheus",
        logged("prometheus", serve_http(prometheus, scrape(series), drain.clone())),
    );
    tasks.start("metrics", refresh(Arc::clone(&mixer), drain));
    listening.open();

    tasks.run_until(async {
        if let Err(cause) = until_terminated().await {
            error!(%cause, "signals cannot be received; the process will be killed instead of drained");
            std::future::pending::<()>().await;
        }
    })
    .await;
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
