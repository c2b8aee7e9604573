use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use crate::bindings::mixmesh::host::clock;
use crate::guest::GuestState;

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

impl clock::Host for GuestState {
    fn now(&mut self) -> i64 {
        let nanos = |span: std::time::Duration| i64::try_from(span.as_nanos()).unwrap_or(i64::MAX);
        match SystemTime::now().duration_since(SystemTime::UNIX_EPOCH) {
            Ok(since) => nanos(since),
            Err(before) => -nanos(before.duration()),
        }
    }

    fn monotonic(&mut self) -> u64 {
        u64::try_from(START.elapsed().as_nanos()).unwrap_or(u64::MAX)
    }
}
