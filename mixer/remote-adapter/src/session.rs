//! Sessions: the parameters are sent once, and calls say which session they belong to.
//!
//! A session is opened when a call needs it, by one call at a time, and again after an error that may
//! mean that the adapter no longer knows it: adapters restart. An adapter that does not offer sessions is
//! called without its parameters, which is what Istio's Mixer does with all that are session based.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use adapter_host::{CallError, Fault, bounded_text};
use http::uri::PathAndQuery;
use mesh_api::adapter_model as model;
use prost::Message;
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tonic::Code;

use crate::answer;
use crate::connection::{Failure, Link};

const SERVICE: &str = "/istio.mixer.adapter.model.v1beta1.InfrastructureBackend/";

/// The longest that an adapter may take to end a session that nobody needs any more.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);

/// The longest id that is taken: it goes with every call.
const MAX_ID: usize = 4 << 10;

/// The session of one handler.
#[derive(Debug)]
pub(crate) struct Session {
    request: model::CreateSessionRequest,
    state: Mutex<State>,
    /// Who may open.
    opening: Semaphore,
}

#[derive(Debug, Clone, Default)]
enum State {
    #[default]
    Closed,
    Open(Arc<str>),
    /// The adapter has no sessions.
    Unknown,
}

impl Session {
    pub(crate) fn new(request: model::CreateSessionRequest) -> Self {
        Self { request, state: Mutex::default(), opening: Semaphore::new(1) }
    }

    /// The id of the session, which is opened if it is not; none when the adapter has no sessions.
    ///
    /// # Errors
    /// When the adapter cannot be reached or refuses the parameters.
    pub(crate) async fn id(
        &self,
        link: &Link,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Option<Arc<str>>, Failure> {
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let late = |_| Failure { error: CallError::Deadline { limit }, code: None };
        let closed = |_| Failure { error: CallError::Closed, code: None };
        let turn = tokio::time::timeout_at(deadline, self.opening.acquire()).await.map_err(late)?;
        let _turn = turn.map_err(closed)?;
        if let Some(known) = self.known() {
            return Ok(known);
        }
        let state = match self.open(link, deadline, limit).await {
            Ok(id) => State::Open(id),
            Err(failure) if failure.code == Some(Code::Unimplemented) => State::Unknown,
            Err(failure) => return Err(failure),
        };
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
        Ok(self.known().unwrap_or_default())
    }

    /// Has the next call open another session than `id`, when the answer to a call with it was an error
    /// of this code, or none came.
    pub(crate) fn doubt(&self, id: &Arc<str>, code: Option<Code>) {
        let may_be_gone = matches!(
            code,
            None | Some(
                Code::NotFound | Code::FailedPrecondition | Code::Unavailable | Code::Unknown
            )
        );
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if may_be_gone && matches!(&*state, State::Open(current) if Arc::ptr_eq(current, id)) {
            *state = State::Closed;
        }
    }

    /// Tells the adapter that the session is over. It does not matter whether that gets there.
    pub(crate) async fn close(&self, link: &Link) {
        let state = std::mem::take(&mut *self.state.lock().unwrap_or_else(PoisonError::into_inner));
        let State::Open(id) = state else { return };
        let request = model::CloseSessionRequest { session_id: id.to_string() };
        let deadline = Instant::now() + CLOSE_LIMIT;
        let closed = call::<_, model::CloseSessionResponse>(
            link,
            "CloseSession",
            &request,
            deadline,
            CLOSE_LIMIT,
        );
        if let Err(Failure { error, .. }) = closed.await {
            tracing::debug!(cause = %error, "a session could not be closed");
        }
    }

    fn known(&self) -> Option<Option<Arc<str>>> {
        match &*self.state.lock().unwrap_or_else(PoisonError::into_inner) {
            State::Closed => None,
            State::Open(id) => Some(Some(Arc::clone(id))),
            State::Unknown => Some(None),
        }
    }

    async fn open(
        &self,
        link: &Link,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Arc<str>, Failure> {
        let model::CreateSessionRequest { adapter_config, inferred_types } = self.request.clone();
        let question = model::ValidateRequest { adapter_config, inferred_types };
        let judged: model::ValidateResponse =
            call(link, "Validate", &question, deadline, limit).await?;
        accepted(judged.status)?;
        let opened: model::CreateSessionResponse =
            call(link, "CreateSession", &self.request, deadline, limit).await?;
        accepted(opened.status)?;
        if opened.session_id.len() > MAX_ID {
            let message = format!("the id of its session has {} bytes", opened.session_id.len());
            return Err(refused(Fault::Adapter, message));
        }
        Ok(opened.session_id.into())
    }
}

async fn call<Q: Message, A: Message + Default>(
    link: &Link,
    method: &str,
    question: &Q,
    deadline: Instant,
    limit: Duration,
) -> Result<A, Failure> {
    let path = format!("{SERVICE}{method}").parse::<PathAndQuery>();
    let path = path.map_err(|cause| refused(Fault::Caller, cause.to_string()))?;
    let answer = link.call(&path, question.encode_to_vec(), deadline, limit).await?;
    answer::message(answer).map_err(|error| Failure { error, code: Some(Code::Internal) })
}

fn accepted(status: Option<mesh_api::rpc::Status>) -> Result<(), Failure> {
    match status {
        Some(status) if status.code != 0 => {
            let why = bounded_text(status.message);
            Err(refused(Fault::Adapter, format!("it refuses the parameters: {why}")))
        }
        _ => Ok(()),
    }
}

fn refused(fault: Fault, message: String) -> Failure {
    let error = CallError::Refused { fault, retry: false, message };
    Failure { error, code: Some(Code::Internal) }
}
