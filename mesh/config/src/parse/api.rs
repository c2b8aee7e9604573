use std::collections::BTreeMap;

use mesh_attributes::{OwnedValue, Span, Timestamp};

use super::duration::parse_duration;
use super::extension::decode_base64;
use super::fields::{Fields, Report};
use super::manifest::is_attribute_name;
use super::service::{read_items, services, specs};
use crate::yaml::{NodeValue, shorten};
use crate::{ApiKeyPlace, ApiPath, ApiPattern, HttpApiSpec, HttpApiSpecBinding};

pub(super) fn spec(spec: &mut Fields<'_>, report: &mut Report) -> HttpApiSpec {
    let attributes = attributes(spec, report);
    let patterns = spec.list("patterns", report);
    let patterns = read_items(patterns, pattern, report);
    let api_keys = spec.list("apiKeys", report);
    HttpApiSpec { attributes, patterns, api_keys: read_items(api_keys, api_key, report) }
}

pub(super) fn binding(spec: &mut Fields<'_>, report: &mut Report) -> HttpApiSpecBinding {
    HttpApiSpecBinding {
        services: services(spec, report),
        api_specs: specs(spec, "apiSpecs", report),
    }
}

fn pattern(fields: &mut Fields<'_>, report: &mut Report) -> Option<ApiPattern> {
    let attributes = attributes(fields, report);
    let http_method = fields.text("httpMethod", report).filter(|text| !text.value.is_empty());
    let template = fields.text("uriTemplate", report).map(ApiPath::Template);
    let regex = fields.text("regex", report).map(ApiPath::Regex);
    let path = one_of(fields, &["uriTemplate", "regex"], [template, regex], report)?;
    Some(ApiPattern { attributes, http_method, path })
}

fn api_key(fields: &mut Fields<'_>, report: &mut Report) -> Option<ApiKeyPlace> {
    let query = fields.text("query", report).map(ApiKeyPlace::Query);
    let header = fields.text("header", report).map(ApiKeyPlace::Header);
    let cookie = fields.text("cookie", report).map(ApiKeyPlace::Cookie);
    one_of(fields, &["query", "header", "cookie"], [query, header, cookie], report)
}

/// The only one of `found` that is there.
fn one_of<T, const N: usize>(
    fields: &Fields<'_>,
    names: &[&str; N],
    found: [Option<T>; N],
    report: &mut Report,
) -> Option<T> {
    let mut found = found.into_iter().flatten();
    let first = found.next();
    if first.is_none() || found.next().is_some() {
        let names: Vec<_> = names.iter().map(|name| format!("`{name}`")).collect();
        let path = fields.own_path();
        report.problem(fields.line(), format!("`{path}` must have one of {}", names.join(", ")));
        return None;
    }
    first
}

/// `attributes: {attributes: {api.service: {stringValue: x}}}`, as protobuf's JSON writes a bag.
fn attributes(fields: &mut Fields<'_>, report: &mut Report) -> BTreeMap<String, OwnedValue> {
    let mut values = BTreeMap::new();
    let Some(mut bag) = fields.fields("attributes", report) else { return values };
    if let Some(field) = bag.take("attributes", report) {
        match &field.node.value {
            NodeValue::Map(entries) => {
                for entry in entries {
                    let path = format!("{}.{}", bag.path_of("attributes"), shorten(&entry.key));
                    if !is_attribute_name(&entry.key) {
                        report.problem(
                            entry.line,
                            format!("`{path}` is no attribute name: expected words joined by dots"),
                        );
                    }
                    let Some(mut fields) = Fields::open(&entry.value, &path, report) else {
                        continue;
                    };
                    let value = value(&mut fields, report);
                    fields.finish(report);
                    values.extend(value.map(|value| (entry.key.clone(), value)));
                }
            }
            _ => bag.mistyped(field, "a map", report),
        }
    }
    bag.finish(report);
    values
}

fn value(fields: &mut Fields<'_>, report: &mut Report) -> Option<OwnedValue> {
    const NAMES: [&str; 8] = [
        "stringValue",
        "int64Value",
        "doubleValue",
        "boolValue",
        "bytesValue",
        "timestampValue",
        "durationValue",
        "stringMapValue",
    ];
    let before = report.problems.len();
    let found = [
        fields.text("stringValue", report).map(|text| OwnedValue::String(text.value)),
        fields.spelled("int64Value", "a whole number", report, |text| {
            text.parse().ok().map(OwnedValue::Int64)
        }),
        fields.spelled("doubleValue", "a number", report, |text| {
            text.parse().ok().map(OwnedValue::Double)
        }),
        fields.boolean("boolValue", report).map(OwnedValue::Bool),
        fields.spelled("bytesValue", "base64", report, |text| {
            decode_base64(text).ok().map(OwnedValue::Bytes)
        }),
        fields.spelled("timestampValue", "a time of RFC 3339", report, |text| {
            Timestamp::from_rfc3339(text).map(OwnedValue::Timestamp)
        }),
        fields.spelled("durationValue", "a time such as `10s` or `1.5s`", report, |text| {
            let nanos = i64::try_from(parse_duration(text)?).ok()?;
            Some(OwnedValue::Duration(Span::from_nanos(nanos)))
        }),
        string_map(fields, report),
    ];
    if report.problems.len() > before {
        return None;
    }
    one_of(fields, &NAMES, found, report)
}

fn string_map(fields: &mut Fields<'_>, report: &mut Report) -> Option<OwnedValue> {
    let mut map = fields.fields("stringMapValue", report)?;
    let entries = map.text_map("entries", report);
    map.finish(report);
    let entries = entries.into_iter().map(|(key, text)| (key, text.value));
    Some(OwnedValue::StringMap(entries.collect()))
}
