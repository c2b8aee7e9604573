use std::error::Error;
use std::path::PathBuf;
use std::time::Duration;

use adapter_host::{CallError, Fault, ParameterProblem, bounded_text};
use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use hyper_util::rt::TokioIo;
use mesh_api::RawCodec;
use mesh_config::{Authentication, Connection, TokenSource};
use tokio::time::{Instant, timeout_at};
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint, Uri};
use tonic::{Code, ConnectError, Request, Status, TimeoutExpired};
use tower::service_fn;

use crate::tls::Tls;
use crate::token::Token;

/// The largest answer that is taken. A decision with a direct response has some kilobytes, labels of a
/// workload may have 256 KiB.
const MAX_ANSWER: usize = 1 << 20;

/// The largest headers and trailers of an answer that are taken.
const MAX_HEADERS: u32 = 64 << 10;

/// A peer that does not take a connection in this time is away; calls have shorter deadlines of their own.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);

/// While calls are under way a peer that is gone is found out after these. Never on an idle connection:
/// gRPC's Go servers hang up on clients that ping without calls.
const KEEP_ALIVE: (Duration, Duration) = (Duration::from_secs(30), Duration::from_secs(10));

/// For idle connections the system asks, so that what lies between does not forget them.
const TCP_KEEP_ALIVE: Duration = Duration::from_secs(60);

/// The way to one adapter: connected when it is first needed, and again when it broke.
#[derive(Debug)]
pub(crate) struct Link {
    channel: Channel,
    address: String,
    token: Option<Token>,
}

/// A call that gave no answer, with the code if the adapter sent one.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) error: CallError,
    pub(crate) code: Option<Code>,
}

impl Link {
    /// The way to the adapter of a handler. Connects to nothing yet.
    ///
    /// # Errors
    /// What of `connection` cannot be used.
    pub(crate) fn new(connection: &Connection) -> Result<Self, Vec<ParameterProblem>> {
        let problem = |field: &str, message: String| {
            vec![ParameterProblem { field: format!("connection.{field}"), message }]
        };
        let address =
            host_and_port(&connection.address.value).map_err(|m| problem("address", m))?;
        let endpoint = Endpoint::from_shared(format!("http://{address}"))
            .map_err(|cause| problem("address", cause.to_string()))?
            .connect_timeout(CONNECT_TIMEOUT)
            .http2_keep_alive_interval(KEEP_ALIVE.0)
            .keep_alive_timeout(KEEP_ALIVE.1)
            .keep_alive_while_idle(false)
            .http2_max_header_list_size(MAX_HEADERS)
            .tcp_keepalive(Some(TCP_KEEP_ALIVE))
            .tcp_nodelay(true);
        let mut token = None;
        if let Some(Authentication::Tls(tls)) = connection.authentication.as_deref() {
            token = match &tls.token {
                None => None,
                Some(TokenSource::File(path)) => {
                    let path = PathBuf::from(&path.value);
                    Some(
                        Token::new(path, &tls.token_header).map_err(|message| {
                            problem("authentication.tls.customHeader", message)
                        })?,
                    )
                }
                Some(TokenSource::OAuth(_)) => {
                    let message = "tokens of OAuth are not available, use `tokenPath` and have the \
                                   token renewed in its file";
                    return Err(problem("authentication.tls.oauth", message.to_owned()));
                }
            };
        }
        let channel = match connection.authentication.as_deref() {
            None => endpoint.connect_lazy(),
            Some(authentication) => {
                let tls = Tls::new(authentication, address.host())
                    .map_err(|message| problem("authentication.serverName", message))?;
                let origin = Uri::try_from(format!("https://{address}"));
                let origin = origin.map_err(|cause| problem("address", cause.to_string()))?;
                let to = address.to_string();
                endpoint.origin(origin).connect_with_connector_lazy(service_fn(move |_: Uri| {
                    let connected = tls.clone().connect(to.clone());
                    async move { connected.await.map(TokioIo::new) }
                }))
            }
        };
        Ok(Self { channel, address: address.to_string(), token })
    }

    /// Where the adapter is.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Makes a call that may take until `deadline`, which is `limit` after it was asked for.
    pub(crate) async fn call(
        &self,
        path: &PathAndQuery,
        message: Vec<u8>,
        deadline: Instant,
        limit: Duration,
    ) -> Result<Bytes, Failure> {
        let late = |_| Failure { error: CallError::Deadline { limit }, code: None };
        let outcome = timeout_at(deadline, self.exchange(path, message, deadline)).await;
        outcome.map_err(late)?.map_err(|failure| match failure.code {
            // The channel and the adapter know the deadline, too, and may be the first to see it pass.
            Some(Code::DeadlineExceeded) => {
                Failure { error: CallError::Deadline { limit }, code: None }
            }
            _ => failure,
        })
    }

    async fn exchange(
        &self,
        path: &PathAndQuery,
        message: Vec<u8>,
        deadline: Instant,
    ) -> Result<Bytes, Failure> {
        let mut request = Request::new(Bytes::from(message));
        if let Some(token) = &self.token {
            token
                .add(request.metadata_mut())
                .await
                .map_err(|cause| self.unreachable(&cause, true))?;
        }
        request.set_timeout(deadline.saturating_duration_since(Instant::now()));
        let mut grpc = Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        grpc.ready().await.map_err(|cause| self.unreachable(&cause, true))?;
        let answer = grpc.unary(request, path.clone(), RawCodec).await;
        answer.map(tonic::Response::into_inner).map_err(|status| self.failure(&status))
    }

    fn unreachable(&self, cause: &(dyn Error + 'static), undelivered: bool) -> Failure {
        let message = bounded_text(innermost(cause).to_string());
        let address = self.address.clone();
        Failure { error: CallError::Unreachable { address, message, undelivered }, code: None }
    }

    /// A status that the adapter sent, or that stands for a connection that failed.
    fn failure(&self, status: &Status) -> Failure {
        // What came from the adapter has no source.
        if let Some(source) = status.source() {
            let mut failure = self.unreachable(source, is_undelivered(source));
            let is_late = causes(source).any(|cause| cause.is::<TimeoutExpired>());
            failure.code = is_late.then_some(Code::DeadlineExceeded);
            return failure;
        }
        let (fault, retry) = match status.code() {
            Code::InvalidArgument => (Fault::Caller, false),
            Code::Unavailable | Code::Aborted | Code::ResourceExhausted => (Fault::Backend, true),
            _ => (Fault::Adapter, false),
        };
        let message = format!("{:?}: {}", status.code(), status.message());
        let message = bounded_text(message);
        Failure { error: CallError::Refused { fault, retry, message }, code: Some(status.code()) }
    }
}

/// Whether it is sure that the adapter saw nothing of the call.
fn is_undelivered(cause: &(dyn Error + 'static)) -> bool {
    let is_sure = |cause: &(dyn Error + 'static)| {
        let cancelled = cause.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_canceled);
        cancelled || cause.is::<ConnectError>()
    };
    causes(cause).any(is_sure)
}

/// The cause that says most: those around it say `transport error`.
fn innermost<'e>(cause: &'e (dyn Error + 'static)) -> &'e (dyn Error + 'static) {
    causes(cause).last().unwrap_or(cause)
}

/// An error, then what caused it, and so on.
fn causes<'e>(cause: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    let mut next = Some(cause);
    std::iter::from_fn(move || {
        let cause = next?;
        next = cause.source();
        Some(cause)
    })
}

/// `host:port`, which Istio's configuration may also write as a target of gRPC.
fn host_and_port(written: &str) -> Result<Authority, String> {
    let address = ["dns:///", "passthrough:///"]
        .iter()
        .find_map(|scheme| written.strip_prefix(scheme))
        .unwrap_or(written);
    let authority = address.parse::<Authority>().ok().filter(|authority| {
        authority.port_u16().is_some_and(|port| port > 0)
            && !authority.host().is_empty()
            && !address.contains('@')
    });
    authority
        .ok_or_else(|| format!("`{written}` must be host:port, such as `adapter.default:9070`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_a_host_with_a_port() {
        for good in ["a:1", "dns:///adapter.ns.svc:9070", "127.0.0.1:80", "[::1]:80"] {
            assert!(host_and_port(good).is_ok(), "{good}");
        }
        for bad in ["a", "a:", "a:0", ":80", "unix:///a", "http://a:1", "a:1/b", "u@a:1", "a:99999"]
        {
            let told = host_and_port(bad).unwrap_err();
            assert!(told.contains("must be host:port"), "{bad}: {told}");
        }
    }
}
