//! Reading a document of entries.
//!
//! Texts and patterns stand one a line. Addresses do too, or in YAML as a list, bare or under the key
//! `whitelist`, which is what Istio's adapter read. Blanks around an entry and empty lines mean nothing;
//! in a pattern only the end of the line is no part of it.

use adapter_sdk::nearest;
use saphyr_parser::{Event, Parser, Span};

use crate::entries::Entries;
use crate::parameters::EntryType;

/// Istio knows the first one; a list of what is denied reads better under the second.
const KEYS: [&str; 2] = ["whitelist", "blacklist"];

/// What a document says.
#[derive(Debug)]
pub(crate) struct Reading {
    pub(crate) entries: Entries,
    pub(crate) mistakes: Vec<Mistake>,
}

/// An entry that is none.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    /// From 1; 0 is the document as a whole.
    pub(crate) line: usize,
    pub(crate) message: String,
}

impl Reading {
    pub(crate) fn new(entry_type: EntryType, content: &[u8]) -> Self {
        let mut reading = Self { entries: Entries::none(entry_type), mistakes: Vec::new() };
        match (str::from_utf8(content), entry_type) {
            (Err(error), _) => {
                let message = format!("is no UTF-8 text from byte {} on", error.valid_up_to());
                reading.mistakes.push(Mistake { line: 0, message });
            }
            (Ok(text), EntryType::IpAddresses) => reading.addresses(text),
            (Ok(text), EntryType::Regex) => reading.lines(text, |line| line),
            (Ok(text), EntryType::Strings | EntryType::CaseInsensitiveStrings) => {
                reading.lines(text, str::trim);
            }
        }
        reading
    }

    fn lines(&mut self, text: &str, entry: impl Fn(&str) -> &str) {
        // `lines` takes both ends of a line, `\n` and `\r\n`.
        for (index, line) in text.lines().enumerate() {
            if !line.trim().is_empty() {
                self.entry(index + 1, entry(line));
            }
        }
    }

    fn entry(&mut self, line: usize, text: &str) {
        if let Err(message) = self.entries.add(text) {
            self.mistakes.push(Mistake { line, message });
        }
    }

    fn addresses(&mut self, text: &str) {
        match yaml(text) {
            Yaml::List(items) => items.iter().for_each(|(line, item)| self.entry(*line, item)),
            Yaml::Wrong(mistake) => self.mistakes.push(mistake),
            Yaml::Not => self.lines(text, str::trim),
        }
    }
}

enum Yaml {
    /// Scalars with their lines.
    List(Vec<(usize, String)>),
    Wrong(Mistake),
    /// Lines of addresses are no list and no map of YAML, if they are YAML at all.
    Not,
}

/// Follows the events of the first document: `[a, b]` or `whitelist: [a, b]`.
fn yaml(text: &str) -> Yaml {
    let mut items = Vec::new();
    // Collections that are open, and the key under which the next value of the map stands.
    let (mut depth, mut in_map, mut key) = (0_usize, false, None::<String>);
    let wrong =
        |span: Span, message: String| Yaml::Wrong(Mistake { line: span.start.line(), message });
    for event in Parser::new_from_str(text) {
        let Ok((event, span)) = event else {
            // An error after a list or map has begun is one of YAML.
            return match (depth, event) {
                (0, _) | (_, Ok(_)) => Yaml::Not,
                (_, Err(error)) => Yaml::Wrong(Mistake {
                    line: error.marker().line(),
                    message: format!("is no YAML: {}", error.info()),
                }),
            };
        };
        match event {
            Event::MappingStart(..) if depth == 0 => (depth, in_map) = (1, true),
            Event::SequenceStart(..) if depth == usize::from(in_map) => depth += 1,
            Event::MappingStart(..) | Event::SequenceStart(..) => {
                return wrong(span, "an address is needed, not a list or map".to_owned());
            }
            Event::Scalar(name, ..) if in_map && depth == 1 && key.is_none() => {
                if !KEYS.contains(&&*name) {
                    let hint = nearest(&name, KEYS);
                    return wrong(span, format!("{name:?} is no key of a list{hint}"));
                }
                key = Some(name.into_owned());
            }
            // A key with nothing under it.
            Event::Scalar(value, ..) if in_map && depth == 1 && is_null(&value) => key = None,
            Event::Scalar(value, ..) if depth == 0 || (in_map && depth == 1) => {
                return match depth {
                    0 => Yaml::Not,
                    _ => wrong(span, format!("a list is needed, not {value:?}")),
                };
            }
            Event::Scalar(value, ..) => items.push((span.start.line(), value.into_owned())),
            Event::SequenceEnd => {
                depth -= 1;
                key = None;
            }
            Event::MappingEnd => depth = 0,
            Event::Alias(..) => return wrong(span, "aliases are not followed".to_owned()),
            Event::DocumentEnd => break,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentStart(..) => {}
        }
    }
    Yaml::List(items)
}

fn is_null(text: &str) -> bool {
    matches!(text, "" | "~" | "null")
}

#[cfg(test)]
mod tests {
    use adapter_sdk::Value;

    use super::*;

    fn read(entry_type: EntryType, content: &str) -> (Entries, Vec<String>) {
        let Reading { entries, mistakes } = Reading::new(entry_type, content.as_bytes());
        let told = |m: &Mistake| format!("{}: {}", m.line, m.message);
        (entries, mistakes.iter().map(told).collect())
    }

    fn has(entries: &Entries, value: &str) -> bool {
        entries.contain(Value::Text(value)) == Some(true)
    }

    #[test]
    fn texts_stand_one_a_line_whatever_ends_it() {
        let (entries, mistakes) = read(EntryType::Strings, "alice\r\n\n  bob \n\t\ncarol");
        assert!(["alice", "bob", "carol"].iter().all(|name| has(&entries, name)));
        assert!(!has(&entries, "") && !has(&entries, "alice\r") && mistakes.is_empty());
        let (entries, _) = read(EntryType::Regex, "^a b $\r\n");
        assert!(has(&entries, "a b ") && !has(&entries, "a b"));
    }

    #[test]
    fn addresses_stand_in_lines_or_in_yaml() {
        for text in [
            "10.0.0.0/8\nfe80::1\n",
            "whitelist:\n- 10.0.0.0/8\n- fe80::1 # one\n",
            "blacklist: ['10.0.0.0/8', \"fe80::1\"]",
            "- 10.0.0.0/8\n- fe80::1",
            "{\"whitelist\": [\"10.0.0.0/8\", \"fe80::1\"]}",
        ] {
            let (entries, mistakes) = read(EntryType::IpAddresses, text);
            assert!(mistakes.is_empty(), "{text}: {mistakes:?}");
            assert!(has(&entries, "10.1.2.3") && has(&entries, "fe80::1"), "{text}");
            assert!(!has(&entries, "11.0.0.0") && !has(&entries, "fe80::2"), "{text}");
        }
        for empty in ["", "\n", "whitelist:\n", "whitelist: []", "[]", "{}"] {
            let (entries, mistakes) = read(EntryType::IpAddresses, empty);
            assert!(entries.is_empty() && mistakes.is_empty(), "{empty:?}: {mistakes:?}");
        }
    }

    #[test]
    fn what_is_no_entry_is_named_with_its_line() {
        let (entries, mistakes) =
            read(EntryType::IpAddresses, "whitelist:\n- 10.0.0.1\n- 10.0.0.300\n- fe80::/129\n");
        assert!(has(&entries, "10.0.0.1"));
        assert_eq!(
            mistakes,
            [
                "3: \"10.0.0.300\" is no IP address and no CIDR range",
                "4: \"fe80::/129\" is no IP address and no CIDR range",
            ]
        );
        let (_, mistakes) = read(EntryType::Regex, "a\n(\n");
        assert!(mistakes[0].starts_with("2: \"(\" is no pattern"), "{mistakes:?}");
        for (text, told) in [
            (
                "whitlist: [10.0.0.1]",
                "1: \"whitlist\" is no key of a list, did you mean whitelist?",
            ),
            ("whitelist: 10.0.0.1", "1: a list is needed, not \"10.0.0.1\""),
            ("whitelist:\n- [10.0.0.1]", "2: an address is needed, not a list or map"),
            ("<html>\n", "1: \"<html>\" is no IP address and no CIDR range"),
        ] {
            let (entries, mistakes) = read(EntryType::IpAddresses, text);
            assert_eq!(mistakes, [told]);
            assert!(entries.is_empty());
        }
        let (_, mistakes) = read(EntryType::IpAddresses, "whitelist: [10.0.0.1\n");
        assert!(mistakes[0].contains("is no YAML"), "{mistakes:?}");
        let Reading { mistakes, .. } = Reading::new(EntryType::Strings, b"alice\n\xff\n");
        assert_eq!(mistakes[0].message, "is no UTF-8 text from byte 6 on");
    }
}
