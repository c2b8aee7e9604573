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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse;

    #[test]
    fn manifests_are_joined_and_disagreements_told() {
        let manifest = |name: &str, attributes: &str| {
            format!(
                "---\napiVersion: config.istio.io/v1alpha2\nkind: attributemanifest\nmetadata: \
                 {{name: {name}, namespace: istio-system}}\nspec:\n  attributes:\n{attributes}"
            )
        };
        let text = manifest("one", "    a.b: {valueType: STRING}\n    c: {valueType: INT64}\n")
            + &manifest("two", "    c: {valueType: DOUBLE}\n    a.b: {valueType: 1}\n");
        let parsed = parse("m.yaml", &text);
        let resources = parsed.resources.into_iter().map(|r| (r.key.clone(), r)).collect();
        let set = ConfigSet { resources, ..ConfigSet::default() };
        let (types, problems) = set.attribute_types();
        let expected = [("a.b", ValueType::String), ("c", ValueType::Int64)];
        assert!(types.iter().map(|(name, of)| (name.as_str(), *of)).eq(expected));
        let told: Vec<_> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(
            told,
            [
                "m.yaml:15: attributemanifest two.istio-system: attribute `c` is DOUBLE here and INT64 \
              in one.attributemanifest.istio-system (m.yaml:2), which counts"
            ]
        );
    }
}
