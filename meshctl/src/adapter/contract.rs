//! The parts of the contract that can be seen from outside, as `docs/adapters.md` numbers them.

/// Whether a component that breaks the rule is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Force {
    Must,
    Should,
}

/// A rule of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) id: &'static str,
    pub(crate) force: Force,
    pub(crate) text: &'static str,
}

macro_rules! rules {
    ($($name:ident $id:literal $force:ident $text:literal;)+) => {
        $(pub(crate) const $name: Rule = Rule { id: $id, force: Force::$force, text: $text };)+
        /// All rules, by number.
        #[cfg(test)]
        pub(crate) const ALL: &[Rule] = &[$($name),+];
    };
}

rules! {
    LOADS "A-01" Must "exports `lifecycle` and a template, imports nothing but the host's interfaces";
    DESCRIBES "A-02" Must "`describe` answers in any instance with a name, a version and a summary";
    SCHEMA "A-03" Must "the parameters' schema is JSON Schema of an object";
    DOCUMENTED "A-04" Should "the schema describes each parameter";
    UNKNOWN "A-05" Must "an unknown parameter is refused, with its name as the field";
    WRONG_TYPES "A-06" Must "values of a wrong type or size in the parameters are problems, never a crash";
    NO_INSTANCES "A-07" Should "a configuration without instances is taken";
    CONFIGURES_AGAIN "A-08" Must "the same configuration is taken again by another instance of the component";
    ODD_VALUES "A-09" Must "empty, longest and odd values in calls are no crash";
    EMPTY_REPORT "A-10" Must "a report of one and of many elements is answered with elements of it alone";
    SAME_ANSWERS "A-11" Must "instances of the component answer the same check alike";
    WHOLE_ANSWERS "A-12" Must "answers keep within the host's bounds: codes, texts, headers, amounts";
    IN_TIME "A-13" Must "calls keep within the default deadlines";
    SAME_TARGETS "A-14" Must "targets and documents are opened the same in each instance";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_document_has_every_rule_word_by_word() {
        let document = include_str!("../../../docs/adapters.md");
        for Rule { id, force, text } in ALL {
            let force = match force {
                Force::Must => "MUST",
                Force::Should => "SHOULD",
            };
            let row = format!("| {id} | {force} | {text} |");
            assert!(document.contains(&row), "docs/adapters.md lacks: {row}");
        }
    }
}
