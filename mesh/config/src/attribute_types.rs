use std::collections::BTreeMap;
use std::sync::Arc;

use mesh_attributes::ValueType;

use crate::{ConfigSet, Problem, Resource, Spec};

impl ConfigSet {
    /// The types of all attributes that the manifests declare together. A problem tells of each
    /// attribute that two manifests give different types; the first manifest by key counts then.
    pub fn attribute_types(&self) -> (BTreeMap<String, ValueType>, Vec<Problem>) {
        let mut types = BTreeMap::new();
        let mut declared_by: BTreeMap<&str, &Arc<Resource>> = BTreeMap::new();
        let mut problems = Vec::new();
        for resource in self.resources.values() {
            let Spec::AttributeManifest(manifest) = &resource.spec else { continue };
            for (name, declaration) in &manifest.attributes {
                let value_type = declaration.value_type;
                let known = *types.entry(name.clone()).or_insert(value_type);
                let first = *declared_by.entry(name).or_insert(resource);
                if known != value_type {
                    problems.push(Problem {
                        origin: resource.origin.at(declaration.line),
                        object: Some(resource.key.clone()),
                        message: format!(
                            "attribute `{name}` is {} here and {} in {} ({}), which counts",
                            value_type.name(),
                            known.name(),
                            first.key,
                            first.origin,
                        ),
                    });
                }
            }
        }
        (types, problems)
    }
}
