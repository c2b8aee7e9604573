use std::time::Duration;

use thiserror::Error;

/// The largest number that counters work with. Scripts in Redis calculate with doubles, which are exact
/// up to here; memory keeps to it so that a handler can change its store.
pub const MAX_AMOUNT: i64 = (1 << 53) - 1;

/// The longest window and the longest memory of a deduplication id: with the time since 1970 in
/// microseconds it stays below [`MAX_AMOUNT`].
pub const MAX_SPAN: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// The most buckets that a rolling window may have. Redis reads and writes all of one counter in a call
/// during which it does nothing else.
pub const MAX_BUCKETS: u128 = 1000;

/// How long what was granted counts against the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Window {
    /// Until it is released. Memory alone keeps counters for ever.
    Forever,
    /// Until the end of a window that starts with the first grant.
    Fixed {
        /// The window's length.
        length: Duration,
    },
    /// For `length` after the grant, and up to one `bucket` more: amounts come back bucket by bucket,
    /// late by at most one and never early, so no stretch of `length` sees more than the limit.
    Rolling {
        /// How long a grant counts.
        length: Duration,
        /// Grants within one bucket come back together.
        bucket: Duration,
    },
}

/// How much may be granted in a window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    max_amount: i64,
    window: Window,
}

/// A limit that no store can keep.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LimitError {
    /// The amount is negative or too large to count.
    #[error("max_amount {0} is not between 0 and {MAX_AMOUNT}")]
    Amount(i64),
    /// The window is empty or longer than ten years.
    #[error("a window of {0:?} is not between 1µs and {MAX_SPAN:?}")]
    Length(Duration),
    /// The bucket is empty or longer than its window.
    #[error("a bucket of {bucket:?} is not between 1µs and the window's {length:?}")]
    Bucket {
        /// The window's length.
        length: Duration,
        /// The bucket's length.
        bucket: Duration,
    },
    /// More buckets than [`MAX_BUCKETS`].
    #[error(
        "a bucket of {bucket:?} cuts the window of {length:?} into more than {MAX_BUCKETS} pieces"
    )]
    Buckets {
        /// The window's length.
        length: Duration,
        /// The bucket's length.
        bucket: Duration,
    },
}

impl Window {
    fn checked(self) -> Result<Self, LimitError> {
        let span = |length: Duration| {
            let is_sound = (Duration::from_micros(1)..=MAX_SPAN).contains(&length);
            if is_sound { Ok(micros(length)) } else { Err(LimitError::Length(length)) }
        };
        Ok(match self {
            Self::Forever => self,
            Self::Fixed { length } => Self::Fixed { length: span(length)? },
            Self::Rolling { length, bucket } => {
                let whole = span(length)?;
                let part = micros(bucket);
                if part.is_zero() || part > whole {
                    return Err(LimitError::Bucket { length, bucket });
                }
                if whole.as_micros().div_ceil(part.as_micros()) > MAX_BUCKETS {
                    return Err(LimitError::Buckets { length, bucket });
                }
                Self::Rolling { length: whole, bucket: part }
            }
        })
    }
}

impl Limit {
    /// `max_amount` in each `window`. Lengths are rounded up to microseconds.
    ///
    /// # Errors
    /// When a number is one that no store can keep.
    pub fn new(max_amount: i64, window: Window) -> Result<Self, LimitError> {
        if !(0..=MAX_AMOUNT).contains(&max_amount) {
            return Err(LimitError::Amount(max_amount));
        }
        Ok(Self { max_amount, window: window.checked()? })
    }

    /// What may be granted in a window.
    pub fn max_amount(&self) -> i64 {
        self.max_amount
    }

    /// How long grants count.
    pub fn window(&self) -> Window {
        self.window
    }
}

/// Rounded up: a limit is never looser than what was asked for.
pub(crate) fn micros(span: Duration) -> Duration {
    let rest = span.subsec_nanos() % 1000;
    if rest == 0 { span } else { span + Duration::from_nanos(u64::from(1000 - rest)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_limit_that_cannot_be_counted_is_refused_with_its_numbers() {
        let fixed = |length| Window::Fixed { length };
        let rolling = |length, bucket| Window::Rolling { length, bucket };
        for (max_amount, window, text) in [
            (-1, Window::Forever, "max_amount -1"),
            (i64::MAX, Window::Forever, "max_amount 9223372036854775807"),
            (1, fixed(Duration::ZERO), "a window of 0ns"),
            (1, fixed(Duration::MAX), "a window of"),
            (1, rolling(SECOND, Duration::ZERO), "a bucket of 0ns"),
            (
                1,
                rolling(SECOND, SECOND * 2),
                "a bucket of 2s is not between 1µs and the window's 1s",
            ),
            (1, rolling(SECOND * 1001, SECOND), "more than 1000 pieces"),
        ] {
            let error = Limit::new(max_amount, window).unwrap_err().to_string();
            assert!(error.contains(text), "{error}");
        }
        assert!(Limit::new(0, rolling(SECOND * 1000, SECOND)).is_ok());
    }

    #[test]
    fn lengths_are_rounded_up_to_microseconds() {
        let length = Duration::from_nanos(1_000_001);
        let limit = Limit::new(1, Window::Fixed { length }).unwrap();
        assert_eq!(limit.window(), Window::Fixed { length: Duration::from_micros(1001) });
    }
}
