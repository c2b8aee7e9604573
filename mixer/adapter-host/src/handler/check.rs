use std::borrow::Cow;

use mesh_attributes::OwnedValue;

use super::Handler;
use super::lease::until;
use super::response::DirectResponse;
use super::taken::{Whole, exact};
use super::values::{Lent, Named};
use crate::bindings::exports::mixmesh::adapter::{apikey, authorization};
use crate::bindings::mixmesh::adapter::types;
use crate::guest_text::cut;
use crate::{CallError, Fault, InstanceIndex, Template, Variety};

/// What an adapter decided about a request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct CheckResult {
    /// A code of google.rpc; 0 lets the request pass.
    pub code: i32,
    /// For the client of a denied request; may be empty.
    pub message: String,
    /// How long the answer may be used again for equal requests, in nanoseconds; 0: not at all.
    pub valid_duration_ns: u64,
    /// How many requests may use the answer; negative: without limit.
    pub valid_use_count: i32,
    /// What the client of a denied request is sent.
    pub direct_response: Option<DirectResponse>,
    /// Values under the names of the template's outputs, for header operations.
    pub output: Vec<(Cow<'static, str>, OwnedValue)>,
}

impl Handler {
    /// Has the adapter decide about a request. `values` are those of the instance's declared fields, in
    /// their order; for `listentry` the one value.
    ///
    /// # Errors
    /// When there is no decision, for whatever reason; the request's fate is the caller's policy.
    pub async fn check(
        &self,
        instance: InstanceIndex,
        values: Vec<OwnedValue>,
    ) -> Result<CheckResult, CallError> {
        let declared = self.instance_of(instance, Variety::Check)?;
        let (template, index) = (declared.template, instance.0);
        if let Template::Custom(custom) = template {
            return self.check_custom(custom, instance, &values).await;
        }
        let named = Named { names: &declared.fields, values: &values };
        let mut lease = self.lease(self.spec.limits.check_deadline).await?;
        let deadline = lease.deadline;
        let guest = lease.guest();
        let (exports, store) = (&guest.exports, &mut guest.store);
        let matches = "instances match the exports";
        let mut output = None;
        let answer = match template {
            Template::CheckNothing => {
                let interface = exports.checknothing.as_ref().expect(matches);
                let outcome = until(deadline, interface.call_check(store, index)).await;
                lease.finish(outcome)?
            }
            Template::ListEntry => {
                let interface = exports.listentry.as_ref().expect(matches);
                let value = values.first().map(Lent::new);
                let value = value.as_ref().map_or(types::Value::Text(""), Lent::wire);
                let outcome = until(deadline, interface.call_check(store, index, value)).await;
                lease.finish(outcome)?
            }
            Template::ApiKey => {
                let interface = exports.apikey.as_ref().expect(matches);
                let request = apikey::Request {
                    api: named.text("api"),
                    api_version: named.text("api_version"),
                    api_operation: named.text("api_operation"),
                    api_key: named.text("api_key"),
                    timestamp: named.nanos("timestamp"),
                };
                let outcome = until(deadline, interface.call_check(store, index, request)).await;
                lease.finish(outcome)?
            }
            Template::Authorization => {
                let interface = exports.authorization.as_ref().expect(matches);
                let of_subject = named.below("subject.properties.");
                let of_action = named.below("action.properties.");
                let (of_subject, of_action) = (properties(&of_subject), properties(&of_action));
                let subject = authorization::Subject {
                    user: named.text("subject.user"),
                    groups: named.text("subject.groups"),
                    properties: &of_subject,
                };
                let action = authorization::Action {
                    namespace: named.text("action.namespace"),
                    service: named.text("action.service"),
                    method: named.text("action.method"),
                    path: named.text("action.path"),
                    properties: &of_action,
                };
                let call = interface.call_check(store, index, subject, action);
                let outcome = until(deadline, call).await;
                lease.finish(outcome)?
            }
            Template::KeyVal => {
                let interface = exports.keyval.as_ref().expect(matches);
                let call = interface.call_check(store, index, named.text("key"));
                let outcome = until(deadline, call).await;
                lease.finish(outcome)?.map(|answer| {
                    output = answer.value;
                    answer.check
                })
            }
            Template::Metric
            | Template::LogEntry
            | Template::TraceSpan
            | Template::Edge
            | Template::ReportNothing
            | Template::Quota
            | Template::Kubernetes
            | Template::Custom(_) => unreachable!("the variety was checked"),
        };
        let mut result = self.decision(answer)?;
        // No header operation follows a denial.
        if let Some(value) = output.filter(|_| result.code == 0) {
            let value = exact(value).map_err(|why| self.refusal(why.into()))?;
            result.output.push(("value".into(), OwnedValue::String(value)));
        }
        Ok(result)
    }

    /// What an adapter answered, held to what can be made of it.
    pub(crate) fn decision(
        &self,
        answer: Result<types::CheckResult, types::CallError>,
    ) -> Result<CheckResult, CallError> {
        let decision = answer.map_err(|error| self.refusal(error))?;
        let mut whole = Whole::default();
        let uses = decision.valid_use_count;
        let response = decision.direct_response;
        let result = CheckResult {
            code: whole.code(decision.code),
            message: whole.text(decision.message),
            valid_duration_ns: u64::try_from(decision.valid_duration).unwrap_or(0),
            valid_use_count: uses.map_or(-1, |uses| i32::try_from(uses).unwrap_or(i32::MAX)),
            direct_response: response.map(|response| DirectResponse::take(response, &mut whole)),
            output: Vec::new(),
        };
        self.note(&whole);
        Ok(result)
    }

    /// An adapter's own word that it cannot, counted.
    pub(crate) fn refusal(&self, error: types::CallError) -> CallError {
        self.counts.errors.add(1);
        let fault = match error.fault {
            types::Fault::Caller => Fault::Caller,
            types::Fault::Adapter => Fault::Adapter,
            types::Fault::Backend => Fault::Backend,
        };
        CallError::Refused { fault, retry: error.retry, message: cut(error.message) }
    }
}

fn properties<'l>(below: &'l [(&'l str, Lent<'_>)]) -> Vec<types::Property<'l>> {
    below.iter().map(|(name, lent)| types::Property { name, value: lent.wire() }).collect()
}
