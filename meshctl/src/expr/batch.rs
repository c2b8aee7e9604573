//! Questions as lines of JSON, each answered by one line, whatever it holds.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{BufRead, BufReader, Read, Write};
use std::marker::PhantomData;

use anyhow::{Context, Result};
use mesh_attributes::{ValueType, bag_from_json};
use mixer_expr::Language;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::Value as Json;

use super::answer::Answer;
use super::unknown_language;

/// The longest line in bytes: far above what any request holds.
const MAX_LINE: usize = 16 * 1024 * 1024;

/// One line of the input.
#[derive(serde::Deserialize)]
struct Question {
    expression: String,
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    types: Unique<String>,
    #[serde(default)]
    attributes: Unique<Json>,
}

/// Answers the lines of `input` in order on `output`. What was answered is written out whenever the
/// input makes wait, so that two processes can talk line by line.
pub(super) fn answer_all<R: Read, W: Write>(
    input: &mut BufReader<R>,
    output: &mut W,
) -> Result<()> {
    let mut output = std::io::BufWriter::new(output);
    let mut line = Vec::new();
    loop {
        if input.buffer().is_empty() {
            output.flush().context("write the answers")?;
        }
        line.clear();
        let read = input.by_ref().take(MAX_LINE as u64 + 1).read_until(b'\n', &mut line);
        if read.context("read a line")? == 0 {
            return output.flush().context("write the answers");
        }
        let is_whole = line.last() == Some(&b'\n');
        let answer = if !is_whole && line.len() > MAX_LINE {
            skip_line(input).context("read a line")?;
            Answer::input_error(format!("the line is longer than {MAX_LINE} bytes"))
        } else {
            answer(&line).unwrap_or_else(Answer::input_error)
        };
        serde_json::to_writer(&mut output, &answer).context("write an answer")?;
        output.write_all(b"\n").context("write an answer")?;
    }
}

fn answer(line: &[u8]) -> Result<Answer, String> {
    // Serde would take a list for the fields in their order.
    if line.trim_ascii_start().starts_with(b"[") {
        return Err("a question is an object, this is a list".to_owned());
    }
    let question: Question = serde_json::from_slice(line).map_err(|cause| cause.to_string())?;
    let language = match question.lang.as_deref() {
        None => Language::default(),
        Some(name) => Language::from_name(name).ok_or_else(|| unknown_language(name))?,
    };
    let mut types = BTreeMap::new();
    for (name, value_type) in question.types.entries {
        let value_type = ValueType::from_name(&value_type)
            .ok_or_else(|| format!("attribute {name}: there is no type {value_type:.40}"))?;
        types.insert(name, value_type);
    }
    let attributes = Json::Object(question.attributes.entries.into_iter().collect());
    let bag = bag_from_json(&attributes).map_err(|cause| cause.to_string())?;
    Ok(Answer::to(&question.expression, language, &types, &bag))
}

fn skip_line(input: &mut impl BufRead) -> std::io::Result<()> {
    loop {
        let buffer = input.fill_buf()?;
        let end = buffer.iter().position(|byte| *byte == b'\n');
        let used = end.map_or(buffer.len(), |at| at + 1);
        let is_over = end.is_some() || buffer.is_empty();
        input.consume(used);
        if is_over {
            return Ok(());
        }
    }
}

/// The members of an object. A name that comes twice is a mistake and not a matter of which one wins.
struct Unique<T> {
    entries: BTreeMap<String, T>,
}

impl<T> Default for Unique<T> {
    fn default() -> Self {
        Self { entries: BTreeMap::new() }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Unique<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members(PhantomData))
    }
}

struct Members<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Members<T> {
    type Value = Unique<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object by attribute names")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Unique<T>, A::Error> {
        let mut entries = BTreeMap::new();
        while let Some((name, value)) = access.next_entry::<String, T>()? {
            if entries.contains_key(&name) {
                return Err(Error::custom(format!("attribute {name} is there twice")));
            }
            entries.insert(name, value);
        }
        Ok(Unique { entries })
    }
}

#[cfg(test)]
mod tests;
