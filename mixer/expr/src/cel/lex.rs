use std::borrow::Cow;

use super::literal;

/// Operators and brackets, longest first so that the first that fits is the right one.
const SYMBOLS: [&str; 24] = [
    "==", "!=", "<=", ">=", "&&", "||", "<", ">", "+", "-", "*", "/", "%", "!", "?", ":", "(", ")",
    "[", "]", "{", "}", ",", ".",
];

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Token<'t> {
    Name(&'t str),
    /// Without sign; digits or, behind `0x`, hexadecimal ones.
    Int(&'t str),
    /// Without its `u`.
    Uint(&'t str),
    Double(&'t str),
    Text(Cow<'t, str>),
    Bytes(Vec<u8>),
    /// `in` is one of them.
    Symbol(&'static str),
    End,
}

/// What is wrong at which byte.
pub(crate) type LexError = (usize, String);

/// Tokens by CEL's rules.
pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0 }
    }

    /// The next token and where it starts. After the end it is `End` for ever.
    pub(crate) fn next(&mut self) -> Result<(usize, Token<'t>), LexError> {
        self.skip_space();
        let at = self.at;
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else { return Ok((at, Token::End)) };
        let (length, token) = if let Some(quoted) = literal::quoted(rest) {
            let (length, token) = quoted.map_err(|(offset, reason)| (at + offset, reason))?;
            (length, token)
        } else if first.is_ascii_alphabetic() || first == '_' {
            let length = end_of(rest, |c| c.is_ascii_alphanumeric() || c == '_');
            let name = &rest[..length];
            (length, if name == "in" { Token::Symbol("in") } else { Token::Name(name) })
        } else if first.is_ascii_digit()
            || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit())
        {
            number(rest).map_err(|reason| (at, reason))?
        } else if let Some(symbol) = SYMBOLS.iter().find(|symbol| rest.starts_with(**symbol)) {
            (symbol.len(), Token::Symbol(symbol))
        } else {
            return Err((at, format!("unexpected character {first:?}")));
        };
        self.at += length;
        Ok((at, token))
    }

    /// Skips white space and comments.
    fn skip_space(&mut self) {
        loop {
            let rest = &self.text[self.at..];
            self.at += if rest.starts_with("//") {
                end_of(rest, |c| c != '\n')
            } else if rest.starts_with([' ', '\t', '\r', '\n', '\u{c}']) {
                1
            } else {
                return;
            };
        }
    }
}

fn number(text: &str) -> Result<(usize, Token<'_>), String> {
    let digits = |from: usize| from + end_of(&text[from..], |c| c.is_ascii_digit());
    let mut end;
    let mut is_double = false;
    if text.starts_with("0x") || text.starts_with("0X") {
        end = 2 + end_of(&text[2..], |c| c.is_ascii_hexdigit());
        if end == 2 {
            return Err("hexadecimal number has no digits".to_owned());
        }
    } else {
        end = digits(0);
        let fraction = text[end..].strip_prefix('.');
        if fraction.is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit())) {
            is_double = true;
            end = digits(end + 1);
        }
        if text[end..].starts_with(['e', 'E']) {
            let sign = usize::from(text[end + 1..].starts_with(['+', '-']));
            let from = end + 1 + sign;
            is_double = true;
            end = digits(from);
            if end == from {
                return Err("exponent has no digits".to_owned());
            }
        }
    }
    let source = &text[..end];
    if is_double {
        return Ok((end, Token::Double(source)));
    }
    if text[end..].starts_with(['u', 'U']) {
        return Ok((end + 1, Token::Uint(source)));
    }
    Ok((end, Token::Int(source)))
}

fn end_of(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}
