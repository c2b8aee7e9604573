use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

use crate::http::{read_body, read_headers, read_line};

/// Requests beyond this are answered and not kept.
const REQUEST_LIMIT: usize = 10_000;

/// A request as it came.
#[derive(Debug, Clone)]
pub struct SunkRequest {
    /// Its path.
    pub path: String,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, as it was encoded.
    pub body: Vec<u8>,
}

/// What a request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SinkAnswer {
    /// This status, with `Retry-After` if there are seconds.
    Status(u16, Option<u32>),
    /// Bytes that are no HTTP.
    Garbage,
    /// Nothing: the connection ends.
    Hangup,
}

/// A back end that takes requests by POST and misbehaves as a test says: what it answered with 2xx can be
/// looked at.
#[derive(Debug)]
pub struct HttpSink {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    taken: Vec<SunkRequest>,
    asked: usize,
    answer: SinkAnswer,
    connections: Vec<(TcpStream, JoinHandle<()>)>,
    closing: bool,
}

impl SunkRequest {
    /// The first header called `name`, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }
}

impl HttpSink {
    /// Listens on a free loopback port and answers 200.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        Self::start_at((Ipv4Addr::LOCALHOST, 0).into())
    }

    /// As [`Self::start`], at an address: that of one that was there before.
    ///
    /// # Errors
    /// When somebody listens there.
    pub fn start_at(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).context("listen for requests")?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Mutex::new(Shared {
            taken: Vec::new(),
            asked: 0,
            answer: SinkAnswer::Status(200, None),
            connections: Vec::new(),
            closing: false,
        }));
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

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Has requests answered so from now on.
    pub fn answer(&self, answer: SinkAnswer) {
        lock(&self.shared).answer = answer;
    }

    /// The requests that were answered with 2xx.
    pub fn taken(&self) -> Vec<SunkRequest> {
        lock(&self.shared).taken.clone()
    }

    /// How many requests came, whatever they were answered with.
    pub fn asked(&self) -> usize {
        lock(&self.shared).asked
    }
}

impl Drop for HttpSink {
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
        // An error says that the connection has ended, here or there.
        let thread = thread::spawn(move || drop(receive(reading, &receiver)));
        lock(shared).connections.push((stream, thread));
    }
}

/// Takes requests until the connection ends.
fn receive(stream: TcpStream, shared: &Mutex<Shared>) -> Result<()> {
    let mut answers = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    loop {
        let line = read_line(&mut reader)?;
        let headers = read_headers(&mut reader)?;
        let body = read_body(&mut reader, &headers)?.unwrap_or_default();
        let path = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let answer = {
            let mut shared = lock(shared);
            shared.asked += 1;
            let takes = matches!(shared.answer, SinkAnswer::Status(200..=299, _));
            if takes && shared.taken.len() < REQUEST_LIMIT {
                shared.taken.push(SunkRequest { path, headers, body });
            }
            shared.answer.clone()
        };
        match answer {
            SinkAnswer::Status(status, retry) => {
                let retry = retry.map(|s| format!("retry-after: {s}\r\n")).unwrap_or_default();
                write!(answers, "HTTP/1.1 {status} .\r\n{retry}content-length: 0\r\n\r\n")?;
            }
            SinkAnswer::Garbage => answers.write_all(b"\x00\xff no HTTP at all\r\n\r\n")?,
            SinkAnswer::Hangup => {
                answers.shutdown(Shutdown::Both)?;
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Connection;

    #[test]
    fn keeps_what_it_has_taken_and_counts_what_it_was_asked() {
        let sink = HttpSink::start().unwrap();
        let mut connection = Connection::open(sink.address()).unwrap();
        let mut post = |path: &str| {
            connection.request("POST", path, &[("x-key", "1")], b"body").map(|answer| answer.status)
        };
        assert_eq!(post("/a").unwrap(), 200);
        sink.answer(SinkAnswer::Status(429, Some(1)));
        assert_eq!(post("/b").unwrap(), 429);
        sink.answer(SinkAnswer::Hangup);
        assert!(post("/c").is_err());
        let [taken] = &sink.taken()[..] else { panic!("{:?}", sink.taken()) };
        assert_eq!((taken.path.as_str(), &taken.body[..]), ("/a", &b"body"[..]));
        assert_eq!((taken.header("x-key"), sink.asked()), (Some("1"), 3));
    }
}
