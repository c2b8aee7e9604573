//! Lets requests pass, or not, by a list of values: Istio's `listchecker`, with the entries in the
//! parameters, in a document that the host fetches, or both.

mod document;
mod entries;
mod parameters;
mod provided;

use adapter_sdk::{
    Adapter, CallError, CheckResult, Code, InstanceIndex, Instances, ListEntry, Problems, Template,
    Value, ValueType,
};

use crate::entries::Entries;
pub use crate::parameters::Parameters;
use crate::provided::Provided;

adapter_sdk::export!(List: listentry);

/// The adapter: a list, and what being on it means.
#[derive(Debug)]
pub struct List {
    overrides: Entries,
    provided: Option<Provided>,
    /// Whether being on the list is what denies.
    blacklist: bool,
    /// The answer to requests that pass; denials have its lifetime too.
    pass: CheckResult,
}

impl Adapter for List {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        let mut overrides = Entries::none(parameters.entry_type);
        for (index, text) in parameters.overrides.iter().enumerate() {
            if let Err(message) = overrides.add(text) {
                problems.add(format!("overrides[{index}]"), message);
            }
        }
        let mut provided = None;
        if !parameters.provider_url.is_empty() {
            match Provided::open(&parameters) {
                Ok(opened) => provided = Some(opened),
                Err(problem) => problems.add(problem.field, problem.message),
            }
        }
        for (_, instance) in instances.of(Template::ListEntry) {
            let can_be_on_a_list = match instance.value_type {
                Some(ValueType::IpAddress) => true,
                Some(
                    ValueType::Text | ValueType::EmailAddress | ValueType::Uri | ValueType::DnsName,
                )
                | None => true,
                Some(_) => false,
            };
            if !can_be_on_a_list {
                let message = "only texts and addresses can be on a list";
                problems.add("", format!("instance {}: {message}", instance.name));
            }
        }
        problems.none_or(Self {
            overrides,
            provided,
            blacklist: parameters.blacklist,
            pass: CheckResult {
                code: Code::OK,
                message: String::new(),
                valid_duration: *parameters.caching_interval,
                valid_use_count: Some(parameters.caching_use_count),
                direct_response: None,
            },
        })
    }
}

impl List {
    /// Whether the value is on the list; `None` when it can be on none of this type. An entry of the
    /// parameters counts whether or not there is a document.
    fn contains(&mut self, value: Value<'_>) -> Result<Option<bool>, CallError> {
        match (self.overrides.contain(value), &mut self.provided) {
            (Some(false), Some(provided)) => Ok(provided.entries()?.contain(value)),
            (found, _) => Ok(found),
        }
    }
}

impl ListEntry for List {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        let found = self.contains(value)?;
        let deny = |code, message| CheckResult { code, message, ..self.pass.clone() };
        Ok(match (found, self.blacklist) {
            (Some(false), true) | (Some(true), false) => self.pass.clone(),
            (Some(false), false) => {
                deny(Code::PERMISSION_DENIED, format!("{value} is not whitelisted"))
            }
            (Some(true), true) => deny(Code::PERMISSION_DENIED, format!("{value} is blacklisted")),
            (None, _) => deny(Code::INVALID_ARGUMENT, format!("{value} is not a valid IP address")),
        })
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
