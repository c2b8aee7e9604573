//! A rule's match.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use mesh_attributes::ValueType;
use mesh_attributes::wire::CheckRequest;
use mixer_expr::compile;

use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::{self, NAMESPACE};
use crate::subject::{Promise, Subject};

/// All three terms hold, so all are evaluated.
const THREE_TERMS: &str = r#"destination.service.name == "catalog" && request.method == "GET" && request.headers["x-user"] != "mallory""#;

/// On a bag that was just read off the wire and still is in the processor's cache, as it is when rules
/// are matched.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let types: BTreeMap<String, ValueType> = [
        ("destination.service.name", ValueType::String),
        ("request.method", ValueType::String),
        ("request.headers", ValueType::StringMap),
    ]
    .map(|(name, kind)| (name.to_owned(), kind))
    .into();
    let expression = compile(THREE_TERMS, &types).context("the bench's expression")?;
    let message = request::check_request(0, NAMESPACE);
    let bag = CheckRequest::decode(&message)?.attributes;
    measure(
        vec![
            Subject::new("expression_3_terms", || {
                ensure!(expression.eval_bool(&bag)?, "the match does not hold");
                Ok(())
            })
            .allocates(Promise::Never)
            .elsewhere("368 ns, 4 allocs, 2 terms: Istio 1.4 Mixer"),
        ],
        effort,
    )
}
