use std::collections::BTreeMap;

use mesh_attributes::ValueType;

use super::fields::{Fields, Report};
use crate::nearest::hint;
use crate::yaml::{NodeValue, shorten};
use crate::{AttributeDeclaration, AttributeManifest};

pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> AttributeManifest {
    spec.skip("revision");
    spec.skip("name");
    let mut attributes = BTreeMap::new();
    let Some(field) = spec.take("attributes", report) else {
        return AttributeManifest { attributes };
    };
    let NodeValue::Map(entries) = &field.node.value else {
        spec.mistyped(field, "a map", report);
        return AttributeManifest { attributes };
    };
    for entry in entries {
        let path = format!("spec.attributes.{}", shorten(&entry.key));
        if !is_attribute_name(&entry.key) {
            let message = format!(
                "`{path}` is no attribute name: expected words of letters, digits and `_`, \
                 joined by dots"
            );
            report.problem(entry.line, message);
        }
        let Some(mut declaration) = Fields::open(&entry.value, &path, report) else { continue };
        declaration.skip("description");
        let before = report.problems.len();
        let value_type = declaration.text("valueType", report);
        if value_type.is_none() && report.problems.len() == before {
            declaration.missing("valueType", report);
        }
        declaration.finish(report);
        let Some(text) = value_type else { continue };
        match value_type_of(&text.value) {
            Some(value_type) => {
                let declaration = AttributeDeclaration { value_type, line: entry.line };
                attributes.insert(entry.key.clone(), declaration);
            }
            None => {
                let hint = hint(&text.value, ValueType::ALL.map(ValueType::name));
                let value = shorten(&text.value);
                report.problem(
                    text.line,
                    format!("`{path}.valueType` has no value `{value}`, {hint}"),
                );
            }
        }
    }
    AttributeManifest { attributes }
}

/// By name, or by the number in protobuf.
fn value_type_of(text: &str) -> Option<ValueType> {
    ValueType::from_name(text).or_else(|| {
        let number: u8 = text.parse().ok()?;
        ValueType::ALL.into_iter().find(|value_type| *value_type as u8 == number)
    })
}

/// Whether the attribute can be named in an expression. A `-` cannot, but is let through: Istio
/// declares such attributes and nothing is wrong with one that is only sent.
pub(super) fn is_attribute_name(name: &str) -> bool {
    const LONGEST: usize = 256;
    let word = |word: &str| {
        word.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
            && word.bytes().next().is_some_and(|b| !b.is_ascii_digit())
    };
    name.len() <= LONGEST && name.split('.').all(word)
}
