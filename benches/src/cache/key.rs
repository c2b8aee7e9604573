use anyhow::{Context, Result};
use mesh_attributes::{AttributeName, Condition, References};
use mesh_cache_key::{Shape, ShapeTable, key_for};

use crate::request::{self, NAMESPACE, Scattered};

/// What the policy of the benches reads of a request that is let through.
const READ: [(&str, Option<&str>); 4] = [
    ("context.reporter.kind", None),
    ("destination.namespace", None),
    ("request.headers", Some("x-user")),
    ("request.path", None),
];

/// What an answer to any request of the working set depends on.
pub(super) fn references() -> References {
    let mut references = References::new();
    for (name, key) in READ {
        references.record(&AttributeName::new(name), key, Condition::Exact);
    }
    references
}

/// The keys under which answers to the working set are kept, as both levels make them.
pub(super) fn keys() -> Result<Scattered<Box<[u8]>>> {
    let shape = Shape::of(&references()).context("a cacheable answer")?;
    let mut table = ShapeTable::new();
    let id = table.learn(shape.clone(), 0).id().context("a new table has room")?;
    let mut key = Vec::new();
    Ok(Scattered::new(|i| {
        key_for(id, &shape, &request::attributes(i, NAMESPACE), &mut key);
        key.as_slice().into()
    }))
}
