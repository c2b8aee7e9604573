//! The client: so many calls under way at once, or so many in a second.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use bytes::Bytes;
use hdrhistogram::Histogram;
use http::uri::PathAndQuery;
use mesh_api::mixer::v1::CheckResponse;
use prost::Message;
use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;
use tonic::client::Grpc;
use tonic::metadata::MetadataValue;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request};

use mesh_api::RawCodec;

/// Sidecars that call: clients share them.
const MAX_CONNECTIONS: u32 = 4;

/// Calls that may be under way when the rate is fixed; a server that is too slow for the rate is not
/// given more.
const MAX_UNDER_WAY: usize = 1024;

/// What is called, with what, and what must come back.
#[derive(Clone)]
pub(super) struct Calls {
    pub(super) method: Method,
    /// The message of each call.
    pub(super) messages: Arc<dyn Fn(u64) -> Bytes + Send + Sync>,
    /// Requests of users that one call is about.
    pub(super) requests: u32,
}

#[derive(Debug, Clone, Copy)]
pub(super) enum Method {
    Check(Expected),
    Report,
}

/// What an answer to Check must be, so that a bench measures what its name says.
#[derive(Debug, Clone, Copy)]
pub(super) struct Expected {
    /// The status of the precondition.
    pub(super) code: i32,
    /// Where a Mixer of ours has it from.
    pub(super) level: Option<&'static str>,
}

/// Connections to one server.
pub(super) struct Client {
    runtime: Runtime,
    channels: Vec<Channel>,
}

/// What a client has seen.
#[derive(Debug)]
pub(super) struct Heard {
    /// Nanoseconds of each answered call.
    pub(super) times: Histogram<u64>,
    /// Calls that the server refused for its load.
    pub(super) shed: u64,
    pub(super) elapsed: Duration,
}

impl Calls {
    /// Calls whose messages are `messages`, one after the other in an order that no processor foresees.
    pub(super) fn scattered(method: Method, requests: u32, messages: Vec<Bytes>) -> Self {
        // A prime, so that all come before one comes again, unless it divides their number.
        const STRIDE: usize = 397;
        let messages = move |call: u64| messages[call as usize * STRIDE % messages.len()].clone();
        Self { method, messages: Arc::new(messages), requests }
    }
}

impl Client {
    /// Connects as `clients` clients do.
    ///
    /// # Errors
    /// When the server does not listen.
    pub(super) fn connect(address: SocketAddr, clients: u32) -> Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))?.tcp_nodelay(true);
        let mut channels = Vec::new();
        for _ in 0..clients.min(MAX_CONNECTIONS) {
            let connected = runtime.block_on(endpoint.connect());
            channels.push(connected.with_context(|| format!("connect to {address}"))?);
        }
        Ok(Self { runtime, channels })
    }

    /// Calls with so many clients, each of which waits for its answer before it calls again, until `end`
    /// has passed or `limit` calls were made.
    ///
    /// # Errors
    /// When an answer is not as expected.
    pub(super) fn call(
        &self,
        calls: &Calls,
        clients: u32,
        end: Duration,
        limit: u64,
    ) -> Result<Heard> {
        let begun = Instant::now();
        let next = Arc::new(AtomicU64::new(0));
        self.runtime.block_on(async {
            let mut working = JoinSet::new();
            for channel in self.channels.iter().cycle().take(clients as usize) {
                let (calls, next) = (calls.clone(), Arc::clone(&next));
                let mut caller = Caller::new(channel, calls.method)?;
                working.spawn(async move {
                    while begun.elapsed() < end {
                        let number = next.fetch_add(1, Ordering::Relaxed);
                        if number >= limit {
                            break;
                        }
                        caller.call((calls.messages)(number)).await?;
                    }
                    anyhow::Ok(caller)
                });
            }
            let mut heard = Heard::nothing()?;
            while let Some(done) = working.join_next().await {
                heard.add(&done??)?;
            }
            heard.elapsed = begun.elapsed();
            Ok(heard)
        })
    }

    /// Makes calls at fixed rates, whenever their time has come and not when another was answered, until
    /// `end` has passed.
    ///
    /// # Errors
    /// When an answer is not as expected.
    pub(super) fn call_at_rates(&self, rates: &[(Calls, u32)], end: Duration) -> Result<Heard> {
        let begun = Instant::now();
        self.runtime.block_on(async {
            let mut pacers = JoinSet::new();
            for (calls, per_second) in rates.iter().cloned() {
                let caller = Caller::new(&self.channels[0], calls.method)?;
                pacers.spawn(pace(calls, caller, per_second, begun + end));
            }
            let mut heard = Heard::nothing()?;
            while let Some(done) = pacers.join_next().await {
                heard.merge(&done??)?;
            }
            heard.elapsed = begun.elapsed();
            Ok(heard)
        })
    }
}

async fn pace(calls: Calls, caller: Caller, per_second: u32, end: Instant) -> Result<Heard> {
    let mut ticks = tokio::time::interval(Duration::from_secs(1) / per_second);
    let mut under_way = JoinSet::new();
    let mut heard = Heard::nothing()?;
    let mut number = 0;
    while Instant::now() < end {
        ticks.tick().await;
        let mut caller = caller.clone();
        let message = (calls.messages)(number);
        number += 1;
        under_way.spawn(async move { caller.call(message).await.map(|()| caller) });
        while let Some(done) = under_way.try_join_next() {
            heard.add(&done??)?;
        }
        ensure!(under_way.len() < MAX_UNDER_WAY, "the server is too slow for {per_second} calls/s");
    }
    while let Some(done) = under_way.join_next().await {
        heard.add(&done??)?;
    }
    Ok(heard)
}

/// Calls, one after the other.
#[derive(Clone)]
struct Caller {
    grpc: Grpc<Channel>,
    method: Method,
    times: Histogram<u64>,
    shed: u64,
}

impl Caller {
    fn new(channel: &Channel, method: Method) -> Result<Self> {
        let times = Histogram::new(3)?;
        Ok(Self { grpc: Grpc::new(channel.clone()), method, times, shed: 0 })
    }

    async fn call(&mut self, message: Bytes) -> Result<()> {
        let begun = Instant::now();
        self.grpc.ready().await?;
        let mut request = Request::new(message);
        let path = match self.method {
            Method::Check(_) => {
                let version = MetadataValue::from_static("bench");
                request.metadata_mut().insert("mixmesh-filter", version);
                PathAndQuery::from_static("/istio.mixer.v1.Mixer/Check")
            }
            Method::Report => PathAndQuery::from_static("/istio.mixer.v1.Mixer/Report"),
        };
        let answer = match self.grpc.unary(request, path, RawCodec).await {
            Ok(answer) => answer,
            Err(status) if status.code() == Code::Unavailable => {
                self.shed += 1;
                return Ok(());
            }
            Err(status) => return Err(status.into()),
        };
        let nanos = u64::try_from(begun.elapsed().as_nanos())?;
        let is_first = self.times.is_empty();
        self.times.record(nanos)?;
        let Method::Check(expected) = self.method else { return Ok(()) };
        if let Some(level) = expected.level {
            let from = answer.metadata().get("mixmesh-cache").and_then(|from| from.to_str().ok());
            ensure!(from == Some(level), "the answer is from {from:?}, not {level}");
        }
        // Decoding each would cost the client as much as the call.
        if is_first {
            let answer = CheckResponse::decode(answer.into_inner())?;
            let status = answer.precondition.and_then(|p| p.status).unwrap_or_default();
            let (code, text) = (status.code, status.message);
            ensure!(code == expected.code, "status {code} ({text}), not {}", expected.code);
        }
        Ok(())
    }
}

impl Heard {
    fn nothing() -> Result<Self> {
        Ok(Self { times: Histogram::new(3)?, shed: 0, elapsed: Duration::ZERO })
    }

    fn add(&mut self, caller: &Caller) -> Result<()> {
        self.shed += caller.shed;
        Ok(self.times.add(&caller.times)?)
    }

    pub(super) fn merge(&mut self, other: &Self) -> Result<()> {
        self.shed += other.shed;
        self.elapsed += other.elapsed;
        Ok(self.times.add(&other.times)?)
    }
}
