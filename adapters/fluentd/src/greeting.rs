//! The server's side of the conversation: its greeting, the login, and acknowledgements.
//!
//! A server with a shared key speaks first (HELO), is told a proof of the key (PING), and proves in turn
//! that it has it (PONG); messages may follow only then. Every server may acknowledge messages.

use adapter_sdk::Step;
use rmpv::Value;
use rmpv::decode::read_value_with_max_depth;
use sha2::{Digest, Sha512};

use crate::parameters::Parameters;

/// Where a connection is, and what of an unfinished message has come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Connection {
    phase: Phase,
    /// Ours in the login.
    salt: [u8; 16],
    /// The server's in the login.
    nonce: Vec<u8>,
    rest: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    Greeted,
    LoggingIn,
    Open,
}

/// What an honest server says in one message is far below; what is unfinished has to fit into the state
/// that the host keeps.
const MAX_REST: usize = 32 << 10;
const MAX_NONCE: usize = 1 << 10;
/// Messages of the server are flat but for the options of HELO.
const MAX_DEPTH: usize = 8;

impl Connection {
    /// A connection that was just opened. `salt` must not repeat.
    pub(crate) fn new(parameters: &Parameters, salt: [u8; 16]) -> Self {
        let phase = if parameters.shared_key.is_empty() { Phase::Open } else { Phase::Greeted };
        Self { phase, salt, nonce: Vec::new(), rest: Vec::new() }
    }

    /// The step that leads here.
    pub(crate) fn step(self) -> Step {
        let ready = self.phase == Phase::Open;
        Step { state: self.into_state(), ready, send: Vec::new(), settled: Vec::new() }
    }

    /// Takes what the server has sent.
    pub(crate) fn received(mut self, data: &[u8], parameters: &Parameters) -> Result<Step, String> {
        self.rest.extend_from_slice(data);
        let (mut send, mut settled) = (Vec::new(), Vec::new());
        let rest = std::mem::take(&mut self.rest);
        let mut unread = &rest[..];
        while !unread.is_empty() {
            let mut cursor = unread;
            let message = match read_value_with_max_depth(&mut cursor, MAX_DEPTH) {
                Ok(message) => message,
                Err(error) if is_unfinished(&error) => break,
                Err(error) => {
                    return Err(format!("the server sent what is no MessagePack: {error}"));
                }
            };
            unread = cursor;
            match self.phase {
                Phase::Greeted => send.extend(self.log_in(&message, parameters)?),
                Phase::LoggingIn => self.open(&message, parameters)?,
                Phase::Open => settled.push(acknowledged(&message)?),
            }
        }
        if unread.len() > MAX_REST {
            return Err(format!("the server sent a message of more than {MAX_REST} bytes"));
        }
        self.rest = unread.to_vec();
        let step = self.step();
        Ok(Step { send, settled, ..step })
    }

    /// Answers HELO with PING.
    fn log_in(&mut self, message: &Value, parameters: &Parameters) -> Result<Vec<u8>, String> {
        let parts = parts(message, "HELO")?;
        let option = |name: &str| {
            let options = parts.get(1).and_then(Value::as_map)?;
            let (_, value) = options.iter().find(|(key, _)| key.as_str() == Some(name))?;
            bytes(value)
        };
        self.nonce = option("nonce").unwrap_or_default().to_vec();
        let auth = option("auth").unwrap_or_default();
        if self.nonce.len() > MAX_NONCE {
            return Err(format!("the server's nonce has more than {MAX_NONCE} bytes"));
        }
        let Parameters { hostname, username, password, .. } = parameters;
        let (user, password) = if auth.is_empty() {
            ("", String::new())
        } else if username.is_empty() {
            return Err("the server asks for a user: set username and password".to_owned());
        } else {
            let proof = [auth, username.as_bytes(), password.as_bytes()];
            (username.as_str(), hex_sha512(&proof))
        };
        let proof = self.proof(hostname.as_bytes(), parameters);
        let text = |text: &str| Value::from(text);
        let ping = Value::Array(vec![
            text("PING"),
            text(hostname),
            Value::Binary(self.salt.to_vec()),
            text(&proof),
            text(user),
            text(&password),
        ]);
        self.phase = Phase::LoggingIn;
        let mut out = Vec::new();
        rmpv::encode::write_value(&mut out, &ping).expect("memory takes what is written");
        Ok(out)
    }

    /// Takes PONG.
    fn open(&mut self, message: &Value, parameters: &Parameters) -> Result<(), String> {
        let parts = parts(message, "PONG")?;
        let text = |place: usize| parts.get(place).and_then(bytes).unwrap_or_default();
        if parts.get(1).and_then(Value::as_bool) != Some(true) {
            let reason = String::from_utf8_lossy(text(2)).into_owned();
            return Err(format!("the server refused the login: {reason}"));
        }
        let server = text(3);
        if text(4) != self.proof(server, parameters).as_bytes() {
            return Err("the server does not have the shared_key".to_owned());
        }
        self.phase = Phase::Open;
        Ok(())
    }

    /// What only one who has the key can say.
    fn proof(&self, hostname: &[u8], parameters: &Parameters) -> String {
        hex_sha512(&[&self.salt, hostname, &self.nonce, parameters.shared_key.as_bytes()])
    }

    pub(crate) fn from_state(state: &[u8]) -> Option<Self> {
        let (phase, state) = state.split_first()?;
        let (salt, state) = state.split_first_chunk::<16>()?;
        let (length, state) = state.split_first_chunk::<2>()?;
        let (nonce, rest) = state.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
        let phase = match phase {
            0 => Phase::Greeted,
            1 => Phase::LoggingIn,
            _ => Phase::Open,
        };
        Some(Self { phase, salt: *salt, nonce: nonce.to_vec(), rest: rest.to_vec() })
    }

    fn into_state(self) -> Vec<u8> {
        let length = u16::try_from(self.nonce.len()).expect("a nonce is short");
        let mut state = vec![self.phase as u8];
        state.extend(self.salt);
        state.extend(length.to_le_bytes());
        state.extend(self.nonce);
        state.extend(self.rest);
        state
    }
}

/// The token of the message that `{"ack": token}` is for.
fn acknowledged(message: &Value) -> Result<String, String> {
    let entries = message.as_map().map_or(&[][..], Vec::as_slice);
    let ack = entries.iter().find(|(key, _)| key.as_str() == Some("ack"));
    let token = ack.and_then(|(_, value)| value.as_str());
    match token {
        Some(token) => Ok(token.to_owned()),
        None if parts(message, "HELO").is_ok() => {
            Err("the server asks for a shared key: set shared_key".to_owned())
        }
        None => Err("the server sent something else than an acknowledgement".to_owned()),
    }
}

fn parts<'v>(message: &'v Value, name: &str) -> Result<&'v [Value], String> {
    let parts = message.as_array().map_or(&[][..], Vec::as_slice);
    match parts.first().and_then(Value::as_str) {
        Some(first) if first == name => Ok(parts),
        _ => Err(format!("the server sent something else than {name}")),
    }
}

/// Text and binary are one to old servers.
fn bytes(value: &Value) -> Option<&[u8]> {
    match value {
        Value::String(text) => Some(text.as_bytes()),
        Value::Binary(bytes) => Some(bytes),
        _ => None,
    }
}

fn hex_sha512(parts: &[&[u8]]) -> String {
    let mut hash = Sha512::new();
    parts.iter().for_each(|part| hash.update(part));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

fn is_unfinished(error: &rmpv::decode::Error) -> bool {
    error.kind() == std::io::ErrorKind::UnexpectedEof
}
