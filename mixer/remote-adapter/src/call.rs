//! One call: admitted by the breaker, within its deadline, counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use adapter_host::CallError;
use bytes::Bytes;
use prost::Message;
use tokio::time::{Instant, timeout_at};

use crate::connection::Failure;
use crate::handler::Prepared;
use crate::{RemoteHandler, encode};

/// Calls under way to one adapter; further ones wait. As many as tonic queues for a connection.
pub(crate) const MAX_IN_FLIGHT: usize = 1024;

/// The type that an id of a session has in the place of the parameters: the text that Istio's
/// description of the protocol names.
const SESSION_TYPE: &str = "google.protobuf.Any.type_url";

#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) calls: AtomicU64,
    pub(crate) deadlines: AtomicU64,
    pub(crate) unreachable: AtomicU64,
    pub(crate) exhausted: AtomicU64,
    pub(crate) refused_by_breaker: AtomicU64,
    pub(crate) errors: AtomicU64,
    pub(crate) trimmed: AtomicU64,
    pub(crate) retries: AtomicU64,
    pub(crate) failed_elements: AtomicU64,
}

pub(crate) fn count(counter: &AtomicU64, amount: u64) {
    counter.fetch_add(amount, Ordering::Relaxed);
}

impl RemoteHandler {
    /// Makes one call with instances of one template.
    pub(crate) async fn call(
        &self,
        prepared: &Prepared,
        instances: &[Vec<u8>],
        id: &str,
        quota: Option<Vec<u8>>,
        limit: Duration,
    ) -> Result<Bytes, CallError> {
        count(&self.counts.calls, 1);
        let attempt = self.breaker.admit().map_err(|open| {
            count(&self.counts.refused_by_breaker, 1);
            CallError::BreakerOpen { failures: open.failures, next_probe: open.next_probe }
        })?;
        let deadline = Instant::now() + limit;
        let _place = match timeout_at(deadline, self.in_flight.acquire()).await {
            Ok(Ok(place)) => place,
            Ok(Err(_)) => return Err(CallError::Closed),
            Err(_) => {
                count(&self.counts.exhausted, 1);
                let instances = u32::try_from(MAX_IN_FLIGHT).unwrap_or(u32::MAX);
                return Err(CallError::Exhausted { instances, limit });
            }
        };
        let outcome = self.exchange(prepared, instances, id, quota, deadline, limit).await;
        let (handler, adapter) = (self.name.as_str(), self.adapter.name());
        match outcome {
            Ok(answer) => {
                if attempt.succeed() {
                    tracing::info!(handler, adapter, "an adapter works again");
                }
                Ok(answer)
            }
            // It answers: it works, and does not like what it was asked.
            Err(Failure { error: error @ CallError::Refused { .. }, .. }) => {
                attempt.succeed();
                count(&self.counts.errors, 1);
                Err(error)
            }
            Err(Failure { error, .. }) => {
                match &error {
                    CallError::Deadline { .. } => count(&self.counts.deadlines, 1),
                    _ => count(&self.counts.unreachable, 1),
                }
                if attempt.fail() {
                    tracing::error!(handler, adapter, cause = %error, "an adapter fails again and again and is called no more but for probes");
                }
                Err(error)
            }
        }
    }

    async fn exchange(
        &self,
        prepared: &Prepared,
        instances: &[Vec<u8>],
        id: &str,
        quota: Option<Vec<u8>>,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Bytes, Failure> {
        let session = match &self.session {
            None => None,
            Some(session) => session.id(&self.link, deadline, limit).await?,
        };
        let config = match (&session, &self.session) {
            (Some(id), _) => Some(session_config(id)),
            (None, Some(_)) => None,
            (None, None) => self.config.clone(),
        };
        let template = &prepared.template;
        let fields = template.request;
        let size = instances.iter().map(|instance| instance.len() + 8).sum::<usize>();
        let mut message = Vec::with_capacity(size + 256);
        for instance in instances {
            encode::bytes(fields.instances, instance, &mut message);
        }
        if let (Some(number), Some(config)) = (fields.adapter_config, config) {
            encode::bytes(number, &config, &mut message);
        }
        if let Some(number) = fields.dedup_id {
            if id.is_empty() {
                let id = self.next_id.fetch_add(1, Ordering::Relaxed).to_string();
                encode::bytes(number, id.as_bytes(), &mut message);
            } else {
                encode::bytes(number, id.as_bytes(), &mut message);
            }
        }
        if let (Some(number), Some(quota)) = (fields.quota_request, quota) {
            encode::bytes(number, &quota, &mut message);
        }
        let answer = self.link.call(&template.path, message, deadline, limit).await;
        if let (Err(failure), Some(id), Some(session)) = (&answer, &session, &self.session) {
            session.doubt(id, failure.code);
        }
        answer
    }
}

fn session_config(id: &str) -> Vec<u8> {
    let any = prost_types::Any { type_url: SESSION_TYPE.to_owned(), value: id.as_bytes().to_vec() };
    any.encode_to_vec()
}
