use mesh_attributes::OwnedValue;

use super::Handler;
use super::lease::until;
use crate::batch::epoch_nanos;
use crate::bindings::mixmesh::adapter::types;
use crate::guest_text::cut;
use crate::{AdapterValue, CallError, Fault, InstanceIndex, Template};

/// What an adapter decided about a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CheckResult {
    /// A code of google.rpc; 0 lets the request pass.
    pub code: i32,
    /// For the client of a denied request; may be empty.
    pub message: String,
    /// How long the answer may be used again for equal requests, in nanoseconds; 0: not at all.
    pub valid_duration_ns: u64,
    /// How many requests may use the answer.
    pub valid_use_count: i32,
}

impl Handler {
    /// Has the adapter decide about a request that the rule has selected.
    ///
    /// # Errors
    /// When there is no decision, for whatever reason; the request's fate is the caller's policy.
    pub async fn check_nothing(&self, instance: InstanceIndex) -> Result<CheckResult, CallError> {
        self.expect_instance(instance, Template::CheckNothing)?;
        let mut lease = self.lease(self.spec.limits.check_deadline).await?;
        let deadline = lease.deadline;
        let guest = lease.guest();
        let interface = guest.exports.checknothing.as_ref().expect("instances match the exports");
        let outcome = until(deadline, interface.call_check(&mut guest.store, instance.0)).await;
        self.answer(lease.finish(outcome)?)
    }

    /// Has the adapter decide about a request by `value`, which is copied before this returns.
    ///
    /// # Errors
    /// When there is no decision, for whatever reason; the request's fate is the caller's policy.
    pub fn list_entry(
        &self,
        instance: InstanceIndex,
        value: AdapterValue<'_>,
    ) -> impl Future<Output = Result<CheckResult, CallError>> + Send + use<'_> {
        // A borrowed map cannot go from thread to thread with the call.
        let value = OwnedValue::from(value);
        async move {
            self.expect_instance(instance, Template::ListEntry)?;
            let mut lease = self.lease(self.spec.limits.check_deadline).await?;
            let deadline = lease.deadline;
            let guest = lease.guest();
            let interface = guest.exports.listentry.as_ref().expect("instances match the exports");
            let map: Vec<(&str, &str)>;
            let value = match &value {
                OwnedValue::String(text) => types::Value::Text(text),
                OwnedValue::Int64(number) => types::Value::Int64(*number),
                OwnedValue::Double(number) => types::Value::Double(*number),
                OwnedValue::Bool(truth) => types::Value::Boolean(*truth),
                OwnedValue::Timestamp(moment) => types::Value::Timestamp(epoch_nanos(*moment)),
                OwnedValue::Duration(span) => types::Value::Duration(span.as_nanos()),
                OwnedValue::Bytes(bytes) => types::Value::IpAddress(bytes),
                OwnedValue::StringMap(entries) => {
                    map = entries.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
                    types::Value::StringMap(&map)
                }
            };
            let call = interface.call_check(&mut guest.store, instance.0, value);
            let outcome = until(deadline, call).await;
            self.answer(lease.finish(outcome)?)
        }
    }

    fn answer(
        &self,
        answer: Result<types::CheckResult, types::CallError>,
    ) -> Result<CheckResult, CallError> {
        match answer {
            Ok(decision) => Ok(CheckResult {
                code: decision.code,
                message: cut(decision.message),
                valid_duration_ns: u64::try_from(decision.valid_duration).unwrap_or(0),
                valid_use_count: i32::try_from(decision.valid_use_count).unwrap_or(i32::MAX),
            }),
            Err(error) => {
                self.counts.errors.add(1);
                let fault = match error.fault {
                    types::Fault::Caller => Fault::Caller,
                    types::Fault::Adapter => Fault::Adapter,
                    types::Fault::Backend => Fault::Backend,
                };
                Err(CallError::Refused { fault, retry: error.retry, message: cut(error.message) })
            }
        }
    }
}
