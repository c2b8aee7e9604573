use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use prometheus::IntGauge;
use tokio::sync::watch;
use tokio::time::sleep;
use tracing::{info, warn};

use super::link::Link;
use super::script::Scripts;
use super::server::Server;
use crate::metrics::QuotaMetrics;

/// Failures in a row after which a server is asked no more.
pub(super) const THRESHOLD: u32 = 5;

const FIRST_PAUSE: Duration = Duration::from_millis(50);
const LONGEST_PAUSE: Duration = Duration::from_secs(2);

/// How soon a connection that nobody uses is found dead.
const HEARTBEAT: Duration = Duration::from_secs(5);

/// How the server is.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// A connection is being made for the first time, or again after one that worked was lost: it may be
    /// worth the wait.
    Connecting,
    Ready(Arc<Link>),
    /// It failed, and is probed.
    Away(Arc<str>),
}

/// Keeps the connection to a server: makes it, sees it lost or failing, makes it again. It is the
/// circuit breaker: asks are refused while it probes.
#[derive(Debug)]
pub(super) struct Keeper {
    pub(super) server: Server,
    pub(super) scripts: Arc<Scripts>,
    pub(super) state: watch::Sender<State>,
    pub(super) metrics: QuotaMetrics,
}

/// Counted as away while it exists.
#[derive(Debug)]
struct AwayMark(IntGauge);

impl Keeper {
    /// Runs until it is dropped.
    pub(super) async fn run(self) {
        let mut run_id = None;
        let mut pause = FIRST_PAUSE;
        let mut away = None;
        loop {
            // The first ask after an outage decides: if it fails, the next pause follows at once.
            let failures = if away.is_some() { THRESHOLD - 1 } else { 0 };
            let why = match Link::connect(&self.server, &self.scripts, failures).await {
                Err(why) => why.into(),
                Ok(link) => {
                    let link = Arc::new(link);
                    self.greet(&link, &mut run_id);
                    if away.take().is_some() {
                        info!(server = %self.server, "a quota store answers again");
                    }
                    self.state.send_replace(State::Ready(Arc::clone(&link)));
                    let why = self.until_lost(&link).await;
                    if link.has_worked.load(Ordering::Relaxed) {
                        pause = FIRST_PAUSE;
                        if link.failures.load(Ordering::Relaxed) < THRESHOLD {
                            self.state.send_replace(State::Connecting);
                            continue;
                        }
                    }
                    why
                }
            };
            if away.is_none() {
                warn!(server = %self.server, why = &*why, "a quota store is away; asks fail until it answers");
                self.metrics.outages.inc();
                away = Some(AwayMark::new(&self.metrics.stores_away));
            }
            self.state.send_replace(State::Away(why));
            sleep(pause).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    /// Looks at the server behind a new connection.
    fn greet(&self, link: &Link, run_id: &mut Option<String>) {
        let about = &link.about;
        let server = &self.server;
        let restarted = run_id.replace(about.run_id.clone()).is_some_and(|old| old != about.run_id);
        if restarted {
            self.metrics.restarts.inc();
            if about.appends {
                warn!(%server, "a quota store was restarted; what its file lacked is granted again");
            } else {
                warn!(%server, "a quota store without an append-only file was restarted: each limit may be granted once more");
            }
        }
        if about.evicts {
            warn!(%server, "a quota store evicts keys when its memory is full, and with a counter its limit; set maxmemory-policy noeviction");
        }
    }

    /// Returns why the connection is not used any more.
    async fn until_lost(&self, link: &Link) -> Arc<str> {
        let mut broken = link.broken.subscribe();
        loop {
            // The link holds the sender.
            let told =
                async { broken.wait_for(Option::is_some).await.ok().and_then(|why| why.clone()) };
            let why = tokio::select! {
                why = told => why,
                () = sleep(HEARTBEAT) => link.is_alive().await.err().map(Arc::from),
            };
            if let Some(why) = why {
                return why;
            }
        }
    }
}

impl AwayMark {
    fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for AwayMark {
    fn drop(&mut self) {
        self.0.dec();
    }
}
