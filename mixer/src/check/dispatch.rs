//! A check that no cache answers: rules, instances, handlers, header operations.
//!
//! All that reads the request for the handlers is done before the first of them is called, so no borrowed
//! attribute outlives its look-up; header operations, which see what the handlers put out, read it again
//! afterwards.

use std::sync::Arc;
use std::time::Duration;

use adapter_host::OwnedValue;
use futures_util::future::join_all;
use mesh_api::mixer::v1::RouteDirective;
use mesh_attributes::wire::CheckRequest;
use mesh_attributes::{AttributeBag, Bag, References, Tracked};
use opentelemetry::Context;
use opentelemetry::trace::SpanKind;

use super::combine::{Outcome, Source, combine, is_away};
use super::failed_verdict;
use crate::answer::{UseCount, Verdict};
use crate::codes;
use crate::generate::{Generated, RememberedOutputs};
use crate::instance::{FieldError, evaluate_owned};
use crate::layered::Layered;
use crate::policy::rule::{CheckCall, CheckRule};
use crate::policy::{NamespacePolicy, Policy, namespace_of};
use crate::service::Mixer;

/// What came of a dispatch.
pub(super) struct Dispatched {
    pub(super) verdict: Verdict,
    pub(super) references: References,
    /// The namespace that decided.
    pub(super) namespace: Arc<str>,
    pub(super) generated: Generated,
    /// Whether the request is refused for no other reason than that an adapter cannot be asked.
    pub(super) is_away: bool,
}

/// What is to be done for a request, with all that it takes from it.
struct Prepared<'p> {
    namespace: Arc<str>,
    calls: Vec<PreparedCall<'p>>,
    /// Rules that apply and have header operations.
    headers: Vec<&'p CheckRule>,
    references: References,
    /// Whether chance was involved.
    sampled: bool,
}

/// A call with all that it takes from the request.
struct PreparedCall<'p> {
    call: &'p CheckCall,
    rule: &'p Arc<str>,
    values: Result<Vec<OwnedValue>, FieldError>,
}

impl Mixer {
    /// Decides on a request. `policy` is that of the namespace which the request itself names.
    pub(super) async fn dispatch(
        &self,
        request: &CheckRequest<'_>,
        policy: &NamespacePolicy,
        all: &Policy,
        span: Option<&Context>,
    ) -> Dispatched {
        let bag = &request.attributes;
        let mut remembered = RememberedOutputs::default();
        let generated = match self.generate(&policy.generate, bag, &mut remembered).await {
            Ok(generated) => generated,
            Err(failure) => {
                let handler = &failure.handler.name;
                return Dispatched {
                    verdict: failed_verdict(failure.code, handler, &failure.message),
                    references: failure.references,
                    namespace: policy.name(namespace_of(bag)),
                    generated: Generated::default(),
                    is_away: failure.code == codes::UNAVAILABLE,
                };
            }
        };
        let prepared = self.prepare_check(bag, &generated, all);
        let Prepared { calls, headers, mut references, sampled, namespace } = prepared;
        self.metrics.dispatch_instances.observe(calls.len() as f64);
        self.metrics.dispatch_destinations.observe(destinations(&calls) as f64);
        let outcomes = {
            let span = self.span("dispatch", SpanKind::Internal, span);
            join_all(calls.into_iter().map(|call| self.call(call, span.context()))).await
        };
        let mut verdict = combine(&outcomes);
        let is_away = is_away(&outcomes);
        if verdict.code == 0 && !headers.is_empty() {
            let read = operate(&headers, &outcomes, bag, &generated, &mut verdict.directive);
            references.merge(&read);
        }
        if sampled {
            (verdict.valid_duration, verdict.valid_use_count) = (Duration::ZERO, UseCount(0));
        }
        references.merge(&generated.references);
        Dispatched { verdict, references, namespace, generated, is_away }
    }

    /// Evaluates conditions and instances.
    fn prepare_check<'p>(
        &self,
        bag: &impl Bag,
        generated: &Generated,
        all: &'p Policy,
    ) -> Prepared<'p> {
        let tracked = Tracked::new(bag);
        let visible = Layered { upper: &tracked, lower: &generated.attributes };
        let name = namespace_of(&visible);
        let policy = all.for_namespace(name);
        let namespace = policy.name(name);
        let mut calls = Vec::new();
        let mut headers = Vec::new();
        let mut sampled = generated.sampled;
        for rule in &policy.check {
            if !rule.scope.matches(&visible, &self.metrics) {
                continue;
            }
            sampled |= rule.scope.sampling.is_some();
            if !rule.scope.takes(&visible) {
                continue;
            }
            calls.extend(rule.calls.iter().map(|call| {
                let values = evaluate_owned(&call.input.fields, &visible);
                PreparedCall { call, rule: &rule.scope.rule, values }
            }));
            headers.extend(rule.headers.is_some().then_some(&**rule));
        }
        let references = tracked.references();
        Prepared { namespace, calls, headers, references, sampled }
    }

    async fn call(&self, call: PreparedCall<'_>, span: Option<&Context>) -> Outcome {
        let PreparedCall { call, rule, values } = call;
        let target = &call.target;
        let unit = &target.handler;
        let span = self.span(&unit.name, SpanKind::Internal, span);
        let called = match values {
            Err(cause) => {
                self.metrics.check_failures.with_label_values(&["instance"]).inc();
                span.failed("instance");
                return Outcome::failed(
                    call,
                    rule,
                    codes::INVALID_ARGUMENT,
                    &cause,
                    Source::Mistake,
                );
            }
            Ok(values) => unit.check(target.index, values).await,
        };
        match called {
            Ok(result) => Outcome {
                handler: Arc::clone(unit),
                result,
                source: Source::Handler,
                action: call.action.clone(),
                rule: Arc::clone(rule),
            },
            Err(failure) => {
                self.metrics.check_failures.with_label_values(&[failure.reason()]).inc();
                span.failed(failure.reason());
                let source = if failure.is_outage() { Source::Outage } else { Source::Mistake };
                Outcome::failed(call, rule, codes::UNAVAILABLE, &failure, source)
            }
        }
    }
}

/// How many handlers the calls go to. They are few: comparing all is faster than a set.
fn destinations(calls: &[PreparedCall<'_>]) -> usize {
    let handler = |call: &PreparedCall<'_>| Arc::as_ptr(&call.call.target.handler);
    let is_first = |(at, call): &(usize, &PreparedCall<'_>)| {
        calls[..*at].iter().all(|before| handler(before) != handler(call))
    };
    calls.iter().enumerate().filter(is_first).count()
}

/// Evaluates the header operations of `rules` and returns what they read of the request.
fn operate(
    rules: &[&CheckRule],
    outcomes: &[Outcome],
    bag: &impl Bag,
    generated: &Generated,
    directive: &mut RouteDirective,
) -> References {
    let mut outputs = AttributeBag::new();
    for outcome in outcomes {
        let Some(action) = &outcome.action else { continue };
        for (name, value) in &outcome.result.output {
            outputs.set(&format!("{action}.output.{name}"), value.clone());
        }
    }
    let tracked = Tracked::new(bag);
    let request = Layered { upper: &tracked, lower: &generated.attributes };
    let visible = Layered { upper: &outputs, lower: &request };
    for rule in rules {
        if let Some(headers) = &rule.headers {
            headers.evaluate(&visible, directive);
        }
    }
    tracked.references()
}
