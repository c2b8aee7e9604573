use std::time::Duration;

/// Nanoseconds of each unit.
const UNITS: [(&str, u64); 4] =
    [("ms", 1_000_000), ("s", 1_000_000_000), ("m", 60_000_000_000), ("h", 3_600_000_000_000)];

/// A whole number with its unit, such as `500ms`, `10s`, `2m` or `1h`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let parse = || {
        let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit())?);
        let (_, nanos) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
        Some(Duration::from_nanos(number.parse::<u64>().ok()?.checked_mul(nanos)?))
    };
    parse()
        .ok_or_else(|| "expected a whole number with a unit, such as 500ms, 10s or 2m".to_owned())
}

/// A level of the log, kept as text.
pub(super) fn log_level(text: &str) -> Result<String, String> {
    mesh_runtime::check_log_level(text).map_err(|cause| cause.to_string())?;
    Ok(text.to_owned())
}
