use std::num::NonZeroU32;
use std::time::Duration;

use adapter_host::Limits;
use mesh_config::{Limit, LimitKind, LimitUnit, Problem, Resource};

/// The limits of a handler: `defaults`, but for those that it sets itself.
///
/// # Errors
/// Each that is above what the host has.
pub(super) fn limits_of(
    resource: &Resource,
    written: &[Limit],
    defaults: Limits,
    most: &Limits,
) -> Result<Limits, Vec<Problem>> {
    let mut limits = defaults;
    let refused = written.iter().filter_map(|limit| {
        let most = set(&mut limits, limit, most).err()?;
        Some(Problem {
            origin: resource.origin.at(limit.line),
            object: Some(resource.key.clone()),
            message: format!(
                "limits.{}: {} is more than this host has, {} at most",
                limit.kind.name(),
                shown(limit.kind, limit.value),
                shown(limit.kind, most)
            ),
        })
    });
    let refused: Vec<_> = refused.collect();
    if refused.is_empty() { Ok(limits) } else { Err(refused) }
}

/// Sets a limit; the most that it may be, if it is more.
fn set(limits: &mut Limits, limit: &Limit, most: &Limits) -> Result<(), u64> {
    let value = limit.value;
    match limit.kind {
        LimitKind::CheckDeadline => time(&mut limits.check_deadline, value, most.check_deadline),
        LimitKind::ReportDeadline => time(&mut limits.report_deadline, value, most.report_deadline),
        LimitKind::OutboundDeadline => {
            time(&mut limits.outbound_deadline, value, most.outbound_deadline)
        }
        LimitKind::OutboundQueue => {
            number(&mut limits.outbound_queue, value, most.outbound_queue as u64)
        }
        LimitKind::SetupDeadline => time(&mut limits.setup_deadline, value, most.setup_deadline),
        LimitKind::Memory => number(&mut limits.memory, value, most.memory as u64),
        LimitKind::TableElements => {
            number(&mut limits.table_elements, value, most.table_elements as u64)
        }
        LimitKind::Series => number(&mut limits.series, value, most.series.into()),
        LimitKind::SeriesBytes => number(&mut limits.series_bytes, value, most.series_bytes),
        LimitKind::Instances => count(&mut limits.instances, value, most.instances),
        LimitKind::LogRate => count(&mut limits.log_rate, value, most.log_rate),
    }
}

fn time(field: &mut Duration, value: u64, most: Duration) -> Result<(), u64> {
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    if value > most {
        return Err(most);
    }
    *field = Duration::from_nanos(value);
    Ok(())
}

fn number<T: TryFrom<u64>>(field: &mut T, value: u64, most: u64) -> Result<(), u64> {
    *field = T::try_from(value).ok().filter(|_| value <= most).ok_or(most)?;
    Ok(())
}

fn count(field: &mut NonZeroU32, value: u64, most: NonZeroU32) -> Result<(), u64> {
    let most = u64::from(most.get());
    let fits = u32::try_from(value).ok().filter(|_| value <= most);
    *field = fits.and_then(NonZeroU32::new).ok_or(most)?;
    Ok(())
}

fn shown(kind: LimitKind, value: u64) -> String {
    match kind.unit() {
        LimitUnit::Time => format!("{:?}", Duration::from_nanos(value)),
        LimitUnit::Bytes if value.is_multiple_of(1 << 20) => format!("{}Mi", value >> 20),
        LimitUnit::Bytes | LimitUnit::Count => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_set_up_to_what_the_host_has() {
        let most = Limits { memory: 1 << 20, ..Limits::default() };
        let mut limits = Limits::default();
        let mut set_to = |kind, value| set(&mut limits, &Limit { kind, value, line: 1 }, &most);
        assert_eq!(set_to(LimitKind::Memory, (1 << 20) + 1), Err(1 << 20));
        assert_eq!(set_to(LimitKind::Memory, 1 << 19), Ok(()));
        assert_eq!(set_to(LimitKind::LogRate, u64::MAX), Err(most.log_rate.get().into()));
        assert_eq!(set_to(LimitKind::CheckDeadline, 1_000_000), Ok(()));
        assert_eq!(limits.memory, 1 << 19);
        assert_eq!(limits.check_deadline, Duration::from_millis(1));
    }
}
