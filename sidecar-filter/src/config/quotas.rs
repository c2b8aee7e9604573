use std::sync::Arc;

use mesh_attributes::AttributeName;
use regex::{Regex, RegexBuilder};
use serde_json::{Map, Value};

use super::fields::{text, whole};
use crate::quota::{Charge, Clause, Pattern, QuotaRule, QuotaSpecs, TextMatch};

/// Bounds on what one configuration may state, so that a request's charge stays cheap to find.
const MAX_RULES: usize = 256;
const MAX_CHARGE: usize = 1_000_000;
/// Bytes of a compiled pattern.
const MAX_PATTERN: usize = 64 << 10;

/// Reads a list of `QuotaSpec`s as Istio writes their specs.
pub(super) fn quota_specs(value: &Value) -> Result<Arc<QuotaSpecs>, String> {
    let mut rules = Vec::new();
    for (spec, at) in list(value, "quota_specs")? {
        let spec = object(spec, &at, &["rules"])?;
        for (rule, at) in items(spec, "rules", &at)? {
            rules.push(read_rule(rule, &at)?);
        }
    }
    if rules.len() > MAX_RULES {
        return Err(format!("has {} rules; {MAX_RULES} is the most", rules.len()));
    }
    Ok(Arc::new(QuotaSpecs { rules }))
}

fn read_rule(value: &Value, at: &str) -> Result<QuotaRule, String> {
    let rule = object(value, at, &["match", "quotas"])?;
    let mut clauses = Vec::new();
    for (clause, at) in items(rule, "match", at)? {
        clauses.push(read_clause(clause, &at)?);
    }
    let mut charges = Vec::new();
    for (quota, at) in items(rule, "quotas", at)? {
        charges.push(read_charge(quota, &at)?);
    }
    if charges.is_empty() {
        return Err(format!("{at}: charges no quota"));
    }
    Ok(QuotaRule { clauses, charges })
}

fn read_clause(value: &Value, at: &str) -> Result<Clause, String> {
    let clause = object(value, at, &["clause"])?;
    let conditions = clause.get("clause").ok_or_else(|| format!("{at}: has no clause"))?;
    let at = format!("{at}.clause");
    let conditions = conditions.as_object().ok_or_else(|| format!("{at}: must be an object"))?;
    let read = |(name, condition): (&String, &Value)| {
        Ok((AttributeName::new(name), read_match(condition, &format!("{at}.{name}"))?))
    };
    Ok(Clause(conditions.iter().map(read).collect::<Result<_, String>>()?))
}

fn read_charge(value: &Value, at: &str) -> Result<Charge, String> {
    let charge = object(value, at, &["quota", "charge"])?;
    let name = charge.get("quota").ok_or_else(|| format!("{at}: names no quota"))?;
    let name = text(name).map_err(|why| format!("{at}.quota: {why}"))?;
    let amount = match charge.get("charge") {
        None => 1,
        Some(amount) => {
            whole(amount, 1, MAX_CHARGE).map_err(|why| format!("{at}.charge: {why}"))?
        }
    };
    // Bounded above, so it fits.
    Ok(Charge { quota: name.into(), amount: amount as i64 })
}

fn read_match(value: &Value, at: &str) -> Result<TextMatch, String> {
    let fields = object(value, at, &["exact", "prefix", "regex"])?;
    let mut kinds = fields.iter();
    let (kind, value) = match (kinds.next(), kinds.next()) {
        (None, _) => return Ok(TextMatch::Any),
        (Some(only), None) => only,
        _ => return Err(format!("{at}: must have one of exact, prefix, regex")),
    };
    let value = value.as_str().ok_or_else(|| format!("{at}.{kind}: must be a text"))?;
    match kind.as_str() {
        "exact" => Ok(TextMatch::Exact(value.to_owned())),
        "prefix" => Ok(TextMatch::Prefix(value.to_owned())),
        _ => pattern(value)
            .map(|fit| TextMatch::Pattern(Pattern(fit)))
            .map_err(|why| format!("{at}.regex: {why}")),
    }
}

/// A pattern for whole texts. Its time is linear in the text, whatever a client sends.
fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(&format!("^(?:{text})$"))
        .size_limit(MAX_PATTERN)
        .build()
        .map_err(|error| error.to_string())
}

fn object<'v>(
    value: &'v Value,
    at: &str,
    known: &[&str],
) -> Result<&'v Map<String, Value>, String> {
    let object = value.as_object().ok_or_else(|| format!("{at}: must be an object"))?;
    match object.keys().find(|name| !known.contains(&name.as_str())) {
        None => Ok(object),
        Some(name) => Err(format!("{at}.{name}: no such field; there are {}", known.join(", "))),
    }
}

fn items<'v>(
    object: &'v Map<String, Value>,
    name: &str,
    at: &str,
) -> Result<Vec<(&'v Value, String)>, String> {
    object.get(name).map_or(Ok(Vec::new()), |value| list(value, &format!("{at}.{name}")))
}

fn list<'v>(value: &'v Value, at: &str) -> Result<Vec<(&'v Value, String)>, String> {
    let items = value.as_array().ok_or_else(|| format!("{at}: must be a list"))?;
    Ok(items.iter().enumerate().map(|(index, item)| (item, format!("{at}[{index}]"))).collect())
}
