use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{AdapterHost, HostOptions, SeriesStore};
use anyhow::Context;
use axum::Router;
use axum::http::header;
use axum::routing::get;
use mesh_api::watch::v1::watch_server::WatchServer;
use mesh_config::{ConfigSet, FolderSource};
use mesh_runtime::{
    Drain, LogControl, ProcessMetrics, Readiness, SpanExport, Tasks, admin_router, log_router,
    serve_http, until_terminated,
};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep};
use tonic::transport::Server;
use tracing::{error, info, warn};

use crate::debug::{Subject, debug_router};
use crate::grpc::{MixerService, WatchService};
use crate::listener::Listener;
use crate::metrics::{HandlerMetrics, Metrics, StateMetrics};
use crate::options::Options;
use crate::policy::PolicyBuilder;
use crate::service::Mixer;

/// A connection that does not answer pings is dead.
const KEEPALIVE: Duration = Duration::from_secs(20);

/// How often metrics that are read from state are brought up to date.
const REFRESH: Duration = Duration::from_secs(1);

/// How often a folder of configuration that is not there yet is looked for.
const CONFIG_RETRY: Duration = Duration::from_millis(250);

/// Serves until SIGTERM or SIGINT, then finishes what is under way. `log` is the process's own.
///
/// # Errors
/// When the configuration folder cannot be read, a port is taken, or the adapter host cannot start.
/// Mistakes within the configuration are no errors: they are logged and shown at `/debug/config`.
pub async fn serve(options: Options, log: LogControl) -> anyhow::Result<()> {
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    let configured = readiness.gate("configuration");
    let listening = readiness.gate("grpc");
    let mut tasks = Tasks::new();

    let http = bind("HTTP", options.http).await?;
    let http_address = http.local_addr()?;
    let subject = Subject::default();
    // It answers before there is a configuration: a process that waits for one is alive.
    tasks.start("http", {
        let admin = admin_router(readiness.clone(), metrics.registry().clone());
        let routes = admin.merge(debug_router(subject.clone())).merge(log_router(log.clone()));
        logged("http", serve_http(http, routes, tasks.drain_signal()))
    });

    let spans = options.spans.as_ref().map(|to| SpanExport::open("mixer", to)).transpose()?;
    let counts = spans.as_ref().map(|spans| Box::new(spans.counts()) as Box<_>);
    metrics.registry().register(Box::new(StateMetrics::new(counts, Some(log.clone()))))?;
    metrics.registry().register(Box::new(ProcessMetrics::new()))?;
    let adapters = match &options.adapters {
        Some(folder) => folder.clone(),
        None => default_adapters()?,
    };
    let host = AdapterHost::new(HostOptions {
        cache_dir: options.compile_cache.clone(),
        ..HostOptions::default()
    })?;
    let series = Arc::clone(host.series());
    let (source, configs) = open_config(&options).await?;
    let first = configs.borrow().clone();
    let mut builder = PolicyBuilder::new(host, adapters, &options.root_namespace, metrics.clone());
    let policy = builder.build(&first).await;
    let tracer = spans.as_ref().map(SpanExport::tracer);
    metrics.config.export(&first, policy.problems());
    let mixer = Mixer::new(policy, options.check_cache_bytes, metrics.clone(), tracer);
    let mixer = mixer.with_stale_window(options.check_cache_stale_window);
    let mixer = Arc::new(mixer.with_shedding(&options.shedding()));
    metrics.registry().register(Box::new(HandlerMetrics::new(&mixer)))?;
    subject.show(Arc::clone(&mixer), configs.clone(), options.config.display().to_string());
    configured.open();

    let grpc = Listener::bind(&options.grpc).await?;
    let prometheus = bind("Prometheus", options.prometheus).await?;
    info!(
        grpc = %grpc.address()?,
        http = %http_address,
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
    tasks.start("grpc", serve_grpc(grpc, Arc::clone(&mixer), options.clone(), drain.clone()));
    tasks.start(
        "prometheus",
        logged("prometheus", serve_http(prometheus, scrape(series), drain.clone())),
    );
    tasks.start("metrics", refresh(Arc::clone(&mixer), log, drain));
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
    tasks.drain(options.drain_timeout).await;
    drop((mixer, subject));
    if let Ok(builder) = given_back.await {
        builder.close(options.drain_timeout).await;
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

/// The source of configuration, waited for as long as the options say.
async fn open_config(
    options: &Options,
) -> anyhow::Result<(FolderSource, watch::Receiver<Arc<ConfigSet>>)> {
    let give_up = Instant::now() + options.config_wait_timeout;
    let mut told = false;
    loop {
        match FolderSource::open(&options.config) {
            Ok(opened) => return Ok(opened),
            Err(cause) if Instant::now() >= give_up => {
                return Err(cause)
                    .with_context(|| format!("configuration folder {}", options.config.display()));
            }
            Err(cause) => {
                if !std::mem::replace(&mut told, true) {
                    warn!(%cause, "there is no configuration yet; mixer waits for it");
                }
                sleep(CONFIG_RETRY).await;
            }
        }
    }
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
        let policy = builder.build(&config).await;
        mixer.metrics().config.export(&config, policy.problems());
        mixer.install(policy);
    }
    drain.signaled().await;
    drop(mixer);
    let _process_ends = give_back.send(builder);
}

async fn serve_grpc(listener: Listener, mixer: Arc<Mixer>, options: Options, drain: Drain) {
    let watch = WatchService::new(mixer.watch(), mixer.metrics().clone(), drain.clone());
    let metrics = mixer.metrics().clone();
    let connections = listener.connections(options.max_connections.get(), &metrics);
    let served = Server::builder()
        .layer(metrics.grpc)
        .max_concurrent_streams(options.max_concurrent_streams.get())
        .http2_keepalive_interval(Some(KEEPALIVE))
        .http2_keepalive_timeout(Some(KEEPALIVE))
        .add_service(MixerService { mixer, max_message_bytes: options.max_message_bytes })
        .add_service(WatchServer::new(watch))
        .serve_with_incoming_shutdown(connections, wait_for(drain))
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

async fn refresh(mixer: Arc<Mixer>, log: LogControl, drain: Drain) {
    let mut ticks = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                mixer.refresh_metrics();
                log.tell_repeats();
            }
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
