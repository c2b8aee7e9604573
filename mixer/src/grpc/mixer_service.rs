use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body::Body;
use mesh_attributes::GlobalWord;
use mesh_attributes::wire::{ReportRequest, check_word_count, report_word_count};
use tonic::body::Body as ResponseBody;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::server::{Grpc, NamedService, UnaryService};
use tonic::{Request, Response, Status};
use tower::Service;

use crate::check::{Caller, CheckAnswer};
use crate::service::Mixer;
use crate::shedding::RequestKind;
use mesh_api::RawCodec;

type BoxFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send + 'static>>;

/// `istio.mixer.v1.Mixer`, on raw bytes: generated servers would first build a tree of maps that nobody
/// here needs.
#[derive(Debug, Clone)]
pub(crate) struct MixerService {
    pub(crate) mixer: Arc<Mixer>,
    /// Larger messages are refused.
    pub(crate) max_message_bytes: usize,
}

impl NamedService for MixerService {
    const NAME: &'static str = "istio.mixer.v1.Mixer";
}

impl<B> Service<http::Request<B>> for MixerService
where
    B: Body + Send + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>> + Send + 'static,
{
    type Response = http::Response<ResponseBody>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Infallible>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<B>) -> Self::Future {
        let mixer = Arc::clone(&self.mixer);
        let mut grpc = Grpc::new(RawCodec).max_decoding_message_size(self.max_message_bytes);
        match request.uri().path() {
            "/istio.mixer.v1.Mixer/Check" => {
                Box::pin(async move { Ok(grpc.unary(Check(mixer), request).await) })
            }
            "/istio.mixer.v1.Mixer/Report" => {
                Box::pin(async move { Ok(grpc.unary(Report(mixer), request).await) })
            }
            path => {
                let status = Status::unimplemented(format!("unknown method {path}"));
                Box::pin(std::future::ready(Ok(status.into_http())))
            }
        }
    }
}

struct Check(Arc<Mixer>);

impl UnaryService<Bytes> for Check {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let mixer = Arc::clone(&self.0);
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            require_known_words(check_word_count(&body))?;
            let answer = mixer.check(&body, &Caller::from_metadata(&metadata)).await?;
            Ok(respond(answer))
        })
    }
}

struct Report(Arc<Mixer>);

impl UnaryService<Bytes> for Report {
    type Response = Bytes;
    type Future = BoxFuture<Response<Bytes>, Status>;

    fn call(&mut self, request: Request<Bytes>) -> Self::Future {
        let mixer = Arc::clone(&self.0);
        Box::pin(async move {
            let (metadata, _, body) = request.into_parts();
            require_known_words(report_word_count(&body))?;
            let elements = ReportRequest::decode(&body).map_or(1, |request| request.len());
            let cost = u32::try_from(elements).unwrap_or(u32::MAX);
            let _place = mixer.admission.enter(RequestKind::Report, cost).await?;
            mixer.report(&body, metadata.as_ref()).await?;
            Ok(Response::new(Bytes::new()))
        })
    }
}

/// Refuses a caller that knows a newer dictionary. The old proxy recognises the beginning of this text and
/// falls back to the words that every version knows.
fn require_known_words(caller_knows: u32) -> Result<(), Status> {
    if caller_knows as usize <= GlobalWord::COUNT {
        return Ok(());
    }
    Err(Status::invalid_argument(format!(
        "Request could not be processed due to invalid global dictionary: Mixer knows {} words, the caller \
         {caller_knows}; is the caller newer?",
        GlobalWord::COUNT
    )))
}

impl Caller {
    fn from_metadata(metadata: &MetadataMap) -> Self {
        let generation = metadata.get("mixmesh-generation").and_then(|g| g.to_str().ok());
        Self {
            is_our_filter: metadata.contains_key("mixmesh-filter"),
            knows: generation.and_then(|text| text.parse().ok()),
            span_parent: mesh_runtime::parent_context(metadata.as_ref()),
        }
    }
}

fn respond(answer: CheckAnswer) -> Response<Bytes> {
    let mut response = Response::new(answer.body);
    let metadata = response.metadata_mut();
    // A namespace that no header can carry goes unnamed; the caller then has no generation to cache by.
    if let Ok(namespace) = answer.namespace.parse::<AsciiMetadataValue>() {
        metadata.insert("mixmesh-namespace", namespace);
    }
    if let Ok(generation) = answer.generation.to_string().parse() {
        metadata.insert("mixmesh-generation", generation);
    }
    if let Some(rule) = answer.rule.and_then(|rule| rule.parse::<AsciiMetadataValue>().ok()) {
        metadata.insert("mixmesh-rule", rule);
    }
    metadata.insert("mixmesh-cache", AsciiMetadataValue::from_static(answer.cache.name()));
    response
}
