use std::collections::BTreeMap;

use mesh_api::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use mesh_api::envoy::config::core::v3::{HeaderValue, HeaderValueOption};
use mesh_api::mixer::v1::HeaderOperation;
use mesh_api::mixer::v1::header_operation::Operation;

/// What a row of header operations comes to, for each header: Envoy applies all that it is told to set,
/// then all it is told to append, then all it is told to remove, whatever their order was.
#[derive(Debug, Default, PartialEq)]
pub(super) struct HeaderChanges {
    /// Headers to set or append.
    pub(super) options: Vec<HeaderValueOption>,
    /// Headers to remove.
    pub(super) removed: Vec<String>,
}

#[derive(Default)]
struct Outcome<'o> {
    /// What the header had before is gone.
    replaced: bool,
    values: Vec<&'o str>,
}

impl HeaderChanges {
    /// The changes that `operations` make one after the other. Operations without a name change nothing.
    pub(super) fn of(operations: &[HeaderOperation]) -> Self {
        let mut outcomes = BTreeMap::<String, Outcome<'_>>::new();
        for operation in operations.iter().filter(|operation| !operation.name.is_empty()) {
            let outcome = outcomes.entry(operation.name.to_ascii_lowercase()).or_default();
            if operation.operation() != Operation::Append {
                outcome.replaced = true;
                outcome.values.clear();
            }
            if operation.operation() != Operation::Remove {
                outcome.values.push(&operation.value);
            }
        }
        let mut changes = Self::default();
        for (name, outcome) in outcomes {
            if outcome.values.is_empty() {
                changes.removed.push(name);
                continue;
            }
            for (index, value) in outcome.values.into_iter().enumerate() {
                let action = if outcome.replaced && index == 0 {
                    HeaderAppendAction::OverwriteIfExistsOrAdd
                } else {
                    HeaderAppendAction::AppendIfExistsOrAdd
                };
                changes.options.push(option(&name, value, action));
            }
        }
        changes
    }
}

/// A header to set or to append.
pub(super) fn option(name: &str, value: &str, action: HeaderAppendAction) -> HeaderValueOption {
    HeaderValueOption {
        header: Some(HeaderValue {
            key: name.to_owned(),
            value: value.to_owned(),
            raw_value: Vec::new(),
        }),
        append: None,
        append_action: action.into(),
        keep_empty_value: true,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn changes(operations: &[(Operation, &str, &str)]) -> (Vec<String>, Vec<String>) {
        let operations: Vec<_> = operations
            .iter()
            .map(|(operation, name, value)| HeaderOperation {
                name: (*name).to_owned(),
                value: (*value).to_owned(),
                operation: (*operation).into(),
            })
            .collect();
        let changes = HeaderChanges::of(&operations);
        let shown = changes.options.iter().map(|option| {
            let header = option.header.as_ref().unwrap();
            format!("{:?} {}={}", option.append_action(), header.key, header.value)
        });
        (shown.collect(), changes.removed)
    }

    #[test]
    fn operations_on_one_header_come_to_what_they_do_in_order() {
        use Operation::{Append, Remove, Replace};
        let set = "OverwriteIfExistsOrAdd";
        let add = "AppendIfExistsOrAdd";
        for (operations, options, removed) in [
            (vec![(Replace, "A", "1")], vec![format!("{set} a=1")], vec![]),
            (vec![(Append, "a", "1")], vec![format!("{add} a=1")], vec![]),
            (vec![(Remove, "a", "")], vec![], vec!["a"]),
            (
                vec![(Replace, "a", "1"), (Append, "a", "2")],
                vec![format!("{set} a=1"), format!("{add} a=2")],
                vec![],
            ),
            (vec![(Append, "a", "1"), (Replace, "a", "2")], vec![format!("{set} a=2")], vec![]),
            (vec![(Append, "a", "1"), (Remove, "a", "")], vec![], vec!["a"]),
            (vec![(Remove, "a", ""), (Append, "a", "1")], vec![format!("{set} a=1")], vec![]),
            (
                vec![(Append, "a", "1"), (Append, "a", "2")],
                vec![format!("{add} a=1"), format!("{add} a=2")],
                vec![],
            ),
            (vec![(Replace, "", "1")], vec![], vec![]),
        ] {
            assert_eq!(
                changes(&operations),
                (options, removed.into_iter().map(str::to_owned).collect()),
                "{operations:?}"
            );
        }
    }
}
