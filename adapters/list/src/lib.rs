//! Lets requests pass, or not, by a list of values.
//!
//! Istio's `listchecker`, with the entries in the parameters.

mod entries;
mod parameters;

use adapter_sdk::{
    Adapter, CallError, CheckResult, Code, InstanceIndex, Instances, ListEntry, Problems, Template,
    Value, ValueType,
};

use crate::entries::{Entries, Found};
pub use crate::parameters::Parameters;

adapter_sdk::export!(List: listentry);

/// The adapter: a list, and what being on it means.
#[derive(Debug)]
pub struct List {
    entries: Entries,
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
        let entries = Entries::new(parameters.entry_type, &parameters.overrides, &mut problems);
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
            entries,
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

impl ListEntry for List {
    fn list_entry(
        &mut self,
        _instance: InstanceIndex,
        value: Value<'_>,
    ) -> Result<CheckResult, CallError> {
        let deny = |code, message| CheckResult { code, message, ..self.pass.clone() };
        Ok(match (self.entries.find(value), self.blacklist) {
            (Found::No, true) | (Found::Yes, false) => self.pass.clone(),
            (Found::No, false) => {
                deny(Code::PERMISSION_DENIED, format!("{value} is not whitelisted"))
            }
            (Found::Yes, true) => deny(Code::PERMISSION_DENIED, format!("{value} is blacklisted")),
            (Found::NotComparable, _) => {
                deny(Code::INVALID_ARGUMENT, format!("{value} is not a valid IP address"))
            }
        })
    }
}

#[cfg(test)]
mod tests;
