use std::time::Duration;

use mesh_api::etcd::event::EventType;
use mesh_api::etcd::watch_request::RequestUnion;
use mesh_api::etcd::{WatchCreateRequest, WatchProgressRequest, WatchRequest, WatchResponse};
use tokio::sync::mpsc;
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use super::connection::Connection;
use super::error::EtcdError;
use super::snapshot::{Prefix, name_of, object};
use crate::Revision;
use crate::source::{Event, Inventory, Publisher};

/// How often etcd is asked whether it is there.
const PROGRESS: Duration = Duration::from_secs(2);
/// Without any answer for so long it is not.
const SILENCE_LIMIT: Duration = Duration::from_secs(10);
/// Changes within this time come into force together: a storm of them must not become a storm of
/// snapshots.
const GATHER: Duration = Duration::from_millis(10);

/// Why everything is to be read again on the same connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resync {
    /// Revisions that were not told yet are compacted away.
    Compacted,
    /// What was refused for want of room might fit now.
    Room,
}

/// A watch of a prefix.
pub(super) struct Follower<'a> {
    connection: &'a Connection,
    prefix: &'a Prefix,
    requests: mpsc::Sender<WatchRequest>,
    answers: Streaming<WatchResponse>,
    /// The newest revision that is in the inventory.
    revision: i64,
    /// When what was gathered is to be published; unset while nothing is, or more of it follows.
    due: Option<Instant>,
}

impl<'a> Follower<'a> {
    /// Watches everything after `revision`.
    pub(super) async fn open(
        connection: &'a Connection,
        prefix: &'a Prefix,
        revision: i64,
    ) -> Result<Self, EtcdError> {
        // One watch and questions for progress, which are left out while the queue is full.
        let (requests, queue) = mpsc::channel(4);
        let create = RequestUnion::CreateRequest(WatchCreateRequest {
            key: prefix.start(),
            range_end: prefix.end(),
            start_revision: revision.saturating_add(1),
            progress_notify: true,
            fragment: true,
        });
        // There is room for four.
        let _queued = requests.try_send(WatchRequest { request_union: Some(create) });
        let opened = connection.watch(ReceiverStream::new(queue)).await?;
        let answers = opened.map_err(|status| failed(connection, prefix, status))?;
        Ok(Self { connection, prefix, requests, answers, revision, due: None })
    }

    /// Follows until everything is to be read again.
    pub(super) async fn follow(
        mut self,
        inventory: &mut Inventory,
        publisher: &Publisher,
    ) -> Result<Resync, EtcdError> {
        let mut ticks = interval(PROGRESS);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_at = Instant::now() + SILENCE_LIMIT;
        loop {
            let due = self.due;
            tokio::select! {
                // A flood of answers must not hold up what is due, and answers that are there count before
                // the time that has passed meanwhile.
                biased;
                () = sleep_until(due.unwrap_or(silent_at)), if due.is_some() => {
                    self.due = None;
                    publisher.publish(inventory.commit(revision_of(self.revision)));
                    if inventory.has_room_again() {
                        return Ok(Resync::Room);
                    }
                }
                answer = self.answers.message() => {
                    silent_at = Instant::now() + SILENCE_LIMIT;
                    if let Some(resync) = self.answer(answer, inventory)? {
                        return Ok(resync);
                    }
                    publisher.contact();
                }
                _ = ticks.tick() => self.ask_for_progress(),
                () = sleep_until(silent_at) => return Err(self.connection.silent(SILENCE_LIMIT)),
            }
        }
    }

    fn ask_for_progress(&self) {
        let ask = RequestUnion::ProgressRequest(WatchProgressRequest {});
        // When the queue is full, or closed, the silence is noticed by its own limit.
        let _asked = self.requests.try_send(WatchRequest { request_union: Some(ask) });
    }

    fn answer(
        &mut self,
        answer: Result<Option<WatchResponse>, Status>,
        inventory: &mut Inventory,
    ) -> Result<Option<Resync>, EtcdError> {
        let (endpoint, prefix) =
            (|| self.connection.endpoint().to_owned(), || self.prefix.scope().to_string());
        let answer = answer
            .map_err(|status| failed(self.connection, self.prefix, status))?
            .ok_or_else(|| EtcdError::Closed { endpoint: endpoint(), prefix: prefix() })?;
        if answer.compact_revision > 0 {
            return Ok(Some(Resync::Compacted));
        }
        if answer.canceled {
            return Err(EtcdError::Cancelled {
                endpoint: endpoint(),
                prefix: prefix(),
                reason: answer.cancel_reason,
            });
        }
        for event in answer.events {
            let is_deletion = event.r#type() == EventType::Delete;
            let Some(pair) = event.kv else { continue };
            self.revision = self.revision.max(pair.mod_revision);
            let event = if is_deletion {
                Event::Delete(name_of(&pair.key).0)
            } else {
                Event::Apply(object(pair))
            };
            inventory.note(self.prefix.scope(), event);
        }
        if answer.fragment {
            self.due = None;
        } else if inventory.is_touched() && self.due.is_none() {
            self.due = Some(Instant::now() + GATHER);
        }
        Ok(None)
    }
}

/// Revisions of etcd begin with 1.
pub(super) fn revision_of(revision: i64) -> Revision {
    Revision(u64::try_from(revision).unwrap_or_default())
}

fn failed(connection: &Connection, prefix: &Prefix, status: Status) -> EtcdError {
    EtcdError::Watch {
        endpoint: connection.endpoint().to_owned(),
        prefix: prefix.scope().to_string(),
        status: Box::new(status),
    }
}
