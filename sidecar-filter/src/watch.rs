//! The watch of policy generations: what comes over it, and when to try again.

use std::time::Duration;

use mesh_api::watch::v1::{GenerationsEvent, GenerationsRequest, NamespaceGeneration};
use prost::Message;

use crate::generations::{Announced, Digest, Generation, WatchEvent};
use crate::grpc::{Frame, FrameError, FrameReader};

/// The most bytes of an event; a full one of 65,536 namespaces has about half.
const MAX_EVENT_BYTES: usize = 16 << 20;

/// The waits between attempts double from the first to the second.
const FIRST_RETRY: Duration = Duration::from_millis(100);
const LAST_RETRY: Duration = Duration::from_secs(1);

/// The wait after an answer that says there is no such service, as an old Mixer gives.
const UNSUPPORTED_RETRY: Duration = Duration::from_secs(30);

/// gRPC's number for "no such method".
const UNIMPLEMENTED: u32 = 12;

/// The method's path.
pub(crate) const PATH: &str = "/mixmesh.v1.Watch/Generations";

/// Why what came over a watch is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WatchError {
    /// The bytes are no gRPC messages.
    #[error("watch: {0}")]
    Frame(#[from] FrameError),
    /// A message is no event.
    #[error("watch: message is no GenerationsEvent: {0}")]
    Event(#[from] prost::DecodeError),
    /// A digest has the wrong length.
    #[error("watch: digest of namespace {namespace:?} has {length} bytes instead of 16")]
    Digest {
        /// Whose.
        namespace: String,
        /// How many bytes.
        length: usize,
    },
    /// A stream begins with an event that does not hold the whole state.
    #[error("watch: the first event does not hold the whole state")]
    NotFull,
}

/// Reads the events of one watch.
#[derive(Debug)]
pub struct WatchReader {
    frames: FrameReader,
    began: bool,
}

/// How long to wait before the next attempt.
#[derive(Debug)]
pub struct Backoff {
    next: Duration,
    /// The state of a small generator: attempts of many proxies should not coincide.
    chance: u64,
}

impl Default for WatchReader {
    fn default() -> Self {
        Self { frames: FrameReader::new(MAX_EVENT_BYTES), began: false }
    }
}

impl WatchReader {
    /// Takes in data and calls `each` with every whole event.
    ///
    /// # Errors
    /// When the data is no watch; the stream is of no use any more.
    pub fn read(
        &mut self,
        data: &[u8],
        mut each: impl FnMut(WatchEvent),
    ) -> Result<(), WatchError> {
        self.frames.push(data);
        while let Some(message) = self.frames.next_message()? {
            let event = event(GenerationsEvent::decode(message)?)?;
            if !self.began && !event.full {
                return Err(WatchError::NotFull);
            }
            self.began = true;
            each(event);
        }
        Ok(())
    }
}

impl Backoff {
    /// No attempt has failed; `seed` makes this proxy differ from others.
    pub fn new(seed: u64) -> Self {
        Self { next: FIRST_RETRY, chance: seed | 1 }
    }

    /// An attempt failed with this status: how long to wait.
    pub fn failed(&mut self, status: Option<u32>) -> Duration {
        if status == Some(UNIMPLEMENTED) {
            return UNSUPPORTED_RETRY;
        }
        let wait = self.next;
        self.next = (wait * 2).min(LAST_RETRY);
        // Xorshift; between three quarters of the wait and the whole.
        self.chance ^= self.chance << 13;
        self.chance ^= self.chance >> 7;
        self.chance ^= self.chance << 17;
        wait - wait / 4 * (self.chance % 256) as u32 / 256
    }

    /// An attempt succeeded.
    pub fn succeeded(&mut self) {
        self.next = FIRST_RETRY;
    }
}

/// The request that starts a watch.
pub(crate) fn request(watcher: &str) -> Frame {
    let request = GenerationsRequest { watcher: watcher.to_owned() };
    Frame::write(|out| out.extend_from_slice(&request.encode_to_vec()))
}

fn event(message: GenerationsEvent) -> Result<WatchEvent, WatchError> {
    Ok(WatchEvent {
        full: message.full,
        namespaces: message
            .namespaces
            .into_iter()
            .map(|listed| {
                let announced = announced(&listed)?;
                Ok((listed.namespace, announced))
            })
            .collect::<Result<_, WatchError>>()?,
        default: message.default.as_ref().map(announced).transpose()?,
        removed: message.removed,
    })
}

fn announced(message: &NamespaceGeneration) -> Result<Announced, WatchError> {
    let digest = <[u8; 16]>::try_from(&message.digest[..]).map_err(|_| WatchError::Digest {
        namespace: message.namespace.clone(),
        length: message.digest.len(),
    })?;
    Ok(Announced {
        generation: Generation { revision: message.revision, digest: Digest(digest) },
        has_check: message.has_check || !message.quotas.is_empty(),
    })
}

#[cfg(test)]
mod tests;
