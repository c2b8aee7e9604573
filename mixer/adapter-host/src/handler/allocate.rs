use mesh_attributes::OwnedValue;

use super::Handler;
use super::lease::until;
use super::taken::Whole;
use super::values::Lent;
use crate::bindings::exports::mixmesh::adapter::quota;
use crate::{CallError, InstanceIndex, Variety};

/// How much of a quota is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaRequest {
    /// Calls with the same id and instance are one request, sent again. Empty: every call counts.
    pub deduplication_id: String,
    /// What is asked for; negative is given back.
    pub amount: i64,
    /// Whether less is of use.
    pub best_effort: bool,
}

/// How much of a quota may be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuotaGrant {
    /// A code of google.rpc; 0 unless the client is to know why nothing was granted.
    pub code: i32,
    /// For the client; may be empty.
    pub message: String,
    /// What was granted: never more than was asked for, never less than 0.
    pub amount: i64,
    /// How long it may be used, in nanoseconds.
    pub valid_duration_ns: u64,
}

impl Handler {
    /// Has the adapter grant a part of a quota. `dimensions` are in the order of the instance's fields.
    ///
    /// # Errors
    /// When nobody knows what was granted, for whatever reason; what that means is the caller's policy.
    pub async fn allocate(
        &self,
        instance: InstanceIndex,
        dimensions: Vec<OwnedValue>,
        request: QuotaRequest,
    ) -> Result<QuotaGrant, CallError> {
        self.instance_of(instance, Variety::Quota)?;
        let asked = quota::Request {
            deduplication_id: &request.deduplication_id,
            amount: request.amount,
            best_effort: request.best_effort,
        };
        let lent: Vec<Lent<'_>> = dimensions.iter().map(Lent::new).collect();
        let dimensions: Vec<_> = lent.iter().map(Lent::wire).collect();
        let mut lease = self.lease(self.spec.limits.check_deadline).await?;
        let deadline = lease.deadline;
        let guest = lease.guest();
        let interface = guest.exports.quota.as_ref().expect("instances match the exports");
        let call = interface.call_allocate(&mut guest.store, instance.0, &dimensions, asked);
        let outcome = until(deadline, call).await;
        let grant = lease.finish(outcome)?.map_err(|error| self.refusal(error))?;
        let mut whole = Whole::default();
        let granted = QuotaGrant {
            code: whole.code(grant.code),
            message: whole.text(grant.message),
            amount: grant.amount.clamp(0, request.amount.saturating_abs()),
            valid_duration_ns: u64::try_from(grant.valid_duration).unwrap_or(0),
        };
        whole.is_whole(granted.amount == grant.amount);
        self.note(&whole);
        Ok(granted)
    }
}
