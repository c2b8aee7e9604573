use std::sync::Arc;

use futures_util::future::try_join_all;
use mesh_api::envoy::config::core::v3::HeaderValue;
use mesh_api::envoy::extensions::common::ratelimit::v3::RateLimitDescriptor;
use mesh_api::envoy::service::ratelimit::v3::rate_limit_response::{Code, DescriptorStatus};
use mesh_api::envoy::service::ratelimit::v3::rate_limit_service_server::RateLimitService;
use mesh_api::envoy::service::ratelimit::v3::{RateLimitRequest, RateLimitResponse};
use mesh_attributes::wire::QuotaRequest;
use opentelemetry::Context;
use tonic::{Request, Response, Status};

use super::ext_authz::ask;
use crate::envoy::{Granted, descriptor_attributes};
use crate::metrics::FrontMetrics;
use crate::service::Mixer;

/// Descriptors of one request. Envoy makes one for each rate limit action of a route.
const MAX_DESCRIPTORS: usize = 32;

/// `envoy.service.ratelimit.v3.RateLimitService`: is there quota, as a stock Envoy asks it.
#[derive(Debug)]
pub(crate) struct RateLimits {
    mixer: Arc<Mixer>,
    metrics: FrontMetrics,
    headers: bool,
}

impl RateLimits {
    /// The service; `headers` says whether clients are told about the limit.
    pub(crate) fn new(mixer: Arc<Mixer>, metrics: FrontMetrics, headers: bool) -> Self {
        Self { mixer, metrics, headers }
    }

    async fn grant(
        &self,
        domain: &str,
        descriptor: &RateLimitDescriptor,
        hits: u32,
        span_parent: Option<Context>,
    ) -> Result<Granted, Status> {
        let limit = descriptor_attributes(domain, descriptor, hits)
            .map_err(|cause| Status::invalid_argument(format!("entry of a descriptor: {cause}")))?;
        if limit.amount == 0 {
            // Envoy asks for nothing: nothing is exceeded.
            return Ok(Granted { over_limit: false, until_reset: None });
        }
        let quota = QuotaRequest { name: &limit.quota, amount: limit.amount, best_effort: false };
        let (_, answer) = ask(&self.mixer, &limit.bag, &[quota], span_parent).await?;
        limit.judge(&answer).map_err(Status::unavailable)
    }

    async fn answer(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<RateLimitResponse, Status> {
        let (metadata, _, message) = request.into_parts();
        if message.domain.is_empty() {
            return Err(Status::invalid_argument("the domain is empty; it names the quota"));
        }
        if message.descriptors.len() > MAX_DESCRIPTORS {
            return Err(Status::invalid_argument(format!(
                "there are {} descriptors, {MAX_DESCRIPTORS} are accepted",
                message.descriptors.len()
            )));
        }
        let parent = mesh_runtime::parent_context(metadata.as_ref());
        let (domain, hits) = (&message.domain, message.hits_addend);
        let asked = message
            .descriptors
            .iter()
            .map(|descriptor| self.grant(domain, descriptor, hits, parent.clone()));
        let grants = try_join_all(asked).await?;
        for granted in &grants {
            let answer = if granted.over_limit { "over_limit" } else { "ok" };
            self.metrics.rate_limit_descriptors.with_label_values(&[answer]).inc();
        }
        Ok(respond(&grants, self.headers))
    }
}

#[tonic::async_trait]
impl RateLimitService for RateLimits {
    async fn should_rate_limit(
        &self,
        request: Request<RateLimitRequest>,
    ) -> Result<Response<RateLimitResponse>, Status> {
        let descriptors = request.get_ref().descriptors.len();
        self.answer(request).await.map(Response::new).inspect_err(|_| {
            let errors = self.metrics.rate_limit_descriptors.with_label_values(&["error"]);
            errors.inc_by(descriptors as u64);
        })
    }
}

/// Over the limit is what one of the descriptors is; clients are told the longest wait.
fn respond(grants: &[Granted], headers: bool) -> RateLimitResponse {
    let over_limit = grants.iter().any(|granted| granted.over_limit);
    let code = |over_limit| if over_limit { Code::OverLimit } else { Code::Ok };
    let statuses = grants.iter().map(|granted| DescriptorStatus {
        code: code(granted.over_limit).into(),
        duration_until_reset: granted
            .until_reset
            .and_then(|length| prost_types::Duration::try_from(length).ok()),
        ..DescriptorStatus::default()
    });
    let mut response = RateLimitResponse {
        overall_code: code(over_limit).into(),
        statuses: statuses.collect(),
        ..RateLimitResponse::default()
    };
    if headers && over_limit {
        let mut add = |name: &str, value: u64| {
            response.response_headers_to_add.push(HeaderValue {
                key: name.to_owned(),
                value: value.to_string(),
                raw_value: Vec::new(),
            });
        };
        add("x-ratelimit-remaining", 0);
        let exceeded = grants.iter().filter(|granted| granted.over_limit);
        if let Some(wait) = exceeded.filter_map(|granted| granted.until_reset).max() {
            // Whole seconds, rounded up: who comes back then finds the limit reset.
            let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
            add("x-ratelimit-reset", seconds);
            add("retry-after", seconds);
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn granted(over_limit: bool, millis: u64) -> Granted {
        let until_reset = (millis > 0).then(|| Duration::from_millis(millis));
        Granted { over_limit, until_reset }
    }

    fn headers(response: &RateLimitResponse) -> Vec<String> {
        let headers = response.response_headers_to_add.iter();
        headers.map(|header| format!("{}: {}", header.key, header.value)).collect()
    }

    #[test]
    fn one_exceeded_limit_exceeds_all_and_each_descriptor_has_its_own_status() {
        let response = respond(&[granted(false, 9_000), granted(true, 1_001)], true);
        assert_eq!(response.overall_code(), Code::OverLimit);
        let codes: Vec<_> = response.statuses.iter().map(DescriptorStatus::code).collect();
        assert_eq!(codes, [Code::Ok, Code::OverLimit]);
        assert_eq!(
            headers(&response),
            ["x-ratelimit-remaining: 0", "x-ratelimit-reset: 2", "retry-after: 2"]
        );
    }

    #[test]
    fn clients_are_told_what_is_known_and_nothing_within_the_limit_or_when_it_is_not_wanted() {
        let within = respond(&[granted(false, 1_000)], true);
        assert_eq!((within.overall_code(), headers(&within).len()), (Code::Ok, 0));
        assert!(headers(&respond(&[granted(true, 1_000)], false)).is_empty());
        assert_eq!(headers(&respond(&[granted(true, 0)], true)), ["x-ratelimit-remaining: 0"]);
        assert_eq!(respond(&[], true).overall_code(), Code::Ok);
    }
}
