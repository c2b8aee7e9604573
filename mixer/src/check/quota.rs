//! Quotas: asked for with a Check, granted by handlers, never cached.
//!
//! For each name the first rule counts – in the order of rules – that applies and has an instance of that
//! short name, whatever its case. A quota that no rule limits for this request is granted in full. When a
//! handler gives no answer, the rule's fail policy holds: closed refuses the request (UNAVAILABLE as its
//! precondition, since old proxies let a quota pass that is UNAVAILABLE), open grants in full.
//!
//! Refused: to ask all rules that apply and take the first answer, as Istio does: the others would be
//! charged for nothing.

use std::sync::Arc;
use std::time::Duration;

use adapter_host::QuotaRequest;
use futures_util::future::join_all;
use mesh_attributes::wire::{CheckRequest, QuotaRequest as AskedQuota};
use mesh_attributes::{Bag, References, Tracked};
use mesh_config::FailPolicy;
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;

use crate::answer::QuotaAnswer;
use crate::codes;
use crate::generate::Generated;
use crate::handlers::HandlerUnit;
use crate::instance::{FieldError, evaluate_owned};
use crate::layered::Layered;
use crate::policy::NamespacePolicy;
use crate::policy::rule::QuotaCall;
use crate::service::Mixer;

/// How long a grant holds that no rule limits.
const UNLIMITED: Duration = Duration::from_secs(60);

/// A quota that could not be decided on, and may not be used.
#[derive(Debug)]
pub(super) struct QuotaFailure {
    pub(super) handler: Arc<HandlerUnit>,
    pub(super) code: i32,
    pub(super) message: String,
}

/// A quota with all that its call takes from the request.
struct Prepared<'p, 'r> {
    asked: AskedQuota<'r>,
    references: References,
    call: Option<(&'p QuotaCall, Result<Vec<adapter_host::OwnedValue>, FieldError>)>,
}

impl Mixer {
    /// Grants the quotas that a request asks for, side by side.
    ///
    /// # Errors
    /// The first failure of a rule that is closed.
    pub(super) async fn allocate(
        &self,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        generated: &Generated,
        span: Option<&Context>,
    ) -> Result<Vec<QuotaAnswer>, QuotaFailure> {
        self.metrics.quota_requests.inc_by(request.quotas.len() as u64);
        let prepared: Vec<_> = request
            .quotas
            .iter()
            .map(|asked| self.prepare_quota(*asked, policy, &request.attributes, generated))
            .collect();
        let id = request.deduplication_id;
        let answers = prepared.into_iter().map(|prepared| self.grant(prepared, id, span));
        let answers: Vec<_> = join_all(answers).await.into_iter().collect::<Result<_, _>>()?;
        let denied = answers.iter().filter(|answer| answer.granted_amount == 0);
        self.metrics.quota_denials.inc_by(denied.count() as u64);
        Ok(answers)
    }

    fn prepare_quota<'p, 'r>(
        &self,
        asked: AskedQuota<'r>,
        policy: &'p NamespacePolicy,
        bag: &impl Bag,
        generated: &Generated,
    ) -> Prepared<'p, 'r> {
        let tracked = Tracked::new(bag);
        let visible = Layered { upper: &tracked, lower: &generated.attributes };
        let of_that_name = policy.quota.iter().flat_map(|rule| {
            let calls = rule.calls.iter();
            calls
                .filter(|call| call.quota.eq_ignore_ascii_case(asked.name))
                .map(move |call| (rule, call))
        });
        let mut applying = of_that_name.filter(|(rule, _)| {
            rule.scope.matches(&visible, &self.metrics) && rule.scope.takes(&visible)
        });
        let call =
            applying.next().map(|(_, call)| (call, evaluate_owned(&call.input.fields, &visible)));
        let mut references = generated.references.clone();
        references.merge(&tracked.references());
        Prepared { asked, references, call }
    }

    async fn grant(
        &self,
        prepared: Prepared<'_, '_>,
        deduplication_id: &str,
        span: Option<&Context>,
    ) -> Result<QuotaAnswer, QuotaFailure> {
        let Prepared { asked, references, call } = prepared;
        let answer = |granted_amount, valid_duration| QuotaAnswer {
            name: asked.name.to_owned(),
            granted_amount,
            valid_duration,
            code: 0,
            message: String::new(),
            references,
        };
        let Some((call, dimensions)) = call else {
            self.metrics.quota_unlimited.inc();
            return Ok(answer(asked.amount, UNLIMITED));
        };
        let unit = &call.target.handler;
        let span = self.span(&unit.name, SpanKind::Internal, span);
        // One id for all quotas of a request would make them one.
        let deduplication_id = if deduplication_id.is_empty() {
            String::new()
        } else {
            format!("{deduplication_id}{}", asked.name)
        };
        let request =
            QuotaRequest { deduplication_id, amount: asked.amount, best_effort: asked.best_effort };
        let (code, reason, why) = match dimensions {
            Err(cause) => (codes::INVALID_ARGUMENT, "instance", cause.to_string()),
            Ok(dimensions) => match unit.allocate(call.target.index, dimensions, request).await {
                Ok(grant) => {
                    let message = if grant.message.is_empty() {
                        String::new()
                    } else {
                        format!("{}:{}", unit.name, grant.message)
                    };
                    let lifetime = Duration::from_nanos(grant.valid_duration_ns);
                    let granted = answer(grant.amount, lifetime);
                    return Ok(QuotaAnswer { code: grant.code, message, ..granted });
                }
                Err(failure) => (codes::UNAVAILABLE, failure.reason(), failure.to_string()),
            },
        };
        self.metrics.quota_failures.with_label_values(&[reason]).inc();
        span.failed(reason);
        match call.fail_policy {
            FailPolicy::Open => Ok(answer(asked.amount, Duration::ZERO)),
            FailPolicy::Closed => Err(QuotaFailure {
                handler: Arc::clone(unit),
                code,
                message: format!("instance {}: {why}", call.target.instance),
            }),
        }
    }
}
