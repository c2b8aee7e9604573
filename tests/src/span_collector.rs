use std::io::{BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::{Arc, Mutex};

use anyhow::Result;
use serde_json::Value;

use crate::connections::{Connections, lock};
use crate::http::{read_body, read_headers, read_line};

/// Spans beyond this are dropped: a test looks at a few.
const SPAN_LIMIT: usize = 100_000;

/// A Zipkin v2 collector inside this process: what is posted to it can be looked at.
#[derive(Debug)]
pub struct SpanCollector {
    connections: Connections,
    spans: Arc<Mutex<Vec<Value>>>,
}

impl SpanCollector {
    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub fn start() -> Result<Self> {
        let spans = Arc::<Mutex<Vec<Value>>>::default();
        let connections = Connections::serve((Ipv4Addr::LOCALHOST, 0).into(), "spans", {
            let spans = Arc::clone(&spans);
            move |stream| receive(stream, &spans)
        })?;
        Ok(Self { connections, spans })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.connections.address()
    }

    /// Where spans are posted to.
    pub fn url(&self) -> String {
        format!("http://{}/api/v2/spans", self.address())
    }

    /// The spans that have arrived.
    pub fn spans(&self) -> Vec<Value> {
        lock(&self.spans).clone()
    }
}

/// Takes requests until the connection ends.
fn receive(stream: TcpStream, taken: &Mutex<Vec<Value>>) -> Result<()> {
    let mut answers = stream.try_clone()?;
    let mut reader = BufReader::new(stream);
    // Until the other side closes the connection, which shows as an error here.
    loop {
        let request = read_line(&mut reader)?;
        let headers = read_headers(&mut reader)?;
        let body = read_body(&mut reader, &headers)?.unwrap_or_default();
        let status = match serde_json::from_slice::<Vec<Value>>(&body) {
            Ok(spans) if request.starts_with("POST /api/v2/spans ") => {
                let mut taken = lock(taken);
                let room = SPAN_LIMIT.saturating_sub(taken.len());
                taken.extend(spans.into_iter().take(room));
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
