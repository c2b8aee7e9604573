use super::duration::parse_duration;
use super::fields::{Fields, Report};
use crate::yaml::NodeValue;
use crate::{Limit, LimitKind, LimitUnit};

/// Multiples of a byte as Kubernetes writes them.
const MULTIPLES: [(&str, u64); 3] = [("Ki", 1 << 10), ("Mi", 1 << 20), ("Gi", 1 << 30)];

/// `spec.limits` of a handler.
pub(super) fn read(spec: &mut Fields<'_>, report: &mut Report) -> Vec<Limit> {
    let Some(mut fields) = spec.fields("limits", report) else { return Vec::new() };
    let mut limits = Vec::new();
    for kind in LimitKind::ALL {
        let Some(field) = fields.take(kind.name(), report) else { continue };
        let wanted = match kind.unit() {
            LimitUnit::Time => "a duration such as 50ms, more than 0",
            LimitUnit::Bytes => "a number of bytes such as 64Mi, more than 0",
            LimitUnit::Count => "a whole number, more than 0",
        };
        let value = match &field.node.value {
            NodeValue::Scalar(scalar) => match kind.unit() {
                LimitUnit::Time => parse_duration(&scalar.text),
                LimitUnit::Bytes => bytes(&scalar.text),
                LimitUnit::Count => scalar.text.parse().ok(),
            },
            NodeValue::List(_) | NodeValue::Map(_) => None,
        };
        match value.filter(|value| *value > 0) {
            Some(value) => limits.push(Limit { kind, value, line: field.line }),
            None => fields.mistyped(field, wanted, report),
        }
    }
    fields.finish(report);
    limits
}

fn bytes(text: &str) -> Option<u64> {
    let multiple =
        MULTIPLES.iter().find_map(|(suffix, size)| Some((text.strip_suffix(suffix)?, size)));
    let (number, size) = multiple.unwrap_or((text, &1));
    number.parse::<u64>().ok()?.checked_mul(*size)
}
