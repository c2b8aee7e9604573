use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Buf, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf, ReadHalf, WriteHalf};
use tokio::time::{Instant, sleep_until};

use super::dial::Stream;
use super::health::Health;
use super::lead::{Lead, Step};
use super::queue::{Queue, Taken};

/// Messages that may wait for an acknowledgement.
pub(super) const MAX_IN_FLIGHT: usize = 256;

/// Read at once.
const READ_BYTES: usize = 16 << 10;

/// A connection of a TCP target. Without a lead what the peer says is read and dropped: a peer that talks
/// is not made to wait, and one that goes away is noticed before the next message is written.
pub(super) struct Connection<'t> {
    queue: &'t Arc<Queue>,
    health: &'t Health,
    lead: Option<&'t Lead>,
    limit: Duration,
    read: ReadHalf<Box<dyn Stream>>,
    write: WriteHalf<Box<dyn Stream>>,
    out: Outgoing,
    taken: Taken,
    opened: Instant,
    state: Vec<u8>,
    ready: bool,
    /// Whether a message was sent.
    pub(super) has_worked: bool,
}

/// How a connection ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The queue is closed and everything sent.
    Finished,
    /// The peer has closed it with nothing under way.
    Idle,
    /// It broke with something under way, which is in the queue again.
    Broken(String),
}

/// Bytes on their way to the peer.
struct Outgoing {
    bytes: BytesMut,
    unflushed: bool,
    /// When the peer last took some, or they were added.
    moved: Instant,
}

enum Event {
    Read(io::Result<usize>),
    Written(io::Result<()>),
    Message(Option<Taken>),
    Late,
}

impl<'t> Connection<'t> {
    pub(super) fn new(
        stream: Box<dyn Stream>,
        queue: &'t Arc<Queue>,
        health: &'t Health,
        lead: Option<&'t Lead>,
        limit: Duration,
    ) -> Self {
        let (read, write) = tokio::io::split(stream);
        let now = Instant::now();
        let out = Outgoing { bytes: BytesMut::new(), unflushed: false, moved: now };
        Self {
            queue,
            health,
            lead,
            limit,
            read,
            write,
            out,
            taken: Taken::nothing(queue),
            opened: now,
            state: Vec::new(),
            ready: lead.is_none(),
            has_worked: false,
        }
    }

    /// Sends messages until the queue is closed and empty or the connection breaks.
    pub(super) async fn serve(&mut self) -> End {
        let end = match self.run().await {
            Ok(end) => end,
            Err(cause) => End::Broken(cause),
        };
        let under_way = std::mem::replace(&mut self.taken, Taken::nothing(self.queue));
        under_way.tried_again();
        end
    }

    async fn run(&mut self) -> Result<End, String> {
        if let Some(lead) = self.lead {
            let step = lead.opened().await?;
            self.apply(step)?;
        }
        let mut buffer = vec![0; READ_BYTES];
        let mut finished = false;
        loop {
            if finished && self.taken.is_empty() && !self.out.is_pending() {
                let _peer_is_gone = self.write.shutdown().await;
                return Ok(End::Finished);
            }
            let deadline = self.deadline();
            let (is_pending, in_flight) = (self.out.is_pending(), self.taken.len());
            let may_take = self.ready && !finished && !is_pending && in_flight < MAX_IN_FLIGHT;
            let event = tokio::select! {
                read = self.read.read(&mut buffer) => Event::Read(read),
                written = self.out.push(&mut self.write), if is_pending => Event::Written(written),
                taken = self.queue.take(), if may_take => Event::Message(taken),
                () = sleep_until(deadline.unwrap_or(self.opened)), if deadline.is_some() => Event::Late,
            };
            match event {
                Event::Read(read) => {
                    if let Some(end) = self.take_in(read, &buffer).await? {
                        return Ok(end);
                    }
                }
                Event::Written(written) => {
                    written.map_err(|error| format!("write: {error}"))?;
                    self.note_sent(|taken, lead| taken.all_written(lead));
                }
                Event::Message(None) => finished = true,
                Event::Message(Some(taken)) => {
                    // A peer that has gone while there was nothing to send is noticed here, before the
                    // message vanishes in its socket.
                    if let Some(read) = read_now(&mut self.read, &mut buffer).await
                        && let Some(end) = self.take_in(read, &buffer).await?
                    {
                        return Ok(end);
                    }
                    self.out.add(&taken.bundle());
                    self.taken.append(taken);
                }
                Event::Late => return Err(self.what_is_late()),
            }
        }
    }

    /// Takes in what the peer said.
    async fn take_in(
        &mut self,
        read: io::Result<usize>,
        buffer: &[u8],
    ) -> Result<Option<End>, String> {
        let count = read.map_err(|error| format!("read: {error}"))?;
        if count == 0 {
            if self.taken.is_empty() && !self.out.is_pending() && self.ready {
                return Ok(Some(End::Idle));
            }
            let when = if self.ready { "with messages under way" } else { "before it was ready" };
            return Err(format!("closed by the peer {when}"));
        }
        if let Some(lead) = self.lead {
            let step = lead.received(&self.state, &buffer[..count]).await?;
            self.apply(step)?;
        }
        Ok(None)
    }

    fn apply(&mut self, step: Step) -> Result<(), String> {
        self.state = step.state;
        self.ready |= step.ready;
        if self.out.bytes.len() + step.send.len() > READ_BYTES * 64 + self.queue.max_bytes() {
            return Err("the peer asks for answers and does not read them".to_owned());
        }
        self.out.add(&step.send);
        self.note_sent(|taken, _| {
            for token in &step.settled {
                taken.settle(token);
            }
        });
        Ok(())
    }

    /// Notes that something may have been sent.
    fn note_sent(&mut self, note: impl FnOnce(&mut Taken, bool)) {
        let before = self.taken.len();
        note(&mut self.taken, self.lead.is_some());
        if self.taken.len() < before {
            self.has_worked = true;
            self.health.works();
        }
    }

    /// When the peer has taken too long.
    fn deadline(&self) -> Option<Instant> {
        let greeting = (!self.ready).then_some(self.opened);
        let writing = self.out.is_pending().then_some(self.out.moved);
        let acknowledgement = self.taken.oldest_written();
        let since = [greeting, writing, acknowledgement].into_iter().flatten().min()?;
        Some(since + self.limit)
    }

    fn what_is_late(&self) -> String {
        let limit = self.limit;
        if self.out.is_pending() {
            format!("the peer reads nothing for {limit:?}")
        } else if self.ready {
            format!("the peer acknowledges nothing for {limit:?}")
        } else {
            format!("the connection is not ready for messages after {limit:?}")
        }
    }
}

impl Outgoing {
    fn is_pending(&self) -> bool {
        !self.bytes.is_empty() || self.unflushed
    }

    fn add(&mut self, bytes: &[u8]) {
        if !self.is_pending() {
            self.moved = Instant::now();
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// Writes all there is. Dropped before that, it can be called again.
    async fn push(&mut self, write: &mut (impl AsyncWrite + Unpin)) -> io::Result<()> {
        while !self.bytes.is_empty() {
            let count = write.write(&self.bytes).await?;
            if count == 0 {
                return Err(io::ErrorKind::WriteZero.into());
            }
            self.bytes.advance(count);
            self.unflushed = true;
            self.moved = Instant::now();
        }
        write.flush().await?;
        self.unflushed = false;
        // A long bundle's memory is not kept for the short ones that follow.
        self.bytes = BytesMut::new();
        Ok(())
    }
}

/// What has arrived already, if anything.
async fn read_now(
    read: &mut (impl AsyncRead + Unpin),
    buffer: &mut [u8],
) -> Option<io::Result<usize>> {
    poll_fn(|context| {
        let mut into = ReadBuf::new(buffer);
        Poll::Ready(match Pin::new(&mut *read).poll_read(context, &mut into) {
            Poll::Pending => None,
            Poll::Ready(outcome) => Some(outcome.map(|()| into.filled().len())),
        })
    })
    .await
}
