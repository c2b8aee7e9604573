//! The first phase: requests that are allowed and denied, counted by everyone who saw them.

use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::http::{Answer, Connection};
use testbed::{Mesh, WORKERS, wait_until};

/// Connections that are open at once: two on each worker.
const CONNECTIONS: usize = 2 * WORKERS;
/// How often each connection sends every kind of request.
const ROUNDS: usize = 10;
/// The filter sends a report at least once a second.
const FLUSHED: Duration = Duration::from_secs(15);

/// The kinds of requests: path and the header `x-user`.
const KINDS: [(&str, Option<&str>); 7] = [
    ("/", None),
    ("/greet", Some("ann")),
    ("/greet?language=en", Some("bob")),
    ("/", Some("mallory")),
    ("/greet", Some("eve")),
    ("/admin", None),
    ("/admin/keys", Some("ann")),
];

/// What everyone counted while the requests of this phase were on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Traffic {
    /// Answers that the client got.
    pub(crate) requests: u64,
    /// Of those, with status 200.
    pub(crate) allowed: u64,
    /// Of those, with status 403.
    pub(crate) denied: u64,
    /// Calls that the filter made, by Envoy's statistics.
    pub(crate) check_calls: u64,
    /// Verdicts that the filter found in its cache, by Envoy's statistics.
    pub(crate) l1_hits: u64,
    /// Verdicts that Mixer found in its cache, by Mixer's metrics.
    pub(crate) l2_hits: u64,
    /// Requests reported to Mixer, by Mixer's metrics.
    pub(crate) reports_received: u64,
    /// Requests counted by the adapter `prometheus`, on its port.
    pub(crate) prometheus_requests_total: u64,
}

/// Counters of the mesh at one moment.
struct Reading {
    check_calls: u64,
    l1_hits: u64,
    l2_hits: u64,
    reports: u64,
    series: u64,
}

/// Answers by status.
#[derive(Default)]
struct Answers {
    all: u64,
    allowed: u64,
    denied: u64,
}

impl Answers {
    fn count(&mut self, answer: &Answer) {
        self.all += 1;
        match answer.status {
            200 => self.allowed += 1,
            403 => self.denied += 1,
            _ => {}
        }
    }

    fn add(&mut self, other: &Self) {
        self.all += other.all;
        self.allowed += other.allowed;
        self.denied += other.denied;
    }
}

/// Sends the requests, waits until their reports have arrived and prints what was counted.
///
/// # Errors
/// When the sidecar or Mixer does not answer, or a report does not arrive.
pub(crate) fn run(mesh: &Mesh) -> Result<Traffic> {
    println!("Requests");
    let before = read(mesh)?;
    let answers = send(mesh)?;
    let after = wait_until("the reports of all requests to arrive", FLUSHED, || {
        let reading = read(mesh)?;
        let (reports, series) = (reading.reports - before.reports, reading.series - before.series);
        ensure!(
            reports >= answers.all && series >= answers.all,
            "of {} requests {reports} were reported and {series} counted",
            answers.all
        );
        Ok(reading)
    })?;
    let traffic = Traffic {
        requests: answers.all,
        allowed: answers.allowed,
        denied: answers.denied,
        check_calls: after.check_calls - before.check_calls,
        l1_hits: after.l1_hits - before.l1_hits,
        l2_hits: after.l2_hits - before.l2_hits,
        reports_received: after.reports - before.reports,
        prometheus_requests_total: after.series - before.series,
    };
    println!(
        "  {} requests: {} allowed, {} denied\n  \
         {} verdicts from the filter's own cache, {} calls of Mixer, {} of them answered from Mixer's cache\n  \
         {} requests reported, {} counted in istio_requests_total\n",
        traffic.requests,
        traffic.allowed,
        traffic.denied,
        traffic.l1_hits,
        traffic.check_calls,
        traffic.l2_hits,
        traffic.reports_received,
        traffic.prometheus_requests_total,
    );
    Ok(traffic)
}

fn read(mesh: &Mesh) -> Result<Reading> {
    let stats = mesh.envoy()?.stats()?;
    let metrics = mesh.mixer().metrics()?;
    Ok(Reading {
        check_calls: stats.value("mixmesh.check_calls"),
        l1_hits: stats.value("mixmesh.check_l1_hits"),
        l2_hits: metrics.count("mixer_checkcache_cache_hits_total", &[]),
        reports: metrics.count("mixer_reports_received_total", &[]),
        series: mesh.mixer().series()?.count("istio_requests_total", &[]),
    })
}

/// One connection after the other first, so that the second worker asks for what Mixer has answered to
/// the first; then all at once.
fn send(mesh: &Mesh) -> Result<Answers> {
    let mut connections: Vec<Connection> =
        (0..CONNECTIONS).map(|_| mesh.connect()).collect::<Result<_>>()?;
    let mut answers = Answers::default();
    for (number, connection) in connections.iter_mut().enumerate() {
        for kind in KINDS {
            let answer = ask(connection, kind)?;
            answers.count(&answer);
            if number == 0 {
                print(kind, &answer);
            }
        }
    }
    let others = thread::scope(|scope| {
        let senders: Vec<_> = connections
            .iter_mut()
            .map(|connection| scope.spawn(move || send_rounds(connection)))
            .collect();
        senders.into_iter().map(|sender| sender.join().ok()).collect::<Vec<_>>()
    });
    for other in others {
        answers.add(&other.context("a client panicked")??);
    }
    Ok(answers)
}

fn send_rounds(connection: &mut Connection) -> Result<Answers> {
    let mut answers = Answers::default();
    for kind in KINDS.iter().cycle().take(ROUNDS * KINDS.len()) {
        answers.count(&ask(connection, *kind)?);
    }
    Ok(answers)
}

fn ask(connection: &mut Connection, (path, user): (&str, Option<&str>)) -> Result<Answer> {
    let headers = user.map(|user| ("x-user", user));
    connection.get(path, headers.as_slice())
}

fn print((path, user): (&str, Option<&str>), answer: &Answer) {
    let user = user.map_or_else(String::new, |user| format!(" x-user: {user}"));
    println!("  GET {:<32} {}  {}", format!("{path}{user}"), answer.status, answer.text());
}
