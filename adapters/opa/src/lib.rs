//! Lets requests pass by policies in Rego, the language of the Open Policy Agent: Istio's `opa`, with data
//! and with decisions that have reasons.

mod builtins;
mod decision;
mod fetched;
mod input;
mod parameters;
mod program;

use adapter_sdk::host::log::{self, Level};
use adapter_sdk::{
    Action, Adapter, Authorization, CallError, CheckResult, Code, InstanceIndex, Instances,
    Problems, Subject,
};
use regorus::Value;

use crate::decision::Caching;
use crate::fetched::Fetched;
pub use crate::parameters::Parameters;
use crate::program::Program;

adapter_sdk::export!(Opa: authorization);

/// The adapter: a policy and its data.
#[derive(Debug)]
pub struct Opa {
    program: Program,
    fetched: Option<Fetched>,
    fail_close: Option<bool>,
    caching: Caching,
}

impl Adapter for Opa {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        let data = parameters.data_json().unwrap_or_else(|message| {
            problems.add("data", message);
            serde_json::Value::Null
        });
        let data = Value::from(data);
        let mut fetched = None;
        if !parameters.data_url.is_empty() {
            match Fetched::open(&parameters, data.clone()) {
                Ok(opened) => fetched = Some(opened),
                Err(problem) => problems.add(problem.field, problem.message),
            }
        }
        let Parameters { policy, check_method, fail_close, .. } = &parameters;
        let program = Program::compile(policy, check_method, &mut problems);
        let Some(mut program) = program else { return Err(problems) };
        if data.as_object().is_ok()
            && let Err(message) = program.set_data([data])
        {
            problems.add("data", message);
        }
        let (interval, use_count) = (*parameters.caching_interval, parameters.caching_use_count);
        let caching = Caching { interval, use_count };
        problems.none_or(Self { program, fetched, fail_close: *fail_close, caching })
    }
}

impl Opa {
    fn decide(&mut self, subject: &Subject, action: &Action) -> Result<CheckResult, CallError> {
        if let Some(fetched) = &mut self.fetched {
            fetched.bring(&mut self.program)?;
        }
        let decided = self.program.evaluate(input::input(subject, action));
        let decided = decided.map_err(|error| format!("{error:#}"));
        decided
            .and_then(|value| decision::read(&value, self.caching))
            .map_err(|message| CallError::adapter(format!("the policy fails: {}", message.trim())))
    }
}

impl Authorization for Opa {
    fn authorize(
        &mut self,
        _instance: InstanceIndex,
        subject: &Subject,
        action: &Action,
    ) -> Result<CheckResult, CallError> {
        let (error, is_closed) = match (self.decide(subject, action), self.fail_close) {
            (Err(error), Some(is_closed)) => (error, is_closed),
            (decided, _) => return decided,
        };
        log::log(Level::Warn, &error.message);
        Ok(match is_closed {
            true => CheckResult::once(Code::PERMISSION_DENIED, "opa: request was rejected"),
            false => CheckResult::once(Code::OK, ""),
        })
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
