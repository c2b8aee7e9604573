//! gRPC over the proxy's HTTP streams: frames, and what a call came to.

use std::borrow::Cow;

/// Compressed flag and length.
const PREFIX: usize = 5;

/// gRPC status numbers that this crate names.
pub mod status {
    /// The call succeeded.
    pub const OK: u32 = 0;
    /// The call was given up.
    pub const CANCELLED: u32 = 1;
    /// Not one of the others.
    pub const UNKNOWN: u32 = 2;
    /// The call took too long.
    pub const DEADLINE_EXCEEDED: u32 = 4;
    /// There was nobody to answer.
    pub const UNAVAILABLE: u32 = 14;
}

/// Why received bytes are no gRPC messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// A message is compressed, which was not offered.
    #[error("message is compressed, which this proxy did not offer")]
    Compressed,
    /// A message is larger than the reader allows.
    #[error("message of {0} bytes is larger than this proxy accepts")]
    TooLarge(usize),
}

/// A message with its prefix, ready to send.
#[derive(Debug)]
pub struct Frame(Vec<u8>);

impl Frame {
    /// A frame around what `write` appends to the buffer it is given.
    pub fn write(write: impl FnOnce(&mut Vec<u8>)) -> Self {
        Self::write_into(Vec::new(), write)
    }

    /// The same in the memory of `buffer`.
    pub fn write_into(mut buffer: Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) -> Self {
        buffer.clear();
        buffer.extend_from_slice(&[0; PREFIX]);
        write(&mut buffer);
        // A message of more than 4 GiB cannot be built: what goes in is bounded far below.
        let length = u32::try_from(buffer.len() - PREFIX).unwrap_or(u32::MAX);
        buffer[1..PREFIX].copy_from_slice(&length.to_be_bytes());
        Self(buffer)
    }

    /// The bytes to send.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// The memory, for another frame.
    pub fn into_buffer(self) -> Vec<u8> {
        self.0
    }
}

/// Puts messages together from data that arrives cut anywhere.
#[derive(Debug)]
pub struct FrameReader {
    buffer: Vec<u8>,
    read: usize,
    max_message: usize,
}

impl FrameReader {
    /// A reader that refuses messages above `max_message` bytes.
    pub fn new(max_message: usize) -> Self {
        Self { buffer: Vec::new(), read: 0, max_message }
    }

    /// Adds data. The buffer never holds more than one message and the data of one call.
    pub fn push(&mut self, data: &[u8]) {
        self.buffer.drain(..self.read);
        self.read = 0;
        self.buffer.extend_from_slice(data);
    }

    /// The next whole message, or `None` until more data comes.
    pub fn next_message(&mut self) -> Result<Option<&[u8]>, FrameError> {
        let rest = &self.buffer[self.read..];
        let Some((prefix, rest)) = rest.split_first_chunk::<PREFIX>() else { return Ok(None) };
        let [compressed, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        if compressed != 0 {
            return Err(FrameError::Compressed);
        }
        if length > self.max_message {
            return Err(FrameError::TooLarge(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        let start = self.read + PREFIX;
        self.read = start + length;
        Ok(Some(&self.buffer[start..self.read]))
    }

    /// Whether bytes of an unfinished message remain.
    pub fn has_rest(&self) -> bool {
        self.read < self.buffer.len()
    }
}

/// What has come back of a unary call so far.
#[derive(Debug)]
pub struct UnaryReply {
    reader: FrameReader,
    http_status: Option<u16>,
    grpc_status: Option<u32>,
    message: String,
    upstream_answered: bool,
}

/// How a call ended that has no message to show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallFailure {
    /// The gRPC status, or the one that comes nearest.
    pub status: u32,
    /// What went wrong, for operators.
    pub reason: String,
    /// Whether the service never spoke: the call failed on the way.
    pub transport: bool,
    /// Whether it is certain that the service never saw the call.
    pub unsent: bool,
}

impl CallFailure {
    /// Whether the service's answer did not come in time.
    pub fn is_timeout(&self) -> bool {
        self.transport
            && (self.status == status::DEADLINE_EXCEEDED
                || self.reason.contains("upstream request timeout"))
    }
}

impl UnaryReply {
    /// Nothing has come yet; messages above `max_message` bytes will be refused.
    pub fn new(max_message: usize) -> Self {
        Self {
            reader: FrameReader::new(max_message),
            http_status: None,
            grpc_status: None,
            message: String::new(),
            upstream_answered: false,
        }
    }

    /// Takes in one header or trailer. Names that this type has no use for are ignored.
    pub fn header(&mut self, name: &[u8], value: &[u8]) {
        let text = || std::str::from_utf8(value).unwrap_or_default();
        match name {
            b":status" => self.http_status = text().parse().ok(),
            b"grpc-status" => self.grpc_status = Some(text().parse().unwrap_or(status::UNKNOWN)),
            b"grpc-message" => self.message = percent_decode(value).into_owned(),
            b"x-envoy-upstream-service-time" => self.upstream_answered = true,
            _ => {}
        }
    }

    /// The headers of a buffered answer, of which the proxy shows no trailers: without a status among
    /// them, that of success is added, and only a whole message will count as one.
    pub fn complete<'h>(
        headers: impl Iterator<Item = (&'h [u8], &'h [u8])> + Clone,
    ) -> impl Iterator<Item = (&'h [u8], &'h [u8])> {
        let mut status = None;
        let mut told = false;
        for (name, value) in headers.clone() {
            match name {
                b":status" => status = Some(value),
                b"grpc-status" => told = true,
                _ => {}
            }
        }
        let silent = !told && status == Some(b"200");
        headers.chain(silent.then_some((&b"grpc-status"[..], &b"0"[..])))
    }

    /// Takes in data; false when there is more than any answer has, and the call should be reset.
    pub fn data(&mut self, data: &[u8]) -> bool {
        let limit = self.reader.max_message.saturating_add(PREFIX);
        let fits = self.reader.buffer.len().saturating_add(data.len()) <= limit;
        if fits {
            self.reader.push(data);
        }
        fits
    }

    /// The answer's message when the call succeeded with exactly one.
    pub fn finish(&mut self) -> Result<&[u8], CallFailure> {
        match self.grpc_status {
            Some(status::OK) => {}
            Some(code) => return Err(self.failed(code)),
            None => return Err(self.no_status()),
        }
        let garbage = |reason: String| CallFailure {
            status: status::UNKNOWN,
            reason,
            transport: false,
            unsent: false,
        };
        match self.reader.next_message() {
            Ok(Some(_)) => {}
            Ok(None) => return Err(garbage("answer has no whole message".into())),
            Err(error) => return Err(garbage(error.to_string())),
        }
        if self.reader.has_rest() {
            return Err(garbage("answer has more than one message".into()));
        }
        Ok(&self.reader.buffer[PREFIX..])
    }

    /// How a stream of messages ended, whatever its messages were.
    pub fn status_failure(&self) -> CallFailure {
        self.grpc_status.map_or_else(|| self.no_status(), |code| self.failed(code))
    }

    /// The failure of a call whose stream was reset.
    pub fn reset() -> CallFailure {
        CallFailure {
            status: status::UNAVAILABLE,
            reason: "the call was reset".into(),
            transport: true,
            unsent: false,
        }
    }

    fn failed(&self, code: u32) -> CallFailure {
        // The proxy turns failures on the way into answers of this status; the service's own carry
        // the time it took.
        let transport =
            matches!(code, status::UNAVAILABLE | status::DEADLINE_EXCEEDED | status::CANCELLED);
        let unsent = transport && !self.upstream_answered && never_connected(&self.message);
        let reason =
            if self.message.is_empty() { format!("status {code}") } else { self.message.clone() };
        CallFailure { status: code, reason, transport, unsent }
    }

    fn no_status(&self) -> CallFailure {
        let reason = match self.http_status {
            Some(200) | None => "the stream ended without a status".to_owned(),
            Some(other) => format!("HTTP status {other} and no gRPC status"),
        };
        CallFailure { status: status::UNAVAILABLE, reason, transport: true, unsent: false }
    }
}

/// Whether a failure text of the proxy's own says that no connection was there to send on. An unknown
/// text says no, and the call counts as perhaps sent.
fn never_connected(message: &str) -> bool {
    ["connection failure", "connection timeout", "no healthy upstream", "overflow"]
        .iter()
        .any(|cause| message.contains(cause))
}

/// Undoes the percent encoding of `grpc-message`; what is not encoded properly stays as it is.
fn percent_decode(value: &[u8]) -> Cow<'_, str> {
    if !value.contains(&b'%') {
        return String::from_utf8_lossy(value);
    }
    let mut decoded = Vec::with_capacity(value.len());
    let mut rest = value;
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.first_chunk::<2>().and_then(|digits| {
            let digits = std::str::from_utf8(digits).ok()?;
            u8::from_str_radix(digits, 16).ok()
        });
        match hex {
            Some(value) if byte == b'%' => {
                decoded.push(value);
                rest = &tail[2..];
            }
            _ => {
                decoded.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned().into()
}

#[cfg(test)]
mod tests;
