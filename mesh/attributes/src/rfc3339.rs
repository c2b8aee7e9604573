//! Timestamps as text, such as `2019-10-02T07:04:05.25Z`.

use crate::Timestamp;

const SECONDS_PER_DAY: i64 = 86_400;
const DAYS_PER_400_YEARS: i64 = 146_097;
/// Days from 0000-03-01, where years of 365 or 366 days from March on begin, to 1970-01-01.
const EPOCH_DAY: i64 = 719_468;
const YEAR_1: i64 = -62_135_596_800;
const YEAR_10000: i64 = 253_402_300_800;

impl Timestamp {
    /// The time that `text` gives in RFC 3339. Digits below the nanosecond are cut off; leap seconds
    /// are not known.
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let (date, rest) = (text.get(..10)?.as_bytes(), text.get(10..)?.as_bytes());
        let (time, rest) = (rest.get(1..9)?, &rest[9..]);
        let punctuation = [date[4], date[7], text.as_bytes()[10] & !0x20, time[2], time[5]];
        if &punctuation != b"--T::" {
            return None;
        }
        let year = number(&date[..4])?;
        let (month, day) = (number(&date[5..7])?, number(&date[8..])?);
        let (hour, minute) = (number(&time[..2])?, number(&time[3..5])?);
        let second = number(&time[6..])?;
        if !(1..=12).contains(&month)
            || !(1..=days_of(month, year)).contains(&day)
            || hour > 23
            || minute > 59
            || second > 59
        {
            return None;
        }
        let (nanos, zone) = fraction(rest)?;
        let seconds = days_since_epoch(year, month, day) * SECONDS_PER_DAY
            + (hour * 60 + minute) * 60
            + second
            - offset_seconds(zone)?;
        (YEAR_1..YEAR_10000).contains(&seconds).then_some(Self { seconds, nanos })
    }

    /// Whether it is within the years 1 to 9999, and its nanoseconds within a second.
    pub fn is_in_range(self) -> bool {
        (YEAR_1..YEAR_10000).contains(&self.seconds) && (0..1_000_000_000).contains(&self.nanos)
    }

    /// Year, month and day in UTC, the latter two from 1.
    pub fn date(self) -> (i64, i64, i64) {
        date_of(self.seconds.div_euclid(SECONDS_PER_DAY))
    }

    /// The time as RFC 3339 in UTC, with as many digits below the second as it needs. `None` when it
    /// is outside the years 1 to 9999, or its nanoseconds outside a second.
    pub fn to_rfc3339(self) -> Option<String> {
        if !self.is_in_range() {
            return None;
        }
        let Self { seconds, nanos } = self;
        let (year, month, day) = self.date();
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        let mut text = format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}");
        if nanos > 0 {
            let digits = format!("{nanos:09}");
            text.push('.');
            text.push_str(digits.trim_end_matches('0'));
        }
        text.push('Z');
        Some(text)
    }
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| {
        digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0'))
    })
}

/// The nanoseconds at the start of `text`, and the rest.
fn fraction(text: &[u8]) -> Option<(i32, &[u8])> {
    let Some(digits) = text.strip_prefix(b".") else {
        return Some((0, text));
    };
    let end = digits.iter().position(|digit| !digit.is_ascii_digit())?;
    let nanos = (0..9).fold(0, |nanos, place| {
        nanos * 10 + digits[..end].get(place).map_or(0, |digit| i32::from(digit - b'0'))
    });
    (end > 0).then_some((nanos, &digits[end..]))
}

/// How far local time of the zone is ahead of UTC.
fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match zone {
        b"Z" | b"z" => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (number(&[*h1, *h2])?, number(&[*m1, *m2])?);
            let offset = (hours * 60 + minutes) * 60;
            (hours < 24 && minutes < 60).then_some(if *sign == b'-' { -offset } else { offset })
        }
        _ => None,
    }
}

fn days_of(month: i64, year: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Counting years from March puts the leap day at a year's end, and the months' lengths, 31 and 30 in
/// turn with two of 31 in a row every five months, into one division.
fn days_since_epoch(year: i64, month: i64, day: i64) -> i64 {
    let year = if month > 2 { year } else { year - 1 };
    let month = (month + 9) % 12;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    year * 365 + leap_days + (153 * month + 2) / 5 + day - 1 - EPOCH_DAY
}

fn date_of(days_since_epoch: i64) -> (i64, i64, i64) {
    let days = days_since_epoch + EPOCH_DAY;
    let (cycle, day) = (days.div_euclid(DAYS_PER_400_YEARS), days.rem_euclid(DAYS_PER_400_YEARS));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (year * 365 + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (cycle * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64, nanos: i32) -> Timestamp {
        Timestamp { seconds, nanos }
    }

    #[test]
    fn known_times_read_and_print() {
        for (text, time) in [
            ("1970-01-01T00:00:00Z", at(0, 0)),
            ("2019-10-02T07:04:05.25Z", at(1_569_999_845, 250_000_000)),
            ("2000-02-29T23:59:59.000000001Z", at(951_868_799, 1)),
            ("1969-12-31T23:59:59.9Z", at(-1, 900_000_000)),
            ("0001-01-01T00:00:00Z", at(YEAR_1, 0)),
            ("9999-12-31T23:59:59.999999999Z", at(YEAR_10000 - 1, 999_999_999)),
        ] {
            assert_eq!(Timestamp::from_rfc3339(text), Some(time), "{text}");
            assert_eq!(time.to_rfc3339().as_deref(), Some(text));
        }
    }

    #[test]
    fn zones_are_offsets_from_utc() {
        let noon = Timestamp::from_rfc3339("2020-06-01T12:00:00Z");
        assert!(noon.is_some());
        assert_eq!(Timestamp::from_rfc3339("2020-06-01t14:30:00+02:30"), noon);
        assert_eq!(Timestamp::from_rfc3339("2020-06-01T00:00:00-12:00"), noon);
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "2020-06-01",
            "2020-06-01 12:00:00Z",
            "2020-06-01T12:00:00",
            "2020-06-01T12:00:00.Z",
            "2020-06-01T12:00:00.5",
            "2020-02-30T12:00:00Z",
            "2100-02-29T12:00:00Z",
            "2020-13-01T12:00:00Z",
            "2020-06-01T24:00:00Z",
            "2020-06-01T12:60:00Z",
            "2020-06-01T12:00:60Z",
            "2020-06-01T12:00:00+1:00",
            "2020-06-01T12:00:00+24:00",
            "+020-06-01T12:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "2020-06-0\u{e9}T12:00:00Z",
        ] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
        assert_eq!(at(YEAR_10000, 0).to_rfc3339(), None);
        assert_eq!(at(0, -1).to_rfc3339(), None);
    }

    #[test]
    fn every_day_survives_the_way_there_and_back() {
        let mut seconds = YEAR_1;
        while seconds < YEAR_10000 {
            let text = at(seconds, 0).to_rfc3339().unwrap();
            assert_eq!(Timestamp::from_rfc3339(&text), Some(at(seconds, 0)), "{text}");
            // Not quite two days: every day is met at another time of day.
            seconds += SECONDS_PER_DAY + 86_399;
        }
    }
}
