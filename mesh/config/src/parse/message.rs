//! The fields of an instance: expressions in messages and maps, made flat.

use std::collections::BTreeMap;

use super::fields::{Fields, Report};
use crate::Text;
use crate::catalog::{FieldKind, FieldSchema};
use crate::yaml::{Entry, Node, NodeValue, shorten};

/// The expressions of a message by their names in `schema`.
pub(super) fn read_message(
    schema: &[FieldSchema],
    mut message: Fields<'_>,
    report: &mut Report,
) -> BTreeMap<String, Text> {
    let mut flat = BTreeMap::new();
    let fields: Vec<_> = schema.iter().map(|field| (field.name, field)).collect();
    read_level(&fields, &mut message, &mut flat, report);
    message.finish(report);
    flat
}

/// The expressions of a message of which nothing is known, by their names as written.
pub(super) fn read_open_message(
    message: &Fields<'_>,
    report: &mut Report,
) -> BTreeMap<String, Text> {
    let mut flat = BTreeMap::new();
    read_open_level("", &message.path_of(""), message.entries(), &mut flat, report);
    flat
}

/// A map of expressions by names of the user's choice. A name without one is a mistake: its type could
/// not be told.
pub(super) fn expressions(
    fields: &mut Fields<'_>,
    name: &'static str,
    report: &mut Report,
) -> BTreeMap<String, Text> {
    let mut texts = BTreeMap::new();
    let Some(field) = fields.take(name, report) else { return texts };
    let NodeValue::Map(entries) = &field.node.value else {
        fields.mistyped(field, "a map", report);
        return texts;
    };
    for entry in entries {
        let path = format!("{}.{}", fields.path_of(name), shorten(&entry.key));
        let before = report.problems.len();
        match expression(&path, entry.line, &entry.value, report) {
            Some(text) => drop(texts.insert(entry.key.clone(), text)),
            None if report.problems.len() == before => {
                report.problem(entry.line, format!("`{path}` has no expression"));
            }
            None => {}
        }
    }
    texts
}

/// Reads `fields`, each with the part of its name that is left at this level.
fn read_level(
    fields: &[(&'static str, &FieldSchema)],
    message: &mut Fields<'_>,
    flat: &mut BTreeMap<String, Text>,
    report: &mut Report,
) {
    let mut inner: Vec<&str> = Vec::new();
    for (name, field) in fields {
        if let Some((outer, _)) = name.split_once('.') {
            if inner.contains(&outer) {
                continue;
            }
            inner.push(outer);
            let within: Vec<_> = fields
                .iter()
                .filter_map(|(name, field)| match name.split_once('.') {
                    Some((of, name)) if of == outer => Some((name, *field)),
                    _ => None,
                })
                .collect();
            if let Some(mut nested) = message.fields(outer, report) {
                read_level(&within, &mut nested, flat, report);
                nested.finish(report);
            }
            continue;
        }
        match field.kind {
            FieldKind::Scalar(_) => {
                let Some(found) = message.take(name, report) else { continue };
                let path = message.path_of(name);
                if let Some(text) = expression(&path, found.line, found.node, report) {
                    flat.insert(field.name.to_owned(), text);
                }
            }
            FieldKind::Map(_) => {
                let texts = expressions(message, name, report).into_iter();
                flat.extend(texts.map(|(key, text)| (format!("{}.{key}", field.name), text)));
            }
        }
    }
}

/// The recursion is bounded by the depth to which YAML is read.
fn read_open_level(
    prefix: &str,
    path: &str,
    entries: &[Entry],
    flat: &mut BTreeMap<String, Text>,
    report: &mut Report,
) {
    for entry in entries {
        let name = format!("{prefix}{}", entry.key);
        let path = format!("{path}{}", shorten(&entry.key));
        if let NodeValue::Map(entries) = &entry.value.value {
            read_open_level(&format!("{name}."), &format!("{path}."), entries, flat, report);
            continue;
        }
        let Some(text) = expression(&path, entry.line, &entry.value, report) else { continue };
        if let Some(first) = flat.insert(name, text) {
            report.problem(
                entry.line,
                format!("`{path}` is here twice, first at line {}", first.line),
            );
        }
    }
}

/// The expression at `node`; none if it is empty. A bare number or truth value is refused: Istio
/// does, and whoever writes one may not know that it is an expression.
fn expression(path: &str, line: u32, node: &Node, report: &mut Report) -> Option<Text> {
    let NodeValue::Scalar(scalar) = &node.value else {
        report.problem(line, format!("`{path}` must be text, not {}", node.describe()));
        return None;
    };
    if scalar.is_null() || scalar.text.trim().is_empty() {
        return None;
    }
    if scalar.is_literal() {
        let value = shorten(&scalar.text);
        report.problem(
            line,
            format!("`{path}` must be text that holds an expression: quote it, `\"{value}\"`"),
        );
        return None;
    }
    Some(Text { value: scalar.text.clone(), line })
}
