use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tracing::warn;

/// Files that are not connections: configuration, adapters, logs, stores, the other ports.
const OTHERS: u64 = 512;

/// How many connections the process may have open, `wanted` at most. The limit of open files is raised as
/// far as the system lets it; below what is wanted, that is logged.
pub(super) fn connections_within(wanted: usize) -> usize {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    let current = match setrlimit(Resource::Nofile, raised) {
        Ok(()) => limits.maximum,
        Err(cause) => {
            warn!(%cause, "the limit of open files cannot be raised");
            limits.current
        }
    };
    let room = current.map_or(u64::MAX, |files| files.saturating_sub(OTHERS).max(1));
    let room = usize::try_from(room).unwrap_or(usize::MAX);
    if room < wanted {
        warn!(
            wanted,
            room, "the limit of open files leaves room for fewer connections than asked for"
        );
    }
    wanted.min(room)
}
