//! CEL's texts and bytes: one or three quotes of either kind, and the prefixes `r` (no escapes) and `b`.

use super::lex::Token;

/// The longest prefix in bytes.
const MAX_PREFIX: usize = 2;

type LiteralError = (usize, String);

/// The literal at the start of `text` with its length, or `None` when there is none. The error holds
/// its place in `text`.
pub(super) fn quoted(text: &str) -> Option<Result<(usize, Token<'_>), LiteralError>> {
    let prefix = text.bytes().take(MAX_PREFIX + 1).position(|b| b == b'"' || b == b'\'')?;
    let (is_bytes, is_raw) = match &text[..prefix] {
        "" => (false, false),
        "r" | "R" => (false, true),
        "b" | "B" => (true, false),
        "rb" | "rB" | "Rb" | "RB" | "br" | "bR" | "Br" | "BR" => (true, true),
        _ => return None,
    };
    Some(read(text, prefix, is_bytes, is_raw))
}

fn read(
    text: &str,
    prefix: usize,
    is_bytes: bool,
    is_raw: bool,
) -> Result<(usize, Token<'_>), LiteralError> {
    let rest = &text[prefix..];
    let quote = &rest[..1];
    let long = ["\"\"\"", "'''"].into_iter().find(|quotes| rest.starts_with(quotes));
    let quote = long.unwrap_or(quote);
    let start = prefix + quote.len();
    let body = &text[start..];
    let length = length(body, quote, is_raw)
        .ok_or_else(|| (0, format!("literal is not closed: {quote} expected")))?;
    let body = &body[..length];
    let whole = start + length + quote.len();
    if !is_bytes && (is_raw || !body.contains('\\')) {
        return Ok((whole, Token::Text(body.into())));
    }
    let bytes = if is_raw {
        body.as_bytes().to_vec()
    } else {
        unescape(body, is_bytes).map_err(|(at, reason)| (start + at, reason.to_owned()))?
    };
    let token = if is_bytes {
        Token::Bytes(bytes)
    } else {
        // Escapes of texts write whole characters only.
        Token::Text(String::from_utf8_lossy(&bytes).into_owned().into())
    };
    Ok((whole, token))
}

/// How many bytes of `body` come before the closing quotes.
fn length(body: &str, quote: &str, is_raw: bool) -> Option<usize> {
    let mut escaped = false;
    for (at, c) in body.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if !is_raw => escaped = true,
            '\n' | '\r' if quote.len() == 1 => return None,
            _ if body[at..].starts_with(quote) => return Some(at),
            _ => {}
        }
    }
    None
}

fn unescape(body: &str, is_bytes: bool) -> Result<Vec<u8>, (usize, &'static str)> {
    let mut out = Vec::with_capacity(body.len());
    let mut rest = body;
    while let Some(at) = rest.find('\\') {
        out.extend_from_slice(&rest.as_bytes()[..at]);
        let place = body.len() - rest.len() + at;
        let used = escape(&rest[at + 1..], is_bytes, &mut out).map_err(|why| (place, why))?;
        rest = &rest[at + 1 + used..];
    }
    out.extend_from_slice(rest.as_bytes());
    Ok(out)
}

/// Decodes the escape behind a backslash into `out`; returns how many bytes it took.
fn escape(text: &str, is_bytes: bool, out: &mut Vec<u8>) -> Result<usize, &'static str> {
    let kind = text.bytes().next().ok_or("escape sequence is cut off")?;
    let (skipped, digits, radix) = match kind {
        b'x' | b'X' => (1, 2, 16),
        b'u' => (1, 4, 16),
        b'U' => (1, 8, 16),
        b'0'..=b'3' => (0, 3, 8),
        _ => {
            out.push(match kind {
                b'a' => 0x07,
                b'b' => 0x08,
                b'f' => 0x0c,
                b'n' => b'\n',
                b'r' => b'\r',
                b't' => b'\t',
                b'v' => 0x0b,
                b'\\' | b'?' | b'"' | b'\'' | b'`' => kind,
                _ => return Err("unknown escape sequence"),
            });
            return Ok(1);
        }
    };
    let digits = text.get(skipped..skipped + digits).ok_or("escape sequence lacks digits")?;
    if !digits.bytes().all(|digit| char::from(digit).is_digit(radix)) {
        return Err("escape sequence lacks digits");
    }
    let code = u32::from_str_radix(digits, radix).map_err(|_| "escape sequence lacks digits")?;
    if is_bytes {
        if skipped == 1 && digits.len() > 2 {
            return Err("bytes have no escapes of Unicode");
        }
        out.push(code as u8);
    } else {
        let c = char::from_u32(code).ok_or("escape is not a Unicode code point")?;
        out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }
    Ok(skipped + digits.len())
}
