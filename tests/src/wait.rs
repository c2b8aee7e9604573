use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

/// How often a condition is looked at. Edits are timed with this: it is far below what they take.
const POLL: Duration = Duration::from_millis(2);

/// Looks at a condition until `look` succeeds, and returns what it saw.
///
/// # Errors
/// After `limit`: the text says `what` was awaited and why the last look failed.
pub fn wait_until<T>(
    what: &str,
    limit: Duration,
    mut look: impl FnMut() -> Result<T>,
) -> Result<T> {
    let end = Instant::now() + limit;
    loop {
        let seen = look();
        if seen.is_ok() || Instant::now() > end {
            return seen.with_context(|| format!("waited {} s for {what}", limit.as_secs_f32()));
        }
        thread::sleep(POLL);
    }
}
