//! An HTTP/1.1 client that does exactly what a test says: which connection, which headers, which bytes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};

/// How long connecting, one write or one read may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// The largest answer that is read: Envoy's whole statistics are a hundredth of it.
const BODY_LIMIT: u64 = 64 << 20;

/// An answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers in their order, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The first header called `name`, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// This answer if its status is 200.
    ///
    /// # Errors
    /// When it is another; the text has the body.
    pub fn require_ok(self) -> Result<Self> {
        ensure!(self.status == 200, "answered {}: {}", self.status, self.text());
        Ok(self)
    }
}

/// A connection that stays open between requests.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    authority: String,
}

impl Connection {
    /// Connects.
    ///
    /// # Errors
    /// When nobody listens.
    pub fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&address, TIMEOUT)
            .with_context(|| format!("connect to {address}"))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        Ok(Self { stream: BufReader::new(stream), authority: address.to_string() })
    }

    /// `GET path` with these headers besides `host`.
    ///
    /// # Errors
    /// When the connection fails or the answer is not HTTP.
    pub fn get(&mut self, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
        self.request("GET", path, headers, b"")
    }

    /// One request with these headers besides `host` and `content-length`.
    ///
    /// # Errors
    /// When the connection fails or the answer is not HTTP.
    pub fn request(
        &mut self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let mut head = format!("{method} {path} HTTP/1.1\r\n");
        if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("host")) {
            head.push_str(&format!("host: {}\r\n", self.authority));
        }
        for (name, value) in headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        if !body.is_empty() || method == "POST" {
            head.push_str(&format!("content-length: {}\r\n", body.len()));
        }
        head.push_str("\r\n");
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(body);
        self.stream.get_mut().write_all(&bytes).context("send the request")?;
        self.read_answer().with_context(|| format!("{method} {path} at {}", self.authority))
    }

    fn read_answer(&mut self) -> Result<Answer> {
        let status_line = read_line(&mut self.stream)?;
        let status = status_line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.with_context(|| format!("`{status_line}` is no status line"))?;
        let headers = read_headers(&mut self.stream)?;
        let body = match read_body(&mut self.stream, &headers)? {
            Some(body) => body,
            None if matches!(status, 204 | 304) => Vec::new(),
            None => {
                let mut body = Vec::new();
                let read = self.stream.by_ref().take(BODY_LIMIT).read_to_end(&mut body);
                read.context("read the body")?;
                body
            }
        };
        Ok(Answer { status, headers, body })
    }
}

/// One `GET` of an `http://` URL on a connection of its own.
///
/// # Errors
/// When the URL is not one, nobody listens or the answer is not HTTP. Any status is an answer.
pub fn get(url: &str) -> Result<Answer> {
    let rest = url
        .strip_prefix("http://")
        .with_context(|| format!("`{url}` does not begin with http://"))?;
    let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
    let address =
        authority.parse().with_context(|| format!("`{authority}` is no address and port"))?;
    Connection::open(address)?.get(&format!("/{path}"), &[("connection", "close")])
}

/// Headers in their order, names in lower case, up to the empty line that ends them.
pub(crate) fn read_headers(stream: &mut impl BufRead) -> Result<Vec<(String, String)>> {
    let mut headers = Vec::new();
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else { return Ok(headers) };
        headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
    }
}

/// The body that these headers announce; `None` when they announce none.
pub(crate) fn read_body(
    stream: &mut impl BufRead,
    headers: &[(String, String)],
) -> Result<Option<Vec<u8>>> {
    let header = |name| headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str());
    if header("transfer-encoding").is_some_and(|coding| coding == "chunked") {
        return read_chunks(stream).map(Some);
    }
    let Some(length) = header("content-length") else { return Ok(None) };
    read_exactly(stream, length.parse().context("content-length")?).map(Some)
}

fn read_chunks(stream: &mut impl BufRead) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let line = read_line(stream)?;
        let size = line.split(';').next().unwrap_or_default();
        let size = u64::from_str_radix(size, 16).with_context(|| format!("chunk size `{line}`"))?;
        ensure!(body.len() as u64 + size <= BODY_LIMIT, "the body is larger than {BODY_LIMIT}");
        body.extend(read_exactly(stream, size)?);
        // Of the last chunk this is the empty line after trailers, which nobody sends us.
        read_line(stream)?;
        if size == 0 {
            return Ok(body);
        }
    }
}

fn read_exactly(stream: &mut impl BufRead, length: u64) -> Result<Vec<u8>> {
    ensure!(length <= BODY_LIMIT, "the body has {length} bytes");
    let mut bytes = vec![0; usize::try_from(length)?];
    stream.read_exact(&mut bytes).context("read the body")?;
    Ok(bytes)
}

pub(crate) fn read_line(stream: &mut impl BufRead) -> Result<String> {
    let mut line = Vec::new();
    stream.by_ref().take(64 << 10).read_until(b'\n', &mut line).context("read a line")?;
    if line.pop() != Some(b'\n') {
        bail!("the connection ended within a line");
    }
    Ok(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}
