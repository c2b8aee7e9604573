//! Counters in Redis, shared by all Mixers that use the same server.
//!
//! Goal: replicas together never grant more than the limit, and a broken server costs a request at most
//! the timeout, or nothing once it is known.
//!
//! - One script decides an ask in one round trip, by the server's clock ([`script`]).
//! - The timeout covers all that an ask waits for. When it is over, the ask may have been granted or
//!   not; that is [`StoreError::Unknown`], never a guess, and what was granted stays spent. Who asks
//!   again with the same deduplication id gets what was decided.
//! - After five failures in a row asks are refused at once, while [`keeper`] probes with a connection of
//!   its own; no ask is spent on finding out.
//! - A changed `run_id` says that the server was restarted. With `appendfsync always` nothing is lost;
//!   without persistence all counters begin anew, at most one further limit each, which is counted and
//!   logged. Counters that lived on in each Mixer to bridge that would drift apart and are not kept.
//! - One connection carries all asks, one behind the other: a pool adds connections, not speed, since
//!   the server runs one script at a time.

mod keeper;
mod link;
mod script;
mod server;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use redis::{ErrorKind, RedisError, RedisResult, ServerErrorKind, Value};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, timeout_at};

use self::keeper::{Keeper, State, THRESHOLD};
use self::link::{Link, describe, is_refusal, send, shorten};
use self::script::{Call, Scripts};
use self::server::Server;
use crate::metrics::{QuotaMetrics, StoreMetrics};
use crate::{Ask, Grant, OpenError, StoreError};

/// How a store in Redis is used.
#[derive(Clone)]
pub struct RedisOptions {
    /// `host:port`, `redis://…` or, with TLS, `rediss://…`; with user, password and database if needed.
    pub url: String,
    /// All that an ask may wait.
    pub timeout: Duration,
    /// Asks under way at once; further ones are refused.
    pub max_in_flight: usize,
}

/// Counters in Redis.
#[derive(Debug)]
pub struct RedisStore {
    server: Server,
    timeout: Duration,
    in_flight: Semaphore,
    max_in_flight: usize,
    scripts: Arc<Scripts>,
    state: watch::Receiver<State>,
    metrics: QuotaMetrics,
    counts: StoreMetrics,
    /// Ends with the store.
    _keeper: JoinSet<()>,
}

impl RedisOptions {
    /// The whole timeout of an ask by default.
    pub const TIMEOUT: Duration = Duration::from_millis(20);

    /// The server at `url` with 20 ms for each ask and 1024 asks at once.
    pub fn new(url: impl Into<String>) -> Self {
        Self { url: url.into(), timeout: Self::TIMEOUT, max_in_flight: 1024 }
    }

    /// Whether a store can be opened with these options; connects to nothing.
    ///
    /// # Errors
    /// When the address cannot be read or a bound is zero.
    pub fn check(&self) -> Result<(), OpenError> {
        self.server().map(drop)
    }

    fn server(&self) -> Result<Server, OpenError> {
        if self.timeout.is_zero() {
            return Err(OpenError::Zero { option: "timeout" });
        }
        if self.max_in_flight == 0 {
            return Err(OpenError::Zero { option: "max_in_flight" });
        }
        Server::parse(&self.url)
    }
}

impl std::fmt::Debug for RedisOptions {
    /// Without the URL, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisOptions")
            .field("timeout", &self.timeout)
            .field("max_in_flight", &self.max_in_flight)
            .finish_non_exhaustive()
    }
}

impl RedisStore {
    /// Begins to connect, in a task that lives as long as the store; waits for nothing. Must be called
    /// within a tokio runtime.
    ///
    /// # Errors
    /// As [`RedisOptions::check`]. A server that cannot be reached is none: asks
    /// fail until it can.
    pub fn open(options: &RedisOptions, metrics: &QuotaMetrics) -> Result<Self, OpenError> {
        let server = options.server()?;
        let scripts = Arc::new(Scripts::default());
        let (sender, state) = watch::channel(State::Connecting);
        let keeper = Keeper {
            server: server.clone(),
            scripts: Arc::clone(&scripts),
            state: sender,
            metrics: metrics.clone(),
        };
        let mut tasks = JoinSet::new();
        tasks.spawn(keeper.run());
        Ok(Self {
            server,
            timeout: options.timeout,
            in_flight: Semaphore::new(options.max_in_flight.min(Semaphore::MAX_PERMITS)),
            max_in_flight: options.max_in_flight,
            scripts,
            state,
            metrics: metrics.clone(),
            counts: metrics.store("redis"),
            _keeper: tasks,
        })
    }

    /// Decides `ask` in one round trip, at the latest when the timeout is over. Dropping the call does
    /// not take the ask back.
    ///
    /// # Errors
    /// All of [`StoreError`] but `Full`.
    pub async fn grant(&self, ask: &Ask) -> Result<Grant, StoreError> {
        let begin = Instant::now();
        let outcome = self.decide(ask, begin + self.timeout).await;
        if ask.amount != 0 {
            self.metrics.grant_seconds.observe(begin.elapsed().as_secs_f64());
        }
        self.counts.count(ask, &outcome);
        outcome
    }

    /// Whether asks are refused because the server failed.
    pub fn is_away(&self) -> bool {
        matches!(*self.state.borrow(), State::Away(_))
    }

    async fn decide(&self, ask: &Ask, deadline: Instant) -> Result<Grant, StoreError> {
        let server = || self.server.to_string();
        let call = Call::new(ask).ok_or_else(|| StoreError::Forever { server: server() })?;
        if ask.amount == 0 {
            return Ok(Grant::NONE);
        }
        let Ok(_permit) = self.in_flight.try_acquire() else {
            return Err(StoreError::Busy { server: server(), in_flight: self.max_in_flight });
        };
        let link = self.link(deadline).await?;
        let outcome = match timeout_at(deadline, self.run(&link, &call)).await {
            Ok(Ok(reply)) => script::grant(&reply, ask).ok_or_else(|| StoreError::Garbage {
                server: server(),
                answer: shorten(&format!("{reply:?}")),
            }),
            Ok(Err(cause)) => Err(self.judge(&link, &cause)),
            Err(_) => Err(StoreError::Unknown {
                server: server(),
                limit: self.timeout,
                why: "timeout".into(),
            }),
        };
        self.note(&link, &outcome);
        outcome
    }

    /// The connection to use. Waits for one that is being made, but not while the server is away.
    async fn link(&self, deadline: Instant) -> Result<Arc<Link>, StoreError> {
        let away =
            |why: &str| StoreError::Away { server: self.server.to_string(), why: why.into() };
        let mut state = self.state.clone();
        let settled = state.wait_for(|state| !matches!(state, State::Connecting));
        match timeout_at(deadline, settled).await {
            Ok(Ok(state)) => match &*state {
                State::Ready(link) => Ok(Arc::clone(link)),
                State::Away(why) => Err(away(why)),
                State::Connecting => Err(away("it is being connected")),
            },
            Ok(Err(_)) => Err(away("the task that connects has ended")),
            Err(_) => Err(away("connecting takes longer than an ask may wait")),
        }
    }

    async fn run(&self, link: &Link, call: &Call) -> RedisResult<Value> {
        let mut connection = link.connection.clone();
        match send(&mut connection, &self.scripts.by_digest(call)).await {
            Err(cause) if cause.kind() == ErrorKind::Server(ServerErrorKind::NoScript) => {
                send(&mut connection, &self.scripts.by_text(call)).await
            }
            outcome => outcome,
        }
    }

    /// What an error of the connection means; a connection that is of no use any more is said to be so.
    fn judge(&self, link: &Link, cause: &RedisError) -> StoreError {
        let server = self.server.to_string();
        let why = describe(cause);
        if is_refusal(cause) {
            return StoreError::Refused { server, message: why };
        }
        link.broken.send_replace(Some(why.as_str().into()));
        match cause.kind() {
            ErrorKind::Parse | ErrorKind::UnexpectedReturnType => {
                StoreError::Garbage { server, answer: why }
            }
            _ => StoreError::Unknown { server, limit: self.timeout, why },
        }
    }

    fn note(&self, link: &Link, outcome: &Result<Grant, StoreError>) {
        match outcome {
            Ok(_) => {
                link.failures.store(0, Ordering::Relaxed);
                link.has_worked.store(true, Ordering::Relaxed);
            }
            Err(cause) => {
                // No overflow: the connection is given up long before.
                if link.failures.fetch_add(1, Ordering::Relaxed) + 1 >= THRESHOLD {
                    link.broken.send_replace(Some(cause.to_string().into()));
                }
            }
        }
    }
}
