use std::borrow::Cow;

/// The text that a quoted literal stands for, by Go's rules; `source` includes its quotes.
///
/// The error says what is wrong and at which byte of `source`. Go's strings are bytes; ours are
/// UTF-8, so `\x` and octal escapes must add up to UTF-8.
pub(crate) fn unquote(source: &str) -> Result<Cow<'_, str>, (usize, &'static str)> {
    let quote = source.as_bytes().first().copied().unwrap_or_default();
    let Some(body) = source.get(1..source.len().saturating_sub(1)) else {
        return Err((0, "literal is not closed"));
    };
    if quote == b'`' {
        return Ok(if body.contains('\r') { body.replace('\r', "").into() } else { body.into() });
    }
    if !body.contains('\\') && quote == b'"' {
        return Ok(body.into());
    }
    let mut bytes = Vec::with_capacity(body.len());
    let mut chars = 0;
    let mut rest = body;
    while let Some(c) = rest.chars().next() {
        let at = 1 + body.len() - rest.len();
        let used = if c == '\\' {
            escape(rest.as_bytes(), quote, &mut bytes).map_err(|reason| (at, reason))?
        } else {
            bytes.extend_from_slice(&rest.as_bytes()[..c.len_utf8()]);
            c.len_utf8()
        };
        rest = rest.get(used..).ok_or((at, "unknown escape sequence"))?;
        chars += 1;
    }
    if quote == b'\'' && chars != 1 {
        return Err((
            0,
            "single quotes hold exactly one character: use double quotes for a string",
        ));
    }
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.into()),
        Err(_) => Err((0, "escape sequences of the literal do not make UTF-8 text")),
    }
}

/// Decodes the escape sequence at the start of `text` into `out`; returns the bytes it took.
fn escape(text: &[u8], quote: u8, out: &mut Vec<u8>) -> Result<usize, &'static str> {
    let byte = match text.get(1) {
        Some(b'a') => 0x07,
        Some(b'b') => 0x08,
        Some(b'f') => 0x0c,
        Some(b'n') => b'\n',
        Some(b'r') => b'\r',
        Some(b't') => b'\t',
        Some(b'v') => 0x0b,
        Some(b'\\') => b'\\',
        Some(&q @ (b'"' | b'\'')) if q == quote => q,
        Some(b'0'..=b'7') => {
            let value = number(text.get(1..4), 8)?;
            out.push(u8::try_from(value).map_err(|_| "octal escape is above \\377")?);
            return Ok(4);
        }
        Some(b'x') => {
            out.push(number(text.get(2..4), 16)? as u8);
            return Ok(4);
        }
        Some(&kind @ (b'u' | b'U')) => {
            let end = if kind == b'u' { 6 } else { 10 };
            let value = number(text.get(2..end), 16)?;
            let c = char::from_u32(value).ok_or("escape is not a Unicode code point")?;
            out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
            return Ok(end);
        }
        _ => return Err("unknown escape sequence"),
    };
    out.push(byte);
    Ok(2)
}

fn number(digits: Option<&[u8]>, radix: u32) -> Result<u32, &'static str> {
    const SHORT: &str = "escape sequence lacks digits";
    digits.ok_or(SHORT)?.iter().try_fold(0_u32, |value, &digit| {
        let digit = char::from(digit).to_digit(radix).ok_or(SHORT)?;
        value.checked_mul(radix).and_then(|v| v.checked_add(digit)).ok_or("escape is too large")
    })
}
