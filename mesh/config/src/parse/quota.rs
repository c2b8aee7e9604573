use std::collections::BTreeMap;

use super::fields::{Fields, Report};
use super::manifest::is_attribute_name;
use super::service::{read_items, read_some, services, specs};
use crate::yaml::{NodeValue, shorten};
use crate::{AttributeMatch, QuotaCharge, QuotaRule, QuotaSpec, QuotaSpecBinding, StringMatch};

/// The proxy counts in `int32`.
const MOST_CHARGE: u64 = i32::MAX as u64;

pub(super) fn spec(spec: &mut Fields<'_>, report: &mut Report) -> QuotaSpec {
    QuotaSpec { rules: read_some(spec, "rules", rule, report) }
}

pub(super) fn binding(spec: &mut Fields<'_>, report: &mut Report) -> QuotaSpecBinding {
    QuotaSpecBinding {
        services: services(spec, report),
        quota_specs: specs(spec, "quotaSpecs", report),
    }
}

fn rule(fields: &mut Fields<'_>, report: &mut Report) -> Option<QuotaRule> {
    let matches = fields.list("match", report);
    Some(QuotaRule {
        matches: read_items(matches, attribute_match, report),
        quotas: read_some(fields, "quotas", charge, report),
    })
}

fn charge(fields: &mut Fields<'_>, report: &mut Report) -> Option<QuotaCharge> {
    let quota = fields.required_text("quota", report);
    let charge = fields.count("charge", MOST_CHARGE, report).unwrap_or(1);
    Some(QuotaCharge { quota: quota?, charge: u32::try_from(charge).unwrap_or(u32::MAX) })
}

fn attribute_match(fields: &mut Fields<'_>, report: &mut Report) -> Option<AttributeMatch> {
    let before = report.problems.len();
    let mut clause = BTreeMap::new();
    let Some(field) = fields.take("clause", report) else {
        if report.problems.len() == before {
            fields.missing("clause", report);
        }
        return None;
    };
    let NodeValue::Map(entries) = &field.node.value else {
        fields.mistyped(field, "a map", report);
        return None;
    };
    for entry in entries {
        let path = format!("{}.{}", fields.path_of("clause"), shorten(&entry.key));
        if !is_attribute_name(&entry.key) {
            report.problem(
                entry.line,
                format!("`{path}` is no attribute name: expected words joined by dots"),
            );
        }
        let read = if entry.value.is_null() {
            Some(StringMatch::Any)
        } else {
            Fields::open(&entry.value, &path, report).and_then(|mut fields| {
                let read = string_match(&mut fields, report);
                fields.finish(report);
                read
            })
        };
        clause.extend(read.map(|read| (entry.key.clone(), read)));
    }
    if entries.is_empty() {
        let path = fields.path_of("clause");
        report.problem(field.line, format!("`{path}` is empty; to match all, leave out `match`"));
    }
    Some(AttributeMatch { clause })
}

fn string_match(fields: &mut Fields<'_>, report: &mut Report) -> Option<StringMatch> {
    let exact = fields.text("exact", report).map(StringMatch::Exact);
    let prefix = fields.text("prefix", report).map(StringMatch::Prefix);
    let regex = fields.text("regex", report).map(StringMatch::Regex);
    let mut all = [exact, prefix, regex].into_iter().flatten();
    let first = all.next();
    if all.next().is_some() {
        let path = fields.own_path();
        report.problem(
            fields.line(),
            format!("`{path}` must have one of `exact`, `prefix` and `regex`, not several"),
        );
        return None;
    }
    Some(first.unwrap_or(StringMatch::Any))
}
