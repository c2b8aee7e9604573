use std::collections::BTreeMap;

use crate::Text;
use crate::nearest::hint;
use crate::yaml::{Entry, Node, NodeValue, Scalar, same_field, shorten};

/// The mistakes found so far in a resource, each with its line.
#[derive(Default)]
pub(super) struct Report {
    pub(super) problems: Vec<(u32, String)>,
}

impl Report {
    pub(super) fn problem(&mut self, line: u32, message: impl Into<String>) {
        self.problems.push((line, message.into()));
    }
}

/// Reads a map's fields by name and finally reports those that nobody asked for.
///
/// A field is found in camel case and in snake case, as protobuf's JSON allows. One that is written
/// but empty (`match:`) is the same as one left out.
pub(super) struct Fields<'n> {
    path: String,
    line: u32,
    entries: &'n [Entry],
    asked: Vec<&'static str>,
}

/// A field's value with its name and place.
#[derive(Clone, Copy)]
pub(super) struct Field<'n> {
    pub(super) name: &'static str,
    pub(super) line: u32,
    pub(super) node: &'n Node,
}

impl<'n> Fields<'n> {
    /// The fields of `node`, which `path` leads to, such as `spec.actions[0]`.
    pub(super) fn open(node: &'n Node, path: &str, report: &mut Report) -> Option<Self> {
        match &node.value {
            NodeValue::Map(entries) => {
                Some(Self { path: path.to_owned(), line: node.line, entries, asked: Vec::new() })
            }
            _ => {
                let found = node.describe();
                let what =
                    if path.is_empty() { "the document".to_owned() } else { format!("`{path}`") };
                report.problem(node.line, format!("{what} must be a map, not {found}"));
                None
            }
        }
    }

    pub(super) fn line(&self) -> u32 {
        self.line
    }

    /// The path of the field `name` from the resource's root, for messages.
    pub(super) fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { format!("{}.{name}", self.path) }
    }

    /// The path of these fields themselves.
    pub(super) fn own_path(&self) -> &str {
        &self.path
    }

    pub(super) fn entries(&self) -> &'n [Entry] {
        self.entries
    }

    /// The field `name`, if it is written and not empty.
    pub(super) fn take(&mut self, name: &'static str, report: &mut Report) -> Option<Field<'n>> {
        self.asked.push(name);
        let mut found = self.entries.iter().filter(|entry| same_field(&entry.key, name));
        let entry = found.next()?;
        for again in found {
            let path = self.path_of(name);
            let message =
                format!("`{path}` is here twice, first as `{}` at line {}", entry.key, entry.line);
            report.problem(again.line, message);
        }
        (!entry.value.is_null()).then_some(Field { name, line: entry.line, node: &entry.value })
    }

    /// Accepts the field `name` without reading it.
    pub(super) fn skip(&mut self, name: &'static str) {
        self.asked.push(name);
    }

    /// The text of the field, whatever a bare one may look like.
    pub(super) fn text(&mut self, name: &'static str, report: &mut Report) -> Option<Text> {
        let field = self.take(name, report)?;
        let scalar = self.scalar(field, "text", report)?;
        Some(Text { value: scalar.text.clone(), line: field.line })
    }

    /// The text of the field, which must be there and not be empty.
    pub(super) fn required_text(
        &mut self,
        name: &'static str,
        report: &mut Report,
    ) -> Option<Text> {
        let before = report.problems.len();
        let text = self.text(name, report).filter(|text| !text.value.is_empty());
        if text.is_none() && report.problems.len() == before {
            self.missing(name, report);
        }
        text
    }

    /// What `read` makes of the field's text; `wanted` says what it takes.
    pub(super) fn spelled<T>(
        &mut self,
        name: &'static str,
        wanted: &str,
        report: &mut Report,
        read: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let field = self.take(name, report)?;
        let scalar = self.scalar(field, wanted, report)?;
        let value = read(&scalar.text);
        if value.is_none() {
            self.mistyped(field, wanted, report);
        }
        value
    }

    /// The text of an expression; the empty text is the same as none.
    pub(super) fn expression(&mut self, name: &'static str, report: &mut Report) -> Option<Text> {
        self.text(name, report).filter(|text| !text.value.trim().is_empty())
    }

    pub(super) fn boolean(&mut self, name: &'static str, report: &mut Report) -> Option<bool> {
        let field = self.take(name, report)?;
        let scalar = self.scalar(field, "true or false", report)?;
        let truth = scalar.as_bool();
        if truth.is_none() {
            self.mistyped(field, "true or false", report);
        }
        truth
    }

    /// A whole number of 0 to `most`.
    pub(super) fn count(
        &mut self,
        name: &'static str,
        most: u64,
        report: &mut Report,
    ) -> Option<u64> {
        let field = self.take(name, report)?;
        if let NodeValue::Scalar(scalar) = &field.node.value
            && let Some(doubt) = scalar.ambiguity()
        {
            let path = self.path_of(name);
            report.problem(field.line, format!("`{path}`: {doubt}"));
            return None;
        }
        let number = match &field.node.value {
            NodeValue::Scalar(scalar) => scalar.as_int().and_then(|int| u64::try_from(int).ok()),
            _ => None,
        };
        let number = number.filter(|number| *number <= most);
        if number.is_none() {
            self.mistyped(field, &format!("a whole number of 0 to {most}"), report);
        }
        number
    }

    /// One of `choices`, by name or by its number in protobuf, which is its index.
    pub(super) fn choice(
        &mut self,
        name: &'static str,
        choices: &[&str],
        report: &mut Report,
    ) -> Option<usize> {
        let field = self.take(name, report)?;
        let scalar = self.scalar(field, "one word", report)?;
        let index = choices.iter().position(|choice| *choice == scalar.text).or_else(|| {
            let number = scalar.as_int().and_then(|int| usize::try_from(int).ok())?;
            (number < choices.len()).then_some(number)
        });
        if index.is_none() {
            let path = self.path_of(name);
            let value = shorten(&scalar.text);
            let hint = hint(&scalar.text, choices.iter().copied());
            report.problem(field.line, format!("`{path}` has no value `{value}`, {hint}"));
        }
        index
    }

    /// The items of a list, each with its path.
    pub(super) fn list(
        &mut self,
        name: &'static str,
        report: &mut Report,
    ) -> Vec<(String, &'n Node)> {
        let Some(field) = self.take(name, report) else { return Vec::new() };
        match &field.node.value {
            NodeValue::List(items) => {
                let path = self.path_of(name);
                (0..).zip(items).map(|(i, item)| (format!("{path}[{i}]"), item)).collect()
            }
            _ => {
                self.mistyped(field, "a list", report);
                Vec::new()
            }
        }
    }

    /// A list of texts. Texts that are empty are mistakes.
    pub(super) fn texts(&mut self, name: &'static str, report: &mut Report) -> Vec<Text> {
        let mut texts = Vec::new();
        for (path, item) in self.list(name, report) {
            match &item.value {
                NodeValue::Scalar(scalar) if !scalar.is_null() && !scalar.text.is_empty() => {
                    texts.push(Text { value: scalar.text.clone(), line: item.line });
                }
                _ => report
                    .problem(item.line, format!("`{path}` must be text, not {}", item.describe())),
            }
        }
        texts
    }

    /// A map from names of the user's choice to texts. Empty texts are left out where they mean
    /// nothing, as in maps of expressions.
    pub(super) fn text_map(
        &mut self,
        name: &'static str,
        report: &mut Report,
    ) -> BTreeMap<String, Text> {
        let mut texts = BTreeMap::new();
        let Some(field) = self.take(name, report) else { return texts };
        let NodeValue::Map(entries) = &field.node.value else {
            self.mistyped(field, "a map", report);
            return texts;
        };
        for entry in entries {
            match &entry.value.value {
                NodeValue::Scalar(scalar) => {
                    let value = if scalar.is_null() { String::new() } else { scalar.text.clone() };
                    texts.insert(entry.key.clone(), Text { value, line: entry.line });
                }
                _ => {
                    let path = format!("{}.{}", self.path_of(name), shorten(&entry.key));
                    let found = entry.value.describe();
                    report.problem(entry.line, format!("`{path}` must be text, not {found}"));
                }
            }
        }
        texts
    }

    /// The fields of the map at `name`.
    pub(super) fn fields(&mut self, name: &'static str, report: &mut Report) -> Option<Self> {
        let field = self.take(name, report)?;
        match &field.node.value {
            NodeValue::Map(entries) => Some(Self {
                path: self.path_of(name),
                line: field.line,
                entries,
                asked: Vec::new(),
            }),
            _ => {
                self.mistyped(field, "a map", report);
                None
            }
        }
    }

    /// Reports that the required field `name` is missing.
    pub(super) fn missing(&self, name: &str, report: &mut Report) {
        report.problem(self.line, format!("`{}` is missing", self.path_of(name)));
    }

    /// Reports that a field is of another type than `wanted`.
    pub(super) fn mistyped(&self, field: Field<'_>, wanted: &str, report: &mut Report) {
        let path = self.path_of(field.name);
        let found = field.node.describe();
        report.problem(field.line, format!("`{path}` must be {wanted}, not {found}"));
    }

    /// Reports every field that was not asked for.
    pub(super) fn finish(self, report: &mut Report) {
        for entry in self.entries {
            if !self.asked.iter().any(|name| same_field(&entry.key, name)) {
                let path = self.path_of(&shorten(&entry.key));
                let hint = hint(&entry.key, self.asked.iter().copied());
                report.problem(entry.line, format!("unknown field `{path}`, {hint}"));
            }
        }
    }

    fn scalar(&self, field: Field<'n>, wanted: &str, report: &mut Report) -> Option<&'n Scalar> {
        match &field.node.value {
            NodeValue::Scalar(scalar) => Some(scalar),
            _ => {
                self.mistyped(field, wanted, report);
                None
            }
        }
    }
}
