/// Units with their nanoseconds.
const UNITS: [(&str, u128); 7] = [
    ("ns", 1),
    ("us", 1_000),
    ("µs", 1_000),
    ("ms", 1_000_000),
    ("s", 1_000_000_000),
    ("m", 60_000_000_000),
    ("h", 3_600_000_000_000),
];

/// Nanoseconds of a duration that is not negative, such as `1.5s` of protobuf's JSON, or `1m30s` of
/// Go, which Istio reads too. What is below a nanosecond is a mistake.
pub(super) fn parse_duration(text: &str) -> Option<u64> {
    let mut total: u128 = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let number_ends = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let (number, after) = rest.split_at(number_ends);
        let unit_ends = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_ends);
        let (_, nanos) = UNITS.iter().find(|(name, _)| *name == unit)?;
        total = total.checked_add(part(number, *nanos)?)?;
        rest = after;
    }
    if text.is_empty() { None } else { u64::try_from(total).ok() }
}

/// `number` units of `nanos` nanoseconds each.
fn part(number: &str, nanos: u128) -> Option<u128> {
    // More digits are below a nanosecond even of an hour, unless they are zeros.
    const MOST_DIGITS: usize = 16;
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let fraction = fraction.trim_end_matches('0');
    if fraction.len() > MOST_DIGITS {
        return None;
    }
    let whole = u128::from(whole.parse::<u64>().ok()?).checked_mul(nanos)?;
    if fraction.is_empty() {
        return Some(whole);
    }
    let scale = 10u128.pow(u32::try_from(fraction.len()).ok()?);
    let part = u128::from(fraction.parse::<u64>().ok()?) * nanos;
    part.is_multiple_of(scale).then(|| whole + part / scale)
}
