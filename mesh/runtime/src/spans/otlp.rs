use http::{Uri, header};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::transform::common::tonic::ResourceAttributesWithSchema;
use opentelemetry_proto::transform::trace::tonic::group_spans_by_resource_and_scope;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SpanData;
use prost::Message;

use super::Collector;

/// A collector that takes OTLP over HTTP in protobuf, which is the encoding each must know.
pub(super) struct Otlp {
    url: Uri,
    resource: ResourceAttributesWithSchema,
    agent: ureq::Agent,
}

impl Otlp {
    pub(super) fn new(url: Uri, resource: &Resource, agent: ureq::Agent) -> Self {
        Self { url, resource: resource.into(), agent }
    }
}

impl Collector for Otlp {
    fn upload(&self, batch: Vec<SpanData>) -> Result<(), String> {
        let request = ExportTraceServiceRequest {
            resource_spans: group_spans_by_resource_and_scope(batch, &self.resource),
        };
        self.agent
            .post(&self.url)
            .header(header::CONTENT_TYPE, "application/x-protobuf")
            .send(&request.encode_to_vec())
            .map(drop)
            .map_err(|cause| cause.to_string())
    }
}
