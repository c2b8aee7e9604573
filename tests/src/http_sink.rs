use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use anyhow::Result;

use crate::connections::{Connections, lock};
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
    connections: Connections,
    shared: Arc<Mutex<Shared>>,
}

#[derive(Debug)]
struct Shared {
    taken: Vec<SunkRequest>,
    asked: usize,
    answer: SinkAnswer,
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
        let shared = Arc::new(Mutex::new(Shared {
            taken: Vec::new(),
            asked: 0,
            answer: SinkAnswer::Status(200, None),
        }));
        let connections = Connections::serve(address, "requests", {
            let shared = Arc::clone(&shared);
            move |stream| receive(stream, &shared)
        })?;
        Ok(Self { connections, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.connections.address()
    }

    /// Its URL, without a path.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
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
