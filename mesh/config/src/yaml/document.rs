use saphyr_parser::{Event, Marker, Parser, ScanError};

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

/// A part of a file between two document markers.
#[derive(Clone, Copy)]
struct Chunk<'t> {
    text: &'t str,
    /// How many lines of the file are before it.
    lines_before: u32,
    /// Its own last line, counted from 1.
    last_line: usize,
}

impl<'t> Chunk<'t> {
    fn new(text: &'t str, lines_before: u32) -> Self {
        Self { text, lines_before, last_line: lines(text).count().max(1) }
    }

    /// A line of the chunk. What comes after the last one, such as a value that is left out at the end,
    /// belongs to the last.
    fn own_line(&self, mark: &Marker) -> usize {
        mark.line().clamp(1, self.last_line)
    }

    /// The line of the file for a line of the chunk.
    fn file_line(&self, own_line: usize) -> u32 {
        u32::try_from(own_line).unwrap_or(u32::MAX).saturating_add(self.lines_before)
    }
}

/// Lines as YAML knows them: a carriage return alone ends one too.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('\r'))
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
                chunks.push(Chunk::new(&text[start..offset], start_line));
                (start, start_line) = (offset, number);
            }
            has_content = true;
        } else if !(line.trim().is_empty() || line.starts_with(['#', '%'])) {
            has_content = true;
        }
        offset += line.len();
    }
    chunks.push(Chunk::new(&text[start..], start_line));
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
                let line = chunk.file_line(chunk.own_line(&span.start));
                if let Err(Refusal { line, message }) = tree.event(event, line) {
                    documents.push(tree.abandon(line, message));
                    return;
                }
            }
            Some(Err(error)) => {
                let line = chunk.own_line(error.marker());
                let message = explain(&error, line, chunk.text);
                documents.push(tree.abandon(chunk.file_line(line), message));
                return;
            }
        }
    }
}

/// What is wrong at line `own_line` of `text` and what was expected. The parser names the YAML rule; the
/// cause that users meet most behind it is added.
fn explain(error: &ScanError, own_line: usize, text: &str) -> String {
    let line = lines(text).nth(own_line - 1).unwrap_or_default();
    let place = if own_line == error.marker().line() {
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
    message
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
