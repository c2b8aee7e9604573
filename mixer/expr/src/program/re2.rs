//! Regular expressions as policies have always written them: the syntax and meaning of RE2.
//!
//! The engine is the crate `regex`, a relative of RE2 with differences that would change decisions
//! silently: its `\d`, `\w`, `\s`, `\b` take in all of Unicode where RE2's are ASCII, `[a&&b]` is an
//! intersection, `[[x]` nests, `\<` is a word boundary, `{` must be a repetition, and `\Q…\E` is
//! unknown. So each pattern is rewritten to one that means there what the original means in RE2;
//! what RE2 refuses is refused.

use std::fmt::Write;
use std::iter::Peekable;
use std::str::Chars;

use regex::{Regex, RegexBuilder};

/// The most repetitions that RE2 counts.
const MAX_REPEAT: u32 = 1000;

/// The names in `[[:alpha:]]` and the like, which mean the same to the engine; others would not be
/// errors there.
const NAMED_CLASSES: [&str; 14] = [
    "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
    "space", "upper", "word", "xdigit",
];

/// How far the end of a count or of a class's name is looked for: both are shorter.
const MAX_LOOKED_AHEAD: usize = 16;

/// The regular expression that `pattern` is in RE2, if it takes no more than `limit` bytes compiled,
/// and again for the states it keeps. The error says what is wrong with it.
pub(crate) fn compile(pattern: &str, limit: usize) -> Result<Regex, String> {
    let mut translation = Translation { rest: pattern.chars().peekable(), out: String::new() };
    translation.run()?;
    RegexBuilder::new(&translation.out).size_limit(limit).dfa_size_limit(limit).build().map_err(
        |error| match error {
            regex::Error::CompiledTooBig(limit) => {
                format!("needs more than {limit} bytes when compiled")
            }
            // The engine shows the rewritten pattern first: only its last line is of use.
            other => {
                let text = other.to_string();
                text.rsplit_once("error: ").map_or(&*text, |(_, reason)| reason).to_owned()
            }
        },
    )
}

struct Translation<'p> {
    rest: Peekable<Chars<'p>>,
    out: String,
}

/// What an escape sequence stands for.
enum Escape {
    Char(char),
    /// A class, in a form that fits inside brackets and outside.
    Class(String),
    /// Something that stands only outside brackets, ready for the engine.
    Other(&'static str),
    /// `\Q`: all up to `\E` is literal.
    Quote,
}

impl Translation<'_> {
    fn run(&mut self) -> Result<(), String> {
        let mut repeated = false;
        while let Some(c) = self.rest.next() {
            let repeats = match c {
                '*' | '+' | '?' => true,
                '{' => self.counts()?,
                _ => false,
            };
            if repeats {
                if repeated {
                    return Err("invalid nested repetition operator".into());
                }
                // The count of a `{n}` was written already.
                if c != '{' {
                    self.out.push(c);
                }
                if self.rest.next_if_eq(&'?').is_some() {
                    self.out.push('?');
                }
            } else {
                self.item(c)?;
            }
            repeated = repeats;
        }
        Ok(())
    }

    fn item(&mut self, c: char) -> Result<(), String> {
        match c {
            '\\' => match self.escape()? {
                Escape::Char(c) => self.literal(c),
                Escape::Class(class) => self.out.push_str(&class),
                Escape::Other(text) => self.out.push_str(text),
                Escape::Quote => self.quoted(),
            },
            '[' => self.class()?,
            '(' => self.group()?,
            '{' | '}' | ']' => self.literal(c),
            c => self.out.push(c),
        }
        Ok(())
    }

    fn literal(&mut self, c: char) {
        self.out.push_str(&regex::escape(c.encode_utf8(&mut [0; 4])));
    }

    fn quoted(&mut self) {
        while let Some(c) = self.rest.next() {
            if c == '\\' && self.rest.peek() == Some(&'E') {
                self.rest.next();
                return;
            }
            self.literal(c);
        }
    }

    /// What follows a backslash.
    fn escape(&mut self) -> Result<Escape, String> {
        let c = self.rest.next().ok_or("backslash at the end")?;
        Ok(match c {
            'Q' => Escape::Quote,
            'A' => Escape::Other(r"\A"),
            'z' => Escape::Other(r"\z"),
            'b' => Escape::Other(r"(?-u:\b)"),
            'B' => Escape::Other(r"(?-u:\B)"),
            'd' => Escape::Class("[0-9]".into()),
            'D' => Escape::Class("[^0-9]".into()),
            's' => Escape::Class(r"[\t\n\f\r ]".into()),
            'S' => Escape::Class(r"[^\t\n\f\r ]".into()),
            'w' => Escape::Class("[0-9A-Za-z_]".into()),
            'W' => Escape::Class("[^0-9A-Za-z_]".into()),
            'p' | 'P' => Escape::Class(self.unicode_class(c == 'P')?),
            'a' => Escape::Char('\x07'),
            'f' => Escape::Char('\x0c'),
            'n' => Escape::Char('\n'),
            'r' => Escape::Char('\r'),
            't' => Escape::Char('\t'),
            'v' => Escape::Char('\x0b'),
            'x' => Escape::Char(self.hexadecimal()?),
            '0'..='7' => Escape::Char(self.octal(c)?),
            c if c.is_ascii_punctuation() || c.is_ascii_whitespace() => Escape::Char(c),
            c => return Err(format!(r"invalid escape sequence: \{c}")),
        })
    }

    fn hexadecimal(&mut self) -> Result<char, String> {
        const INVALID: &str = r"invalid escape sequence: \x";
        let mut digits = String::new();
        if self.rest.next_if_eq(&'{').is_some() {
            while let Some(digit) = self.rest.next_if(|c| *c != '}') {
                digits.push(digit);
            }
            self.rest.next().ok_or(INVALID)?;
        } else {
            digits.extend(self.rest.by_ref().take(2));
            if digits.len() != 2 {
                return Err(INVALID.into());
            }
        }
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(INVALID.into());
        }
        let number = u32::from_str_radix(&digits, 16).map_err(|_| INVALID)?;
        char::from_u32(number).ok_or_else(|| INVALID.into())
    }

    /// Up to three octal digits; a single one but 0 would be a reference back, which RE2 lacks.
    fn octal(&mut self, first: char) -> Result<char, String> {
        let mut number = first.to_digit(8).unwrap_or_default();
        let mut count = 1;
        while count < 3
            && let Some(digit) = self.rest.peek().and_then(|c| c.to_digit(8))
        {
            number = number * 8 + digit;
            count += 1;
            self.rest.next();
        }
        if count == 1 && first != '0' {
            return Err(format!(r"invalid escape sequence: \{first}"));
        }
        char::from_u32(number).ok_or_else(|| format!(r"invalid escape sequence: \{first}"))
    }

    /// `\pN`, `\p{Greek}` or `\p{^Greek}`, behind the `p`.
    fn unicode_class(&mut self, mut negated: bool) -> Result<String, String> {
        let mut name = String::new();
        match self.rest.next() {
            Some('{') => {
                if self.rest.next_if_eq(&'^').is_some() {
                    negated = !negated;
                }
                while let Some(c) = self.rest.next_if(|c| c.is_ascii_alphanumeric() || *c == '_') {
                    name.push(c);
                }
                if self.rest.next() != Some('}') {
                    return Err("invalid character class range".into());
                }
            }
            Some(letter) if letter.is_ascii_alphabetic() => name.push(letter),
            _ => return Err("invalid character class range".into()),
        }
        Ok(format!(r"\{}{{{name}}}", if negated { 'P' } else { 'p' }))
    }

    /// A class in brackets, behind the opening one.
    fn class(&mut self) -> Result<(), String> {
        const UNCLOSED: &str = "missing closing ]";
        self.out.push('[');
        if self.rest.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        loop {
            let c = self.rest.next().ok_or(UNCLOSED)?;
            if c == ']' && !first {
                break;
            }
            first = false;
            if c == '[' && self.named_class()? {
                continue;
            }
            let low = match self.class_char(c)? {
                Escape::Char(low) => low,
                Escape::Class(class) => {
                    self.out.push_str(&class);
                    continue;
                }
                _ => return Err("invalid escape sequence in a character class".into()),
            };
            let mut ahead = self.rest.clone();
            let is_range = ahead.next() == Some('-') && ahead.next().is_some_and(|c| c != ']');
            let high = if is_range {
                self.rest.next();
                let c = self.rest.next().ok_or(UNCLOSED)?;
                match self.class_char(c)? {
                    Escape::Char(high) if high >= low => high,
                    _ => return Err("invalid character class range".into()),
                }
            } else {
                low
            };
            // As numbers: no character has a meaning of its own then.
            let _ = write!(self.out, r"\x{{{:x}}}-\x{{{:x}}}", u32::from(low), u32::from(high));
        }
        self.out.push(']');
        Ok(())
    }

    fn class_char(&mut self, c: char) -> Result<Escape, String> {
        if c == '\\' { self.escape() } else { Ok(Escape::Char(c)) }
    }

    /// `[:alpha:]`, behind its opening bracket, if it is one.
    fn named_class(&mut self) -> Result<bool, String> {
        let mut ahead = self.rest.clone();
        if ahead.next() != Some(':') {
            return Ok(false);
        }
        let name: String =
            ahead.by_ref().take(MAX_LOOKED_AHEAD).take_while(|c| *c != ':').collect();
        if ahead.next() != Some(']') {
            return Ok(false);
        }
        if !NAMED_CLASSES.contains(&name.strip_prefix('^').unwrap_or(&name)) {
            return Err("invalid character class range".into());
        }
        let _ = write!(self.out, "[:{name}:]");
        self.rest = ahead;
        Ok(true)
    }

    /// A group, behind its opening parenthesis: only the flags differ.
    fn group(&mut self) -> Result<(), String> {
        self.out.push('(');
        if self.rest.next_if_eq(&'?').is_none() {
            return Ok(());
        }
        self.out.push('?');
        if let Some(&c @ ('P' | '<')) = self.rest.peek() {
            self.rest.next();
            self.out.push(c);
            return Ok(());
        }
        for flag in self.rest.by_ref() {
            self.out.push(flag);
            match flag {
                ':' | ')' => return Ok(()),
                'i' | 'm' | 's' | 'U' | '-' => {}
                _ => break,
            }
        }
        Err("invalid or unsupported Perl syntax".into())
    }

    /// `{n}`, `{n,}` or `{n,m}`, behind the brace; any other brace is a plain character.
    fn counts(&mut self) -> Result<bool, String> {
        let mut ahead = self.rest.clone();
        let text: String =
            ahead.by_ref().take(MAX_LOOKED_AHEAD).take_while(|c| *c != '}').collect();
        let (least, most) = text.split_once(',').unwrap_or((&text, ""));
        let is_count = |text: &str| {
            !text.is_empty()
                && text.bytes().all(|b| b.is_ascii_digit())
                && (text == "0" || !text.starts_with('0'))
        };
        let closed = self.rest.clone().nth(text.chars().count()) == Some('}');
        if !closed || !is_count(least) || !(most.is_empty() || is_count(most)) {
            return Ok(false);
        }
        if [least, most]
            .iter()
            .any(|n| !n.is_empty() && n.parse().map_or(true, |n: u32| n > MAX_REPEAT))
        {
            return Err(format!("invalid repeat count: {{{text}}}"));
        }
        let _ = write!(self.out, "{{{text}}}");
        self.rest = ahead;
        Ok(true)
    }
}
