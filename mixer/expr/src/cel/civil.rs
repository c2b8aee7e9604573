//! `t.getFullYear()` and its like, in UTC or at a fixed offset from it.

use mesh_attributes::{Span, Timestamp};

use crate::{EvalError, error};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    FullYear,
    /// From 0.
    Month,
    /// From 0.
    DayOfYear,
    /// From 0.
    DayOfMonth,
    /// The day of the month, from 1.
    Date,
    /// From 0, which is Sunday.
    DayOfWeek,
    Hours,
    Minutes,
    Seconds,
    Milliseconds,
}

const SECONDS_PER_DAY: i64 = 86_400;
/// Days before each month in a year without leap day.
const DAYS_BEFORE: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
/// 1970-01-01 was a Thursday.
const EPOCH_WEEKDAY: i64 = 4;

impl Part {
    /// The part that a method of this name reads.
    pub(crate) fn of_method(name: &str) -> Option<Self> {
        Some(match name {
            "getFullYear" => Self::FullYear,
            "getMonth" => Self::Month,
            "getDayOfYear" => Self::DayOfYear,
            "getDayOfMonth" => Self::DayOfMonth,
            "getDate" => Self::Date,
            "getDayOfWeek" => Self::DayOfWeek,
            "getHours" => Self::Hours,
            "getMinutes" => Self::Minutes,
            "getSeconds" => Self::Seconds,
            "getMilliseconds" => Self::Milliseconds,
            _ => return None,
        })
    }

    /// Whether a length of time has it too.
    pub(crate) fn is_of_durations(self) -> bool {
        matches!(self, Self::Hours | Self::Minutes | Self::Seconds | Self::Milliseconds)
    }

    /// The part of a time in `zone`: empty or "UTC", or an offset such as "+02:00".
    pub(crate) fn of_timestamp(self, at: Timestamp, zone: &str) -> Result<i64, EvalError> {
        let seconds = at.seconds.saturating_add(offset(zone)?);
        let local = Timestamp { seconds, nanos: 0 };
        let days = seconds.div_euclid(SECONDS_PER_DAY);
        let second = seconds.rem_euclid(SECONDS_PER_DAY);
        let (year, month, day) = local.date();
        let is_leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let before = DAYS_BEFORE[(month - 1).clamp(0, 11) as usize];
        Ok(match self {
            Self::FullYear => year,
            Self::Month => month - 1,
            Self::DayOfYear => before + day - 1 + i64::from(is_leap && month > 2),
            Self::DayOfMonth => day - 1,
            Self::Date => day,
            Self::DayOfWeek => (days + EPOCH_WEEKDAY).rem_euclid(7),
            Self::Hours => second / 3600,
            Self::Minutes => second / 60 % 60,
            Self::Seconds => second % 60,
            Self::Milliseconds => i64::from(at.nanos) / 1_000_000,
        })
    }

    /// A whole length in hours, minutes or seconds; of milliseconds those that are left below a second.
    pub(crate) fn of_duration(self, span: Span) -> i64 {
        match self {
            Self::Hours => span.seconds / 3600,
            Self::Minutes => span.seconds / 60,
            Self::Milliseconds => i64::from(span.nanos) / 1_000_000,
            _ => span.seconds,
        }
    }
}

/// How many seconds local time of the zone is ahead of UTC.
fn offset(zone: &str) -> Result<i64, EvalError> {
    const WANTED: &str = "an offset from UTC such as \"+02:00\"";
    if zone.is_empty() || zone == "UTC" {
        return Ok(0);
    }
    let refused = || EvalError::Conversion(Box::new((error::excerpt(zone), WANTED)));
    let digits = zone.strip_prefix(['+', '-']).unwrap_or(zone);
    let (hours, minutes) = digits.split_once(':').ok_or_else(refused)?;
    let number = |text: &str, limit: i64| {
        let is_number = (1..=2).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse::<i64>().ok().filter(|number| is_number && *number < limit);
        number.ok_or_else(refused)
    };
    let offset = (number(hours, 24)? * 60 + number(minutes, 60)?) * 60;
    Ok(if zone.starts_with('-') { -offset } else { offset })
}
