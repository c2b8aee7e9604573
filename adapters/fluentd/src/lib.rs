//! Sends log entries to Fluentd, Fluent Bit and whatever else speaks the forward protocol.
//!
//! Entries of a batch go out in one message for each tag. The host keeps messages until the server has
//! acknowledged them, so a server that restarts loses nothing while the queue has room.

mod greeting;
mod message;
mod parameters;
mod record;

use std::collections::BTreeMap;

use adapter_sdk::host::clock;
use adapter_sdk::host::outbound::{self, Message, SendError};
use adapter_sdk::{Adapter, Conversation, Entry, Instances, LogEntry, Problems, Step};
use sha2::{Digest, Sha256};

use crate::greeting::Connection;
use crate::message::{Chunks, message};
pub use crate::parameters::Parameters;
use crate::record::Layout;

adapter_sdk::export!(Fluentd: logentry, conversation);

/// The adapter, with the entries of the batch under way.
#[derive(Debug)]
pub struct Fluentd {
    parameters: Parameters,
    target: u32,
    /// By the instance's index.
    layouts: Vec<Layout>,
    chunks: Chunks,
    /// By tag.
    pending: BTreeMap<String, Entries>,
    /// Why entries of the batch under way are lost.
    lost: Option<String>,
}

/// Entries of one tag, one behind the other.
#[derive(Debug, Default)]
struct Entries {
    bytes: Vec<u8>,
    count: u32,
}

impl Adapter for Fluentd {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        let target = outbound::open(&parameters.target()).unwrap_or_else(|message| {
            problems.add("address", message);
            0
        });
        let layouts = instances.iter().map(Layout::new).collect();
        problems.none_or(Self {
            parameters,
            target,
            layouts,
            chunks: Chunks::default(),
            pending: BTreeMap::new(),
            lost: None,
        })
    }
}

impl LogEntry for Fluentd {
    fn log_entry(&mut self, entry: &Entry<'_>) -> Result<(), String> {
        let layout = &self.layouts[entry.instance.get()];
        let mut bytes = Vec::new();
        layout.write(&mut bytes, entry, self.parameters.integer_duration);
        let limit = self.parameters.max_batch_size_bytes as usize;
        if bytes.len() > limit {
            return Err(format!("it has {} bytes, more than max_batch_size_bytes", bytes.len()));
        }
        let tag = layout.tag(entry);
        let entries = self.pending.entry(tag.clone()).or_default();
        let full = if entries.bytes.len() + bytes.len() > limit {
            Some(std::mem::take(entries))
        } else {
            None
        };
        entries.bytes.append(&mut bytes);
        entries.count += 1;
        if let Some(full) = full {
            self.send(&tag, &full);
        }
        Ok(())
    }

    /// Sends what the batch has. When some of its entries are lost, nobody knows which: all count.
    fn end_batch(&mut self) -> Result<(), String> {
        for (tag, entries) in std::mem::take(&mut self.pending) {
            self.send(&tag, &entries);
        }
        self.lost.take().map_or(Ok(()), Err)
    }
}

impl Conversation for Fluentd {
    fn opened(&mut self, _target: u32) -> Result<Step, String> {
        Ok(Connection::new(&self.parameters, salt()).step())
    }

    fn received(&mut self, _target: u32, state: &[u8], data: &[u8]) -> Result<Step, String> {
        let connection = Connection::from_state(state)
            .ok_or("the host has lost what was remembered of the connection")?;
        connection.received(data, &self.parameters)
    }
}

impl Fluentd {
    fn send(&mut self, tag: &str, entries: &Entries) {
        let Entries { bytes, count } = entries;
        let Parameters { ack, gzip, .. } = self.parameters;
        let token = ack.then(|| self.chunks.next(bytes, clock::now(), clock::monotonic()));
        let data = message(tag, bytes, *count, gzip, token.as_deref());
        let message = Message { data, elements: *count, token };
        if let Err(error) = outbound::send(self.target, &message) {
            self.lost = Some(match error {
                SendError::Full => "the queue to the server is full".to_owned(),
                SendError::TooLarge => "the message is larger than the handler's queue".to_owned(),
                SendError::Closed => "the handler is closed".to_owned(),
            });
        }
    }
}

/// Bytes that have not been there before.
fn salt() -> [u8; 16] {
    let now = Sha256::new()
        .chain_update(clock::now().to_le_bytes())
        .chain_update(clock::monotonic().to_le_bytes())
        .finalize();
    std::array::from_fn(|place| now[place])
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
