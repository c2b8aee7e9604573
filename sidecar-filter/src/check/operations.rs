//! What policy does to the headers of a request that passes and of its response.
//!
//! Policy may shape a request, not break its message: what frames it (`content-length`,
//! `transfer-encoding`) and what a proxy cannot do without (pseudo headers, but for replacing path,
//! authority and method) is refused one operation at a time, and counted.

use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::mixer::v1::{HeaderOperation as Message, RouteDirective};

use crate::host::{HeaderBlock, StreamHost};

/// Operations that are carried out for each side; a policy with more is mistaken.
const MAX_OPERATIONS: usize = 64;

/// The longest value; a proxy would refuse the request with more.
const MAX_VALUE: usize = 32 << 10;

/// What is done to the headers of a request that passes and of its response.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct HeaderOperations {
    /// Before the request goes on.
    pub request: Vec<HeaderOperation>,
    /// Before the response goes back.
    pub response: Vec<HeaderOperation>,
}

/// One change of one header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderOperation {
    /// The header's name in lower case.
    pub name: String,
    /// The change.
    pub change: HeaderChange,
}

/// What is done to a header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeaderChange {
    /// It gets this value alone.
    Replace(String),
    /// It gets this value as well.
    Append(String),
    /// It is taken off.
    Remove,
}

impl HeaderOperations {
    /// The operations of `directive`, and how many of them are refused.
    pub fn read(directive: &RouteDirective) -> (Self, u32) {
        let mut refused = 0;
        let mut read = |messages: &[Message], block| {
            let taken = messages.len().min(MAX_OPERATIONS);
            refused += u32::try_from(messages.len() - taken).unwrap_or(u32::MAX);
            let mut operations = Vec::with_capacity(taken);
            for message in &messages[..taken] {
                match HeaderOperation::read(message, block) {
                    Some(operation) => operations.push(operation),
                    None => refused += 1,
                }
            }
            operations
        };
        let request = read(&directive.request_header_operations, HeaderBlock::Request);
        let response = read(&directive.response_header_operations, HeaderBlock::Response);
        (Self { request, response }, refused)
    }

    /// Whether nothing is done.
    pub fn is_empty(&self) -> bool {
        self.request.is_empty() && self.response.is_empty()
    }

    /// What the operations take in memory, in bytes.
    pub fn cost(&self) -> usize {
        self.request.iter().chain(&self.response).map(HeaderOperation::cost).sum()
    }
}

impl HeaderOperation {
    /// What the operation takes in memory, in bytes.
    pub fn cost(&self) -> usize {
        let value = match &self.change {
            HeaderChange::Replace(value) | HeaderChange::Append(value) => value.len(),
            HeaderChange::Remove => 0,
        };
        size_of::<Self>() + self.name.len() + value
    }

    fn read(message: &Message, block: HeaderBlock) -> Option<Self> {
        let mut name = message.name.to_ascii_lowercase();
        if name == "host" && block == HeaderBlock::Request {
            // The proxy keeps the two as one.
            ":authority".clone_into(&mut name);
        }
        let value = || {
            let value = &message.value;
            let is_sound = value.len() <= MAX_VALUE
                && value.bytes().all(|byte| !matches!(byte, b'\0' | b'\r' | b'\n'));
            is_sound.then(|| value.clone())
        };
        let change = match Operation::try_from(message.operation).ok()? {
            Operation::Replace => HeaderChange::Replace(value()?),
            Operation::Append => HeaderChange::Append(value()?),
            Operation::Remove => HeaderChange::Remove,
        };
        may_change(&name, &change, block).then_some(Self { name, change })
    }

    /// Carries the operation out.
    pub fn apply<H: StreamHost>(&self, host: &mut H, block: HeaderBlock) {
        match &self.change {
            HeaderChange::Replace(value) => {
                host.set_header(block, &self.name, Some(value.as_bytes()));
            }
            HeaderChange::Append(value) => host.add_header(block, &self.name, value.as_bytes()),
            HeaderChange::Remove => host.set_header(block, &self.name, None),
        }
    }
}

fn may_change(name: &str, change: &HeaderChange, block: HeaderBlock) -> bool {
    match name {
        "content-length" | "transfer-encoding" => false,
        ":path" | ":authority" | ":method" => {
            block == HeaderBlock::Request
                && matches!(change, HeaderChange::Replace(value) if !value.is_empty())
        }
        _ => !name.is_empty() && name.bytes().all(is_token),
    }
}

/// Whether a header's name may hold this byte (RFC 9110, 5.6.2).
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte)
}
