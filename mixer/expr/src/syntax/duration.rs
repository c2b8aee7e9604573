use mesh_attributes::Span;

/// Nanoseconds of each unit that Go's `time.ParseDuration` knows; both code points for micro.
const UNITS: [(&str, u64); 8] = [
    ("ns", 1),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// The duration that Go's `time.ParseDuration` reads from `text`, or `None` where it fails.
///
/// A string literal for which this succeeds is a DURATION, so it must accept what Go accepts (`"0"`,
/// `"-1h5m"`, `".5s"`) and nothing else (`"5"`, `"1d"`, more than about 292 years).
pub(crate) fn parse(text: &str) -> Option<Span> {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    if unsigned == "0" {
        return Some(Span::default());
    }
    if unsigned.is_empty() {
        return None;
    }
    let mut total: i64 = 0;
    let mut rest = unsigned;
    while !rest.is_empty() {
        let (nanos, after) = component(rest)?;
        total = total.checked_add(nanos)?;
        rest = after;
    }
    Some(Span::from_nanos(if text.starts_with('-') { -total } else { total }))
}

/// One number with its unit at the start of `text`, in nanoseconds, and what follows.
fn component(text: &str) -> Option<(i64, &str)> {
    let (whole, rest) = digits(text);
    let (fraction, rest) = match rest.strip_prefix('.') {
        Some(rest) => digits(rest),
        None => ("", rest),
    };
    if whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let unit_end = rest.find(|c: char| c == '.' || c.is_ascii_digit()).unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let (_, unit) = *UNITS.iter().find(|(name, _)| *name == unit)?;

    let whole = if whole.is_empty() { 0 } else { whole.parse::<i64>().ok()? };
    let nanos = whole.checked_mul(i64::try_from(unit).ok()?)?.checked_add(part(fraction, unit))?;
    Some((nanos, rest))
}

/// The decimal `fraction` of `unit`, with the rounding of Go: by a double, from the digits that fit.
fn part(fraction: &str, unit: u64) -> i64 {
    let mut value: i64 = 0;
    let mut scale = 1.0_f64;
    for digit in fraction.bytes().map(|b| i64::from(b - b'0')) {
        let Some(next) = value.checked_mul(10).and_then(|v| v.checked_add(digit)) else { break };
        value = next;
        scale *= 10.0;
    }
    (value as f64 * (unit as f64 / scale)) as i64
}

fn digits(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()))
}
