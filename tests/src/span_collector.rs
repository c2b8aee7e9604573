use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};
use serde_json::Value;

use crate::http::{read_body, read_headers, read_line};

/// Spans beyond this are dropped: a test looks at a few.
const SPAN_LIMIT: usize = 100_000;

/// A Zipkin v2 collector inside this process: what is posted to it can be looked at.
#[derive(Debug)]
pub struct SpanCollector {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    spans: Vec<Value>,
    connections: Vec<(TcpStream, JoinHandle<()>)>,
    closing: bool,
}

impl SpanCollector {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listen for spans")?;
        let address = listener.local_addr()?;
        let shared = Arc::<Mutex<Shared>>::default();
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared)
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where spans are posted to.
    pub fn url(&self) -> String {
        format!("http://{}/api/v2/spans", self.address)
    }

    /// The spans that have arrived.
    pub fn spans(&self) -> Vec<Value> {
        lock(&self.shared).spans.clone()
    }
}

impl Drop for SpanCollector {
    fn drop(&mut self) {
        lock(&self.shared).closing = true;
        // Wakes the accepting thread. Where it cannot be reached, it has ended.
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
        let connections = std::mem::take(&mut lock(&self.shared).connections);
        for (stream, reading) in connections {
            // An error says that the other side was first.
            drop(stream.shutdown(Shutdown::Both));
            drop(reading.join());
        }
    }
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(listener: &TcpListener, shared: &Arc<Mutex<Shared>>) {
    for stream in listener.incoming() {
        if lock(shared).closing {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(reading) = stream.try_clone() else { continue };
        let receiver = Arc::clone(shared);
        let thread = thread::spawn(move || drop(receive(reading, &receiver)));
        lock(shared).connections.push((stream, thread));
    }
}

/// Takes requests until the connection ends.
fn receive(stream: TcpStream, shared: &Mutex<Shared>) -> Result<()> {
    let mut answers = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    // Until the other side closes the connection, which shows as an error here.
    loop {
        let request = read_line(&mut reader)?;
        let headers = read_headers(&mut reader)?;
        let body = read_body(&mut reader, &headers)?.unwrap_or_default();
        let status = match serde_json::from_slice::<Vec<Value>>(&body) {
            Ok(spans) if request.starts_with("POST /api/v2/spans ") => {
                let mut shared = lock(shared);
                let room = SPAN_LIMIT.saturating_sub(shared.spans.len());
                shared.spans.extend(spans.into_iter().take(room));
                "202 Accepted"
            }
            Ok(_) => "404 Not Found",
            Err(_) => "400 Bad Request",
        };
        write!(answers, "HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Connection;

    #[test]
    fn keeps_what_is_posted_and_refuses_what_is_no_span() {
        let collector = SpanCollector::start().unwrap();
        let mut connection = Connection::open(collector.address()).unwrap();
        let mut post = |path: &str, body: &str| {
            connection.request("POST", path, &[], body.as_bytes()).unwrap().status
        };
        assert_eq!(post("/api/v2/spans", r#"[{"id":"1"},{"id":"2"}]"#), 202);
        assert_eq!(post("/api/v2/spans", "no json"), 400);
        assert_eq!(post("/elsewhere", "[]"), 404);
        let ids: Vec<_> = collector.spans().iter().map(|span| span["id"].clone()).collect();
        assert_eq!(ids, ["1", "2"]);
    }
}
