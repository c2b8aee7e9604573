use std::time::Duration;

use mesh_runtime::{Drain, Readiness};
use tonic::server::NamedService;
use tonic_health::ServingStatus;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::server::HealthReporter;

/// How often readiness is looked at. Load balancers ask every few seconds.
const LOOK: Duration = Duration::from_millis(250);

/// The health of the whole server (the empty name) and of each of `services`: none serves yet.
pub(super) async fn reporter(
    services: &[&'static str],
) -> (HealthReporter, HealthServer<impl Health>) {
    let (reporter, service) = tonic_health::server::health_reporter();
    tell(&reporter, services, ServingStatus::NotServing).await;
    (reporter, service)
}

/// Keeps `grpc.health.v1` at what `/readyz` says, for all that the reporter was made with; all are
/// down as soon as the process drains. Ends when it does.
pub(super) async fn follow_readiness(
    health: HealthReporter,
    services: &[&'static str],
    readiness: &Readiness,
    drain: &Drain,
) {
    let mut ticks = tokio::time::interval(LOOK);
    let mut told = None;
    loop {
        let drains = tokio::select! {
            _ = ticks.tick() => drain.is_draining(),
            () = drain.signaled() => true,
        };
        let serves = !drains && readiness.missing().is_empty();
        if told != Some(serves) {
            told = Some(serves);
            let status = if serves { ServingStatus::Serving } else { ServingStatus::NotServing };
            tell(&health, services, status).await;
        }
        if drains {
            return;
        }
    }
}

async fn tell(health: &HealthReporter, services: &[&'static str], status: ServingStatus) {
    for service in services.iter().chain(&[""]) {
        health.set_service_status(service, status).await;
    }
}

/// The name by which a service is asked about.
pub(super) const fn name_of<S: NamedService>(_: &S) -> &'static str {
    S::NAME
}
