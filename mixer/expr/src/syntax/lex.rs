//! Tokens by Go's rules, its automatic semicolons included: a line break after an operand ends the
//! expression, one after an operator or an opening bracket is white space.

/// The words that Go reserves; none of them can be part of an attribute's name in an expression.
const KEYWORDS: [&str; 25] = [
    "break",
    "case",
    "chan",
    "const",
    "continue",
    "default",
    "defer",
    "else",
    "fallthrough",
    "for",
    "func",
    "go",
    "goto",
    "if",
    "import",
    "interface",
    "map",
    "package",
    "range",
    "return",
    "select",
    "struct",
    "switch",
    "type",
    "var",
];

/// Operators and brackets, longest first so that the first that fits is the right one. Some are here
/// only because Go takes them for one symbol: `a <-1` is no comparison.
const SYMBOLS: [&str; 30] = [
    "++", "--", "<-", "==", "!=", "<=", ">=", "&&", "||", "<<", ">>", "&^", "<", ">", "|", "+",
    "-", "*", "/", "%", "&", "^", "!", "(", ")", "[", "]", ",", ".", ":",
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token<'t> {
    Name(&'t str),
    Int(&'t str),
    Float(&'t str),
    /// With its quotes.
    Quoted(&'t str),
    Symbol(&'static str),
    /// A line break that ends an expression.
    LineBreak,
    End,
}

/// What is wrong at which byte.
pub(crate) type LexError = (usize, String);

pub(crate) struct Lexer<'t> {
    text: &'t str,
    at: usize,
    after_operand: bool,
}

impl<'t> Lexer<'t> {
    pub(crate) fn new(text: &'t str) -> Self {
        Self { text, at: 0, after_operand: false }
    }

    /// The next token and where it starts. After the end it is `End` for ever.
    pub(crate) fn next(&mut self) -> Result<(usize, Token<'t>), LexError> {
        if let Some(at) = self.skip_space()? {
            self.after_operand = false;
            return Ok((at, Token::LineBreak));
        }
        let at = self.at;
        let rest = &self.text[at..];
        let Some(first) = rest.chars().next() else { return Ok((at, Token::End)) };
        let second = rest[first.len_utf8()..].chars().next();
        let (length, token) = if first.is_alphabetic() || first == '_' {
            let length = end_of(rest, |c| c.is_alphanumeric() || c == '_');
            let name = &rest[..length];
            if KEYWORDS.contains(&name) {
                return Err((at, format!("'{name}' is a reserved word and cannot be in a name")));
            }
            (length, Token::Name(name))
        } else if first.is_ascii_digit()
            || first == '.' && second.is_some_and(|c| c.is_ascii_digit())
        {
            number(rest).map_err(|reason| (at, reason))?
        } else if matches!(first, '"' | '\'' | '`') {
            let length = quoted(rest, first).map_err(|reason| (at, reason))?;
            (length, Token::Quoted(&rest[..length]))
        } else if let Some(symbol) = SYMBOLS.iter().find(|s| rest.starts_with(**s)) {
            (symbol.len(), Token::Symbol(symbol))
        } else {
            return Err((at, format!("unexpected character {first:?}")));
        };
        self.at += length;
        self.after_operand = !matches!(token, Token::Symbol(s) if s != ")" && s != "]");
        Ok((at, token))
    }

    /// Skips white space and comments; stops behind a line break that ends an expression.
    fn skip_space(&mut self) -> Result<Option<usize>, LexError> {
        loop {
            let rest = &self.text[self.at..];
            let at = self.at;
            let line_break = if rest.starts_with("//") {
                self.at += end_of(rest, |c| c != '\n');
                false
            } else if let Some(comment) = rest.strip_prefix("/*") {
                let Some(length) = comment.find("*/") else {
                    return Err((at, "comment is not closed".into()));
                };
                self.at += length + "/**/".len();
                comment[..length].contains('\n')
            } else if rest.starts_with([' ', '\t', '\r', '\n']) {
                self.at += 1;
                rest.starts_with('\n')
            } else {
                return Ok(None);
            };
            if line_break && self.after_operand {
                return Ok(Some(at));
            }
        }
    }
}

fn end_of(text: &str, keep: impl Fn(char) -> bool) -> usize {
    text.find(|c| !keep(c)).unwrap_or(text.len())
}

fn number(text: &str) -> Result<(usize, Token<'_>), String> {
    let bytes = text.as_bytes();
    let digits = |from: usize| from + end_of(&text[from..], |c| c.is_ascii_digit());
    if bytes[0] == b'0' && matches!(bytes.get(1), Some(b'x' | b'X' | b'b' | b'B' | b'o' | b'O')) {
        return Err("numbers are decimal: hexadecimal, octal and binary are not supported".into());
    }
    let mut end = digits(0);
    let mut float = false;
    if bytes.get(end) == Some(&b'.') {
        float = true;
        end = digits(end + 1);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        float = true;
        let sign = usize::from(matches!(bytes.get(end + 1), Some(b'+' | b'-')));
        let from = end + 1 + sign;
        end = digits(from.min(text.len()));
        if end == from.min(text.len()) {
            return Err("exponent has no digits".into());
        }
    }
    if matches!(bytes.get(end), Some(b'_' | b'i')) {
        return Err("number is not a plain decimal one".into());
    }
    let source = &text[..end];
    if !float && source.len() > 1 && source.starts_with('0') && source.contains(['8', '9']) {
        return Err(format!("{source} starts with 0 and is no octal number"));
    }
    Ok((end, if float { Token::Float(source) } else { Token::Int(source) }))
}

/// The length of the quoted literal at the start of `text`, quotes included.
fn quoted(text: &str, quote: char) -> Result<usize, String> {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        match c {
            '\0' => return Err("NUL character in a literal".into()),
            '\n' if quote != '`' => break,
            '\\' if quote != '`' && !escaped => escaped = true,
            c if c == quote && !escaped => return Ok(at + c.len_utf8()),
            _ => escaped = false,
        }
    }
    Err(format!("literal is not closed: {quote} expected"))
}
