use saphyr_parser::{Event, Parser, ScanError};

use super::Node;
use super::node::shorten;
use super::tree::{Refusal, TreeBuilder};

/// A document of a file.
#[derive(Debug)]
pub(crate) struct Document {
    /// The line where its content begins, counted from 1.
    pub(crate) line: u32,
    /// What was read of it; after a mistake, what came before the mistake.
    pub(crate) root: Option<Node>,
    /// Mistakes of the YAML itself, each with its line.
    pub(crate) problems: Vec<(u32, String)>,
    /// Whether `root` is all of it: false after a mistake that ends reading, such as a syntax error.
    pub(crate) whole: bool,
}

/// The documents of `text` in order, empty ones left out. Documents are parsed apart from each other,
/// so a syntax error costs one document and not the file.
pub(crate) fn documents(text: &str) -> Vec<Document> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut documents = Vec::new();
    for chunk in split(text) {
        read_chunk(chunk, &mut documents);
    }
    documents
}

/// A part of a file between two document markers, with the number of lines before it.
#[derive(Clone, Copy)]
struct Chunk<'t> {
    text: &'t str,
    lines_before: u32,
}

/// Splits at each line that begins with the marker `---`. YAML allows such a line nowhere else, not
/// even in quoted or literal text. What comes before the marker and has no content (directives,
/// comments) stays with it.
fn split(text: &str) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut start_line) = (0, 0);
    let mut has_content = false;
    let mut offset = 0;
    for (number, line) in (0u32..).zip(text.split_inclusive('\n')) {
        if is_marker(line) {
            if has_content {
                chunks.push(Chunk { text: &text[start..offset], lines_before: start_line });
                (start, start_line) = (offset, number);
            }
            has_content = true;
        } else if !(line.trim().is_empty() || line.starts_with(['#', '%'])) {
            has_content = true;
        }
        offset += line.len();
    }
    chunks.push(Chunk { text: &text[start..], lines_before: start_line });
    chunks
}

fn is_marker(line: &str) -> bool {
    line.strip_prefix("---")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with([' ', '\t', '\r', '\n']))
}

fn read_chunk(chunk: Chunk<'_>, documents: &mut Vec<Document>) {
    let mut parser = Parser::new_from_str(chunk.text);
    let mut tree = TreeBuilder::new(chunk.lines_before);
    loop {
        match parser.next_event() {
            None | Some(Ok((Event::StreamEnd, _))) => return,
            Some(Ok((Event::DocumentStart(_), _))) => tree = TreeBuilder::new(chunk.lines_before),
            Some(Ok((Event::DocumentEnd, _))) => {
                documents.extend(tree.finish());
                tree = TreeBuilder::new(chunk.lines_before);
            }
            Some(Ok((event, span))) => {
                let line = line_number(span.start.line(), chunk.lines_before);
                if let Err(Refusal { line, message }) = tree.event(event, line) {
                    documents.push(tree.abandon(line, message));
                    return;
                }
            }
            Some(Err(error)) => {
                let (line, message) = explain(&error, chunk.text);
                documents.push(tree.abandon(line_number(line, chunk.lines_before), message));
                return;
            }
        }
    }
}

pub(super) fn line_number(line_in_chunk: usize, lines_before: u32) -> u32 {
    u32::try_from(line_in_chunk).unwrap_or(u32::MAX).saturating_add(lines_before)
}

/// The line, what is wrong there and what was expected. The parser names the YAML rule; the cause that
/// users meet most behind it is added.
fn explain(error: &ScanError, text: &str) -> (usize, String) {
    // A mistake that shows at the end may be told at the line after it.
    let number = error.marker().line().min(text.lines().count()).max(1);
    let line = text.lines().nth(number - 1).unwrap_or_default();
    let place = if number == error.marker().line() {
        format!("at column {}", error.marker().col() + 1)
    } else {
        "at the end of the document".to_owned()
    };
    let mut message = format!("not valid YAML {place}: {}", error.info());
    if let Some(cause) = likely_cause(error.info(), line) {
        message.push_str("; ");
        message.push_str(cause);
    }
    let line = line.trim();
    if !line.is_empty() {
        message.push_str(&format!(" (the line is `{}`)", shorten(line)));
    }
    (number, message)
}

fn likely_cause(info: &str, line: &str) -> Option<&'static str> {
    if line.trim_start_matches(' ').starts_with('\t') {
        return Some("indent with spaces, YAML allows no tabs there");
    }
    let causes = [
        ("simple key", "expected `key: value`; is the `:` missing, or the indentation off?"),
        (
            "mapping values are not allowed",
            "is a text with `: ` in it not quoted, or the indentation off?",
        ),
        ("did not find expected <document start>", "expected the next key or the document's end"),
        ("invalid indentation", "expected the next key or the document's end"),
        ("did not find expected key", "is the indentation off?"),
        ("unknown anchor", "the alias names no anchor of this document"),
        ("quoted scalar", "is the closing quote missing?"),
    ];
    causes.into_iter().find(|(rule, _)| info.contains(rule)).map(|(_, cause)| cause)
}
