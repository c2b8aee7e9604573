//! Times and durations as text.

use std::fmt;

const SECOND: u64 = 1_000_000_000;

/// A moment as RFC 3339 in UTC, with six digits after the point always: 27 characters. `nanos` since the
/// Unix epoch; digits beyond microseconds are cut.
pub fn write_micros(out: &mut impl fmt::Write, nanos: i64) -> fmt::Result {
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let subsecond = fill_seconds(&mut text, nanos);
    fill(&mut text[20..26], subsecond / 1000);
    write_ascii(out, &text)
}

/// A moment as RFC 3339 in UTC, with as many digits after the point as it needs.
pub(crate) fn write_exact(out: &mut impl fmt::Write, nanos: i64) -> fmt::Result {
    let mut text = *b"0000-00-00T00:00:00";
    let subsecond = fill_seconds(&mut text, nanos);
    write_ascii(out, &text)?;
    write_fraction(out, subsecond, 9)?;
    out.write_char('Z')
}

/// A duration as Go prints it: `1.5s`, `1m30s`, `1h0m0s`, `250ms`, `0s`.
pub(crate) fn write_duration(out: &mut impl fmt::Write, nanos: i64) -> fmt::Result {
    if nanos < 0 {
        out.write_char('-')?;
    }
    let nanos = nanos.unsigned_abs();
    let (unit, digits, name) = match nanos {
        0 => return out.write_str("0s"),
        1..1_000 => (1, 0, "ns"),
        1_000..1_000_000 => (1_000, 3, "µs"),
        1_000_000..SECOND => (1_000_000, 6, "ms"),
        _ => (SECOND, 9, "s"),
    };
    let (mut whole, fraction) = (nanos / unit, nanos % unit);
    if whole >= 60 && unit == SECOND {
        let (hours, minutes) = (whole / 3600, whole / 60 % 60);
        if hours > 0 {
            write!(out, "{hours}h")?;
        }
        write!(out, "{minutes}m")?;
        whole %= 60;
    }
    write!(out, "{whole}")?;
    write_fraction(out, fraction, digits)?;
    out.write_str(name)
}

/// Puts `2024-05-31T23:59:59` at the beginning of `text` and returns the nanoseconds of the second. The
/// years of 64-bit nanoseconds have four digits.
fn fill_seconds(text: &mut [u8], nanos: i64) -> u64 {
    let (seconds, subsecond) = (nanos.div_euclid(SECOND as i64), nanos.rem_euclid(SECOND as i64));
    let (days, rest) = (seconds.div_euclid(86_400), seconds.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    for (place, number) in [
        (0..4, year),
        (5..7, month),
        (8..10, day),
        (11..13, hour),
        (14..16, minute),
        (17..19, second),
    ] {
        fill(&mut text[place], number.unsigned_abs());
    }
    subsecond.unsigned_abs()
}

/// Fills `place` with the last digits of `number`. The machinery of `write!` takes ten times as long,
/// and each log line has a time.
fn fill(place: &mut [u8], mut number: u64) {
    for digit in place.iter_mut().rev() {
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

fn write_ascii(out: &mut impl fmt::Write, text: &[u8]) -> fmt::Result {
    out.write_str(std::str::from_utf8(text).map_err(|_| fmt::Error)?)
}

/// `fraction` is in units of ten to the minus `digits`; nothing is written for none.
fn write_fraction(out: &mut impl fmt::Write, fraction: u64, digits: usize) -> fmt::Result {
    if fraction == 0 {
        return Ok(());
    }
    let text = format!("{fraction:0digits$}");
    write!(out, ".{}", text.trim_end_matches('0'))
}

/// Year, month and day of a day since 1970-01-01 (H. Hinnant, "chrono-compatible low-level date
/// algorithms").
fn civil(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut String) -> fmt::Result) -> String {
        let mut out = String::new();
        write(&mut out).unwrap();
        out
    }

    #[test]
    fn moments_are_rfc_3339_in_utc() {
        for (nanos, micros, exact) in [
            (0, "1970-01-01T00:00:00.000000Z", "1970-01-01T00:00:00Z"),
            (
                951_782_400_120_000_999,
                "2000-02-29T00:00:00.120000Z",
                "2000-02-29T00:00:00.120000999Z",
            ),
            (-1, "1969-12-31T23:59:59.999999Z", "1969-12-31T23:59:59.999999999Z"),
            (i64::MAX, "2262-04-11T23:47:16.854775Z", "2262-04-11T23:47:16.854775807Z"),
            (i64::MIN, "1677-09-21T00:12:43.145224Z", "1677-09-21T00:12:43.145224192Z"),
        ] {
            assert_eq!(text(|out| write_micros(out, nanos)), micros);
            assert_eq!(text(|out| write_exact(out, nanos)), exact);
        }
    }

    #[test]
    fn durations_read_as_in_go() {
        for (nanos, expected) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (90_000_000_000, "1m30s"),
            (3_600_000_000_000, "1h0m0s"),
            (-5_000_000_001, "-5.000000001s"),
            (i64::MIN, "-2562047h47m16.854775808s"),
        ] {
            assert_eq!(text(|out| write_duration(out, nanos)), expected);
        }
    }
}
