use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use axum::body::to_bytes;
use axum::extract::{Request, State};
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

/// A back end of a case on the loopback: the adapter sends to it over the network, as it does in a mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum ServerKind {
    /// Keeps datagrams.
    Udp,
    /// Keeps lines.
    Tcp,
    /// Keeps the bodies of requests and answers with 200.
    Http,
}

/// The back ends of a case. They end with it.
pub(crate) struct Servers {
    running: BTreeMap<String, Server>,
    /// Dropped last: it ends the tasks.
    _tasks: JoinSet<()>,
}

struct Server {
    address: SocketAddr,
    received: Received,
}

/// What came, in order.
#[derive(Debug, Clone, Default)]
struct Received {
    messages: Arc<Mutex<Vec<String>>>,
    /// What comes is forgotten at once.
    is_sink: bool,
}

/// How long what was sent may take to arrive.
const ARRIVAL_LIMIT: Duration = Duration::from_secs(5);
const ARRIVAL_POLL: Duration = Duration::from_millis(5);
/// The largest datagram there is.
const DATAGRAM: usize = 64 << 10;
/// More of one case is kept by nobody.
const MAX_BODY: usize = 16 << 20;
const MAX_MESSAGES: usize = 100_000;

impl Servers {
    /// Starts the servers on free ports of the loopback.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(super) async fn start(kinds: &BTreeMap<String, ServerKind>) -> Result<Self> {
        Self::run(kinds, Received::default).await
    }

    /// As [`Self::start`], but the servers keep nothing: for measurements, which send much.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(super) async fn sinks(kinds: &BTreeMap<String, ServerKind>) -> Result<Self> {
        Self::run(kinds, || Received { is_sink: true, ..Received::default() }).await
    }

    async fn run(
        kinds: &BTreeMap<String, ServerKind>,
        received: impl Fn() -> Received,
    ) -> Result<Self> {
        let (mut running, mut tasks) = (BTreeMap::new(), JoinSet::new());
        for (name, kind) in kinds {
            let received = received();
            let any = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
            let failed = || format!("start the server {name} of the case");
            let address = if *kind == ServerKind::Udp {
                let socket = UdpSocket::bind(any).await.with_context(failed)?;
                let address = socket.local_addr().with_context(failed)?;
                tasks.spawn(keep_datagrams(socket, received.clone()));
                address
            } else {
                let listener = TcpListener::bind(any).await.with_context(failed)?;
                let address = listener.local_addr().with_context(failed)?;
                if *kind == ServerKind::Tcp {
                    tasks.spawn(keep_lines(listener, received.clone()));
                } else {
                    tasks.spawn(keep_bodies(listener, received.clone()));
                }
                address
            };
            running.insert(name.clone(), Server { address, received });
        }
        Ok(Self { running, _tasks: tasks })
    }

    /// Puts addresses in the place of `$NAME` in the texts of parameters.
    pub(crate) fn fill_in(&self, parameters: &mut Value) {
        match parameters {
            Value::String(text) => {
                // Longer names first: `$ab` is not `$a` with a `b`.
                for (name, server) in self.running.iter().rev() {
                    *text = text.replace(&format!("${name}"), &server.address.to_string());
                }
            }
            Value::Array(items) => items.iter_mut().for_each(|item| self.fill_in(item)),
            Value::Object(fields) => fields.values_mut().for_each(|value| self.fill_in(value)),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    /// What a server has received, once that is `expected` messages or the time is over.
    pub(super) async fn received(&self, name: &str, expected: usize) -> Vec<String> {
        let Some(server) = self.running.get(name) else { return Vec::new() };
        let end = Instant::now() + ARRIVAL_LIMIT;
        while server.received.lock().len() < expected && Instant::now() < end {
            sleep(ARRIVAL_POLL).await;
        }
        server.received.lock().clone()
    }
}

impl Received {
    fn keep(&self, bytes: &[u8]) {
        if self.is_sink {
            return;
        }
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => text.to_owned(),
            Err(_) => {
                let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
                format!("hex:{hex}")
            }
        };
        let mut kept = self.lock();
        if kept.len() < MAX_MESSAGES {
            kept.push(text);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Vec<String>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn keep_datagrams(socket: UdpSocket, received: Received) {
    let mut datagram = vec![0; DATAGRAM];
    while let Ok(length) = socket.recv(&mut datagram).await {
        received.keep(&datagram[..length]);
    }
}

async fn keep_lines(listener: TcpListener, received: Received) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(keep_lines_of(stream, received.clone()));
    }
}

async fn keep_lines_of(mut stream: TcpStream, received: Received) {
    let mut pending = Vec::new();
    loop {
        match stream.read_buf(&mut pending).await {
            Ok(0) | Err(_) => break,
            Ok(_) if received.is_sink => pending.clear(),
            Ok(_) => {}
        }
        while let Some(end) = pending.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = pending.drain(..=end).collect();
            received.keep(&line[..end]);
        }
        if pending.len() > MAX_BODY {
            break;
        }
    }
    if !pending.is_empty() {
        received.keep(&pending);
    }
}

async fn keep_bodies(listener: TcpListener, received: Received) {
    let keep = async |State(received): State<Received>, request: Request| match to_bytes(
        request.into_body(),
        MAX_BODY,
    )
    .await
    {
        Ok(body) => {
            received.keep(&body);
            StatusCode::OK
        }
        Err(_) => StatusCode::PAYLOAD_TOO_LARGE,
    };
    let router = axum::Router::new().fallback(keep).with_state(received);
    // It ends with the task alone.
    let _ended = axum::serve(listener, router).await;
}
