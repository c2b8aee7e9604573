use std::sync::Arc;

use bytes::Bytes;
use mesh_api::envoy::service::auth::v3::authorization_server::Authorization;
use mesh_api::envoy::service::auth::v3::check_response::HttpResponse;
use mesh_api::envoy::service::auth::v3::{CheckRequest, CheckResponse};
use mesh_api::mixer;
use mesh_attributes::wire::{QuotaRequest, encode_check_request};
use mesh_attributes::{AttributeBag, AttributeName, Bag, Value};
use opentelemetry::Context;
use prost::Message;
use tonic::{Request, Response, Status};

use crate::check::{Caller, CheckAnswer};
use crate::envoy::{Answered, check_attributes, respond, trace_headers};
use crate::metrics::FrontMetrics;
use crate::service::Mixer;

/// `envoy.service.auth.v3.Authorization`: may a request pass, as a stock Envoy asks it.
#[derive(Debug)]
pub(crate) struct ExtAuthz {
    mixer: Arc<Mixer>,
    metrics: FrontMetrics,
}

impl ExtAuthz {
    pub(crate) fn new(mixer: Arc<Mixer>, metrics: FrontMetrics) -> Self {
        Self { mixer, metrics }
    }

    fn count(&self, answer: &str) {
        self.metrics.ext_authz_requests.with_label_values(&[answer]).inc();
    }

    async fn answer(&self, request: Request<CheckRequest>) -> Result<CheckResponse, Status> {
        let (metadata, _, message) = request.into_parts();
        let context = message.attributes.ok_or_else(|| {
            Status::invalid_argument("CheckRequest has no attributes; is the sender an Envoy?")
        })?;
        let bag = check_attributes(&context).map_err(|cause| {
            Status::invalid_argument(format!(
                "context extensions of the authorization filter: {cause}"
            ))
        })?;
        // Envoy's own call belongs to the trace too, nearer than the request; it may be without one.
        let parent = mesh_runtime::parent_context(metadata.as_ref())
            .or_else(|| mesh_runtime::parent_context(&trace_headers(&context)));
        let (answer, decoded) = ask(&self.mixer, &bag, &[], parent).await?;
        let answered = Answered {
            namespace: &answer.namespace,
            generation: &answer.generation.to_string(),
            cache: answer.cache.name(),
            is_grpc: is_grpc(&bag),
        };
        let (response, untold) = respond(decoded.precondition.as_ref(), answered);
        self.metrics.header_operations_untold.inc_by(untold as u64);
        Ok(response)
    }
}

#[tonic::async_trait]
impl Authorization for ExtAuthz {
    async fn check(
        &self,
        request: Request<CheckRequest>,
    ) -> Result<Response<CheckResponse>, Status> {
        match self.answer(request).await {
            Ok(response) => {
                let denied =
                    matches!(response.http_response, Some(HttpResponse::DeniedResponse(_)));
                self.count(if denied { "denied" } else { "ok" });
                Ok(Response::new(response))
            }
            Err(status) => {
                self.count("error");
                Err(status)
            }
        }
    }
}

/// Asks Mixer about a bag as any client would: one path for all.
pub(super) async fn ask(
    mixer: &Mixer,
    bag: &AttributeBag,
    quotas: &[QuotaRequest<'_>],
    span_parent: Option<Context>,
) -> Result<(CheckAnswer, mixer::v1::CheckResponse), Status> {
    let mut bytes = Vec::new();
    encode_check_request(bag, "", quotas, &mut bytes);
    // Nothing here caches, so nothing can be misread.
    let caller = Caller { is_our_filter: true, span_parent, ..Caller::default() };
    let answer = mixer.check(&bytes, &caller).await?;
    let decoded = mixer::v1::CheckResponse::decode(Bytes::clone(&answer.body))
        .map_err(|cause| Status::unavailable(format!("Mixer's answer cannot be read: {cause}")))?;
    Ok((answer, decoded))
}

fn is_grpc(bag: &AttributeBag) -> bool {
    matches!(bag.get(&AttributeName::new("context.protocol")), Some(Value::String("grpc")))
}
