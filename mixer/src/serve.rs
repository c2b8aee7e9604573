use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{AdapterHost, HostOptions, QuotaMetrics};
use anyhow::Context;
use mesh_config::{ConfigError, ConfigSet, Source, SourceFeed};
use mesh_runtime::{
    Drain, LogControl, ProcessMetrics, Readiness, SpanExport, Tasks, admin_router, log_router,
    serve_http, until_terminated,
};
use mixer_workloads::{WorkloadMetrics, Workloads};
use tokio::net::TcpListener;
use tokio::sync::{oneshot, watch};
use tokio::time::{Instant, sleep, timeout};
use tracing::{error, info, warn};

use crate::debug::{Subject, debug_router};
use crate::grpc::GrpcPort;
use crate::listener::Listener;
use crate::metrics::{CompileMetrics, HandlerMetrics, Metrics, StateMetrics};
use crate::native::NativeAdapters;
use crate::options::Options;
use crate::policy::PolicyBuilder;
use crate::scrape;
use crate::service::Mixer;
use crate::source::export_status;

/// How often metrics that are read from state are brought up to date.
const REFRESH: Duration = Duration::from_secs(1);

/// How often a folder of configuration that is not there yet is looked for.
const CONFIG_RETRY: Duration = Duration::from_millis(250);

/// Serves until SIGTERM or SIGINT, then finishes what is under way. `log` is that of the process,
/// if it is to be steered by the HTTP port.
///
/// # Errors
/// When the configuration folder, or a file that the source's URL names, cannot be read, a port is taken,
/// or the adapter host cannot start. Mistakes within the configuration are no errors: they are logged and
/// shown at `/debug/config`. Nor is a source that is away: it is waited for.
pub async fn serve(options: Options, log: Option<LogControl>) -> anyhow::Result<()> {
    serve_with(options, log, NativeAdapters::default()).await
}

/// As [`serve`], with adapters in Rust.
///
/// # Errors
/// As [`serve`].
pub async fn serve_with(
    options: Options,
    log: Option<LogControl>,
    natives: NativeAdapters,
) -> anyhow::Result<()> {
    let metrics = Metrics::new();
    let readiness = Readiness::new();
    let configured = readiness.gate("configuration");
    let listening = readiness.gate("grpc");
    let mut tasks = Tasks::new();

    let tls = options.grpc_port.open_tls(metrics.registry()).context("TLS of the gRPC port")?;
    let http = bind("HTTP", options.http).await?;
    let http_address = http.local_addr()?;
    let subject = Subject::default();
    // It answers before there is a configuration: a process that waits for one is alive.
    tasks.start("http", {
        let admin = admin_router(readiness.clone(), metrics.registry().clone());
        let log = log.clone().map(log_router).unwrap_or_default();
        let routes = admin.merge(debug_router(subject.clone())).merge(log);
        logged("http", serve_http(http, routes, tasks.drain_signal()))
    });

    let spans = options.spans.as_ref().map(|to| SpanExport::open("mixer", to)).transpose()?;
    let counts = spans.as_ref().map(|spans| Box::new(spans.counts()) as Box<_>);
    metrics.registry().register(Box::new(StateMetrics::new(counts, log.clone())))?;
    metrics.registry().register(Box::new(ProcessMetrics::new()))?;
    let adapters = match &options.adapters {
        Some(folder) => folder.clone(),
        None => default_adapters()?,
    };
    let host = AdapterHost::new(HostOptions {
        cache_dir: options.compile_cache.clone(),
        compile_limit: options.compile_timeout,
        registry: options.registry(),
        quota_metrics: QuotaMetrics::register(metrics.registry())?,
        ..HostOptions::default()
    })?;
    metrics.registry().register(Box::new(CompileMetrics::new(host.compiles())))?;
    let series = Arc::clone(host.series());
    let workloads = match &options.workloads {
        Some(source) => {
            let exported = WorkloadMetrics::register(metrics.registry())?;
            Some(Workloads::open(source, Arc::clone(host.workloads()), exported).await?)
        }
        None => None,
    };
    let (source, mut feed) = open_config(&options).await?;
    let drain = tasks.drain_signal();
    tasks.start("configuration source", source.run(wait_for(drain.clone())));
    let status = feed.status.clone();
    tasks.start("source metrics", export_status(status.clone(), metrics.clone(), drain.clone()));
    subject.await_config(status);
    let mut first = None;
    tasks
        .run_until(async {
            tokio::select! {
                read = timeout(options.config_wait_timeout, feed.first()) => first = Some(read),
                () = until_told_to_end() => {}
            }
        })
        .await;
    let Some(first) = first else {
        tasks.drain(options.drain_timeout).await;
        return Ok(());
    };
    let waited = options.config_wait_timeout.as_secs_f64();
    let first = first.ok().flatten().with_context(|| {
        format!("configuration source {} had nothing within {waited} s", options.config)
    })?;
    let builder = PolicyBuilder::new(host, adapters, &options.root_namespace, metrics.clone());
    let mut builder = builder.with_natives(natives);
    let policy = builder.build(&first).await;
    let tracer = spans.as_ref().map(SpanExport::tracer);
    metrics.config.export(&first, policy.problems());
    let mixer = Mixer::new(policy, options.check_cache_bytes, metrics.clone(), tracer);
    let mixer = mixer.with_stale_window(options.check_cache_stale_window);
    let mixer = Arc::new(mixer.with_shedding(&options.shedding()));
    metrics.registry().register(Box::new(HandlerMetrics::new(&mixer)))?;
    subject.show(Arc::clone(&mixer), feed.configs.clone());
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
    if let Some(workloads) = workloads {
        tasks.start("workloads", workloads.run(wait_for(drain.clone())));
    }
    tasks.start(
        "configuration",
        follow(feed.configs, builder, Arc::clone(&mixer), drain.clone(), give_back),
    );
    let grpc = GrpcPort { listener: grpc, tls, readiness };
    tasks.start("grpc", grpc.serve(Arc::clone(&mixer), options.clone(), drain.clone()));
    tasks.start(
        "prometheus",
        logged("prometheus", serve_http(prometheus, scrape::routes(series), drain.clone())),
    );
    tasks.start("metrics", refresh(Arc::clone(&mixer), log, drain));
    listening.open();

    tasks.run_until(until_told_to_end()).await;
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

/// The source of configuration. A folder that is not there is waited for as long as the options say.
async fn open_config(options: &Options) -> anyhow::Result<(Source, SourceFeed)> {
    let give_up = Instant::now() + options.config_wait_timeout;
    let mut told = false;
    loop {
        match Source::open(&options.config).await {
            Ok(opened) => return Ok(opened),
            Err(cause) if Instant::now() >= give_up || !may_come(&cause) => {
                return Err(cause)
                    .with_context(|| format!("configuration source {}", options.config));
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

/// A folder that is not there may be mounted yet; a wrong path will not become right.
fn may_come(cause: &ConfigError) -> bool {
    matches!(cause, ConfigError::ListFolder { source, .. } if source.kind() == ErrorKind::NotFound)
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
            () = builder.component_arrived() => {}
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

async fn refresh(mixer: Arc<Mixer>, log: Option<LogControl>, drain: Drain) {
    let mut ticks = tokio::time::interval(REFRESH);
    loop {
        tokio::select! {
            _ = ticks.tick() => {
                mixer.refresh_metrics();
                log.iter().for_each(LogControl::tell_repeats);
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
