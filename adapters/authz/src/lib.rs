//! Lets requests pass by roles and their bindings: Istio's `rbac`, with roles and bindings in the
//! parameters, bindings that deny, and a dry run.

mod dry_run;
mod fields;
mod parameters;
mod pattern;
mod policy;
mod property;

use adapter_sdk::{
    Action, Adapter, Authorization, CallError, CheckResult, Code, InstanceIndex, Instances,
    Problems, Subject,
};

use crate::dry_run::DryRun;
use crate::fields::Asked;
use crate::parameters::Mode;
pub use crate::parameters::Parameters;
use crate::policy::{Counting, Policy};

adapter_sdk::export!(Authz: authorization);

/// Istio's words.
const DENIED: &str = "RBAC: permission denied.";

/// The adapter: who may do what.
#[derive(Debug)]
pub struct Authz {
    policy: Policy,
    mode: Mode,
    asked: Asked,
    /// There, if anything is decided that is not carried out.
    dry_run: Option<DryRun>,
    allow: CheckResult,
}

impl Adapter for Authz {
    type Parameters = Parameters;

    fn configure(mut parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.normalize(&mut problems);
        let policy = Policy::new(&parameters, &mut problems);
        fields::check(&policy, &instances, &mut problems);
        let mut dry_run = None;
        if parameters.mode == Mode::Permissive || policy.has_permissive() {
            match DryRun::define(instances) {
                Ok(defined) => dry_run = Some(defined),
                Err(message) => problems.add("mode", message),
            }
        }
        problems.none_or(Self {
            asked: Asked::by(&policy),
            policy,
            mode: parameters.mode,
            dry_run,
            allow: CheckResult {
                code: Code::OK,
                message: String::new(),
                valid_duration: *parameters.cache_duration,
                valid_use_count: None,
                direct_response: None,
            },
        })
    }
}

impl Authorization for Authz {
    fn authorize(
        &mut self,
        instance: InstanceIndex,
        subject: &Subject,
        action: &Action,
    ) -> Result<CheckResult, CallError> {
        self.asked.are_answered_by(action)?;
        let is_allowed = match self.mode {
            Mode::Enforced => self.policy.decide(Counting::Enforced, subject, action).is_allowed(),
            Mode::Permissive => true,
        };
        if let Some(dry_run) = &mut self.dry_run {
            let decision = self.policy.decide(Counting::All, subject, action);
            if decision.is_allowed() != is_allowed {
                dry_run.tell(instance, decision, subject, action);
            }
        }
        if is_allowed {
            return Ok(self.allow.clone());
        }
        let (code, message) = (Code::PERMISSION_DENIED, DENIED.to_owned());
        Ok(CheckResult { code, message, ..self.allow.clone() })
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
