//! The views `grpc_io_server_*` that dashboards of Istio's Mixer read: calls by method and status, time
//! and bytes. A layer around the whole gRPC port, so that calls refused before a service sees them are
//! counted as well.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame, SizeHint};
use mesh_api::code::CODES;
use prometheus::{Histogram, IntCounter, IntCounterVec};
use tonic::Code;
use tonic::body::Body as GrpcBody;
use tower::{Layer, Service};

use super::name::Name;
use super::registrar::Registrar;

/// Methods that have series of their own; the port may serve others, and clients invent some.
const METHODS: [&str; 9] = [
    "istio.mixer.v1.Mixer/Check",
    "istio.mixer.v1.Mixer/Report",
    "mixmesh.v1.Watch/Generations",
    "envoy.service.auth.v3.Authorization/Check",
    "envoy.service.accesslog.v3.AccessLogService/StreamAccessLogs",
    "envoy.service.ratelimit.v3.RateLimitService/ShouldRateLimit",
    "grpc.health.v1.Health/Check",
    "grpc.health.v1.Health/Watch",
    "_other",
];

/// OpenCensus' buckets of milliseconds, without those above a minute.
const MILLIS: [f64; 21] = [
    0.01, 0.05, 0.1, 0.3, 0.6, 0.8, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 16.0, 25.0, 50.0,
    100.0, 250.0, 1000.0, 10_000.0,
];

const BYTES: [f64; 7] = [256.0, 1024.0, 4096.0, 16_384.0, 65_536.0, 262_144.0, 1_048_576.0];

/// The metrics of each method.
#[derive(Debug, Clone)]
pub(crate) struct GrpcMetrics(Arc<[Arc<Method>; METHODS.len()]>);

#[derive(Debug)]
struct Method {
    name: &'static str,
    completed: IntCounterVec,
    /// Made when the first call ends so: most statuses never come.
    by_status: [OnceLock<IntCounter>; CODES.len()],
    millis: Histogram,
    received: Histogram,
    sent: Histogram,
}

impl GrpcMetrics {
    pub(super) fn new(registrar: &Registrar<'_>) -> Self {
        let completed = registrar.counters(Name::ServerCompleted);
        let millis = registrar.histograms(Name::ServerLatency, &MILLIS);
        let received = registrar.histograms(Name::ServerReceived, &BYTES);
        let sent = registrar.histograms(Name::ServerSent, &BYTES);
        Self(Arc::new(METHODS.map(|name| {
            Arc::new(Method {
                name,
                completed: completed.clone(),
                by_status: Default::default(),
                millis: millis.with_label_values(&[name]),
                received: received.with_label_values(&[name]),
                sent: sent.with_label_values(&[name]),
            })
        })))
    }

    fn of(&self, path: &str) -> Arc<Method> {
        let path = path.strip_prefix('/').unwrap_or(path);
        let other = METHODS.len() - 1;
        let at = METHODS.iter().position(|name| *name == path).unwrap_or(other);
        Arc::clone(&self.0[at])
    }
}

impl Method {
    fn completed(&self, code: Code) {
        let at = (code as usize).min(CODES.len() - 1);
        self.by_status[at]
            .get_or_init(|| self.completed.with_label_values(&[self.name, CODES[at].0]))
            .inc();
    }
}

impl<S> Layer<S> for GrpcMetrics {
    type Service = Measured<S>;

    fn layer(&self, inner: S) -> Measured<S> {
        Measured { inner, metrics: self.clone() }
    }
}

/// A service whose calls are measured.
#[derive(Debug, Clone)]
pub(crate) struct Measured<S> {
    inner: S,
    metrics: GrpcMetrics,
}

impl<S, B> Service<Request<GrpcBody>> for Measured<S>
where
    S: Service<Request<GrpcBody>, Response = Response<B>>,
    S::Future: Send + 'static,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
{
    type Response = Response<MeasuredBody<B>>;
    type Error = S::Error;
    type Future =
        Pin<Box<dyn Future<Output = Result<Response<MeasuredBody<B>>, S::Error>> + Send + 'static>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<GrpcBody>) -> Self::Future {
        let method = self.metrics.of(request.uri().path());
        let mut call =
            Call { method: Arc::clone(&method), started: Instant::now(), sent: 0, code: None };
        let request = request.map(|body| GrpcBody::new(Received { body, method, bytes: 0 }));
        let answered = self.inner.call(request);
        Box::pin(async move {
            let answer = answered.await?;
            // An answer without a message has its status among the headers.
            call.code = code(answer.headers());
            Ok(answer.map(|body| MeasuredBody { body, call }))
        })
    }
}

/// A call under way. Measured when it is dropped: also one that is cancelled.
#[derive(Debug)]
struct Call {
    method: Arc<Method>,
    started: Instant,
    sent: u64,
    code: Option<Code>,
}

impl Drop for Call {
    fn drop(&mut self) {
        self.method.completed(self.code.unwrap_or(Code::Cancelled));
        self.method.millis.observe(self.started.elapsed().as_secs_f64() * 1e3);
        self.method.sent.observe(self.sent as f64);
    }
}

fn code(headers: &HeaderMap) -> Option<Code> {
    let status = headers.get("grpc-status")?;
    Some(Code::from_bytes(status.as_bytes()))
}

/// A request's body whose bytes are counted.
struct Received {
    body: GrpcBody,
    method: Arc<Method>,
    bytes: u64,
}

impl Body for Received {
    type Data = Bytes;
    type Error = tonic::Status;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, tonic::Status>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.bytes += frame.data_ref().map_or(0, |data| data.remaining() as u64);
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        self.method.received.observe(self.bytes as f64);
    }
}

/// An answer's body: its bytes are counted, its trailers have the status.
#[derive(Debug)]
pub(crate) struct MeasuredBody<B> {
    body: B,
    call: Call,
}

impl<B: Body<Data = Bytes> + Unpin> Body for MeasuredBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        if let Some(Ok(frame)) = &frame {
            self.call.sent += frame.data_ref().map_or(0, |data| data.remaining() as u64);
            if let Some(trailers) = frame.trailers_ref() {
                self.call.code = code(trailers);
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use http_body_util::BodyExt as _;
    use prometheus::Registry;
    use tonic::Status;

    use super::*;
    use crate::metrics::Metrics;

    /// Answers by what the request's path says.
    #[derive(Clone)]
    struct Answers;

    impl Service<Request<GrpcBody>> for Answers {
        type Response = Response<GrpcBody>;
        type Error = Infallible;
        type Future = std::future::Ready<Result<Response<GrpcBody>, Infallible>>;

        fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
            Poll::Ready(Ok(()))
        }

        fn call(&mut self, request: Request<GrpcBody>) -> Self::Future {
            let answer = match request.uri().path() {
                "/istio.mixer.v1.Mixer/Check" => {
                    let mut trailers = HeaderMap::new();
                    trailers.insert("grpc-status", "0".parse().unwrap());
                    let message = http_body_util::Full::new(Bytes::from_static(b"12345"));
                    let body = message.with_trailers(async { Some(Ok(trailers)) });
                    Response::new(GrpcBody::new(body))
                }
                _ => Status::unavailable("away").into_http(),
            };
            std::future::ready(Ok(answer))
        }
    }

    fn text(registry: &Registry) -> String {
        prometheus::TextEncoder::new().encode_to_string(&registry.gather()).unwrap()
    }

    #[tokio::test]
    async fn calls_are_counted_by_method_and_status_wherever_the_status_stands() {
        let metrics = Metrics::new();
        let mut service = metrics.grpc.layer(Answers);
        for path in ["/istio.mixer.v1.Mixer/Check", "/istio.mixer.v1.Mixer/Report", "/a.B/C"] {
            let body = GrpcBody::new(http_body_util::Full::new(Bytes::from_static(b"123")));
            let answer = service.call(Request::post(path).body(body).unwrap()).await.unwrap();
            answer.into_body().collect().await.unwrap();
        }
        // Its client goes away before the answer's end.
        let request = Request::post("/istio.mixer.v1.Mixer/Check").body(GrpcBody::empty()).unwrap();
        drop(service.call(request).await.unwrap());
        let text = text(metrics.registry());
        for (method, status) in [
            ("istio.mixer.v1.Mixer/Check", "OK"),
            ("istio.mixer.v1.Mixer/Check", "CANCELLED"),
            ("istio.mixer.v1.Mixer/Report", "UNAVAILABLE"),
            ("_other", "UNAVAILABLE"),
        ] {
            let line = format!(
                "grpc_io_server_completed_rpcs{{grpc_server_method=\"{method}\",grpc_server_status=\"{status}\"}} 1"
            );
            assert!(text.contains(&line), "{line} in\n{text}");
        }
        let sent = "grpc_io_server_sent_bytes_per_rpc_sum{grpc_server_method=\"istio.mixer.v1.Mixer/Check\"} 5";
        assert!(text.contains(sent), "{text}");
    }
}
