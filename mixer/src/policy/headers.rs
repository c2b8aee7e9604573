//! Header operations of rules, compiled.

use std::collections::BTreeMap;

use mesh_attributes::{Bag, ValueType};
use mesh_config::{HeaderOperation, HeaderOperationKind, Rule};
use mixer_expr::{Evaluated, Expression, Language, compile_in};
use tracing::debug;

use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::mixer::v1::{HeaderOperation as WireOperation, RouteDirective};

/// What a rule does to the headers of requests that pass, and of their responses.
#[derive(Debug, Default)]
pub(crate) struct HeaderOperations {
    request: Vec<Compiled>,
    response: Vec<Compiled>,
}

#[derive(Debug)]
struct Compiled {
    /// In lower case, as in HTTP/2.
    name: String,
    operation: Operation,
    /// STRING expressions, each making one value.
    values: Vec<Expression>,
}

impl HeaderOperations {
    /// Compiles the operations of `rule`; `None` when it has none. All mistakes at once, by line.
    pub(super) fn compile(
        rule: &Rule,
        language: Language,
        types: &BTreeMap<String, ValueType>,
    ) -> Result<Option<Self>, Vec<(u32, String)>> {
        let mut problems = Vec::new();
        let mut all = |operations: &[HeaderOperation]| {
            operations
                .iter()
                .map(|o| Compiled::new(o, language, types, &mut problems))
                .collect::<Vec<_>>()
        };
        let request = all(&rule.request_header_operations);
        let response = all(&rule.response_header_operations);
        if !problems.is_empty() {
            return Err(problems);
        }
        let none = request.is_empty() && response.is_empty();
        Ok((!none).then_some(Self { request, response }))
    }

    /// All that the operations do, as text.
    pub(super) fn canonical(&self) -> String {
        let mut text = String::new();
        for (side, operations) in [("request", &self.request), ("response", &self.response)] {
            for Compiled { name, operation, values } in operations {
                text.push_str(&format!("{side} {operation:?} {name}\n"));
                for value in values {
                    text.push_str(&format!("{} {}\n", value.language(), value.text()));
                }
            }
        }
        text
    }

    /// Evaluates the operations for a request. A value that cannot be evaluated or is empty is left out,
    /// alone.
    pub(crate) fn evaluate(&self, bag: &impl Bag, directive: &mut RouteDirective) {
        for compiled in &self.request {
            compiled.evaluate(bag, &mut directive.request_header_operations);
        }
        for compiled in &self.response {
            compiled.evaluate(bag, &mut directive.response_header_operations);
        }
    }
}

impl Compiled {
    fn new(
        written: &HeaderOperation,
        language: Language,
        types: &BTreeMap<String, ValueType>,
        problems: &mut Vec<(u32, String)>,
    ) -> Self {
        let name = &written.name.value;
        let mut values = Vec::new();
        for text in &written.values {
            match compile_in(&text.value, language, types) {
                Ok(expression) if expression.value_type() == ValueType::String => {
                    values.push(expression);
                }
                Ok(expression) => {
                    let got = expression.value_type().name();
                    problems.push((text.line, format!("header {name}: is {got}, expected STRING")));
                }
                Err(cause) => problems.push((text.line, format!("header {name}: {cause}"))),
            }
        }
        let operation = match written.kind {
            HeaderOperationKind::Replace => Operation::Replace,
            HeaderOperationKind::Remove => Operation::Remove,
            HeaderOperationKind::Append => Operation::Append,
        };
        Self { name: name.to_ascii_lowercase(), operation, values }
    }

    fn evaluate(&self, bag: &impl Bag, out: &mut Vec<WireOperation>) {
        let operation = |value: String| WireOperation {
            name: self.name.clone(),
            value,
            operation: self.operation.into(),
        };
        if self.operation == Operation::Remove {
            out.push(operation(String::new()));
            return;
        }
        for value in &self.values {
            match value.eval(bag) {
                Ok(Evaluated::String(text)) if !text.is_empty() => {
                    out.push(operation(text.into_owned()));
                }
                Ok(_) => {}
                Err(cause) => {
                    debug!(header = self.name, %cause, "a header operation could not be evaluated");
                }
            }
        }
    }
}
