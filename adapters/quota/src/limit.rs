use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::host::counters::{Rolling, Window};

use crate::parameters::{Algorithm, Parameters, QuotaLimit};

/// `memquota` counts in tenths of a second.
const BUCKET: Duration = Duration::from_millis(100);

/// The most pieces that the host cuts a window into.
const MAX_BUCKETS: u32 = 1000;

/// The host's: numbers in Redis are exact up to here.
const MAX_AMOUNT: i64 = (1 << 53) - 1;

/// The host's: ten years.
const MAX_LENGTH: Duration = Duration::from_secs(10 * 366 * 24 * 3600);

/// How much may be used in which window.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limit {
    pub(crate) max_amount: i64,
    pub(crate) window: Window,
    /// For how long answers are remembered.
    pub(crate) keep: Duration,
}

impl Limit {
    /// The limit of `max_amount` in a window of `length`, which parameters at `field` of `quota` give.
    /// What is wrong with it goes to `problems`.
    pub(crate) fn new(
        parameters: &Parameters,
        quota: &QuotaLimit,
        (max_amount, length): (i64, Duration),
        field: &str,
        problems: &mut Problems,
    ) -> Self {
        let in_redis = parameters.is_in_redis();
        if !(i64::from(in_redis)..=MAX_AMOUNT).contains(&max_amount) {
            let least = if in_redis { "greater than 0" } else { "0 or greater" };
            let message = format!("{max_amount} must be {least} and at most {MAX_AMOUNT}");
            problems.add(format!("{field}.max_amount"), message);
        }
        if length.is_zero() && in_redis {
            let message = "must be set: counters in Redis do not stay for ever";
            problems.add(format!("{field}.valid_duration"), message);
        }
        if length > MAX_LENGTH {
            problems.add(format!("{field}.valid_duration"), "must not be longer than ten years");
        }
        let default = if in_redis { Algorithm::FixedWindow } else { Algorithm::RollingWindow };
        let window = match quota.rate_limit_algorithm.unwrap_or(default) {
            _ if length.is_zero() => Window::Forever,
            Algorithm::FixedWindow => Window::Fixed(nanos(length)),
            Algorithm::RollingWindow => {
                let bucket = bucket(quota, length, in_redis).unwrap_or_else(|message| {
                    problems.add(format!("{field}.bucket_duration"), message);
                    length
                });
                Window::Rolling(Rolling { length: nanos(length), bucket: nanos(bucket) })
            }
        };
        Self { max_amount, window, keep: parameters.keep(length) }
    }
}

fn bucket(quota: &QuotaLimit, length: Duration, in_redis: bool) -> Result<Duration, String> {
    let given = *quota.bucket_duration;
    let finest = part(length, MAX_BUCKETS);
    if given.is_zero() && !in_redis {
        return Ok(BUCKET.max(finest).min(length));
    }
    if given.is_zero() || given >= length {
        return Err(format!("{given:?} must be longer than 0s and shorter than {length:?}"));
    }
    Ok(given.max(finest))
}

fn nanos(length: Duration) -> u64 {
    u64::try_from(length.as_nanos()).unwrap_or(u64::MAX)
}

/// A part of `length`, rounded up so that there are no more than `parts`.
fn part(length: Duration, parts: u32) -> Duration {
    let part = length / parts;
    if part * parts < length { part + Duration::from_micros(1) } else { part }
}
