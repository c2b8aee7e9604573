use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Result;
use mesh_attributes::wire::{QuotaRequest, encode_check_request};
use testbed::{Part, Persistence, Redis};

use super::client::{Calls, Expected, Method};
use super::contest::{self, Contestant, Row};
use super::pace::Pace;
use super::policies::{self, QUOTA};
use super::server::Servers;
use crate::policy;
use crate::request::{self, NAMESPACE, WORKING_SET};

/// The peer was measured with so many.
const CLIENTS: u32 = 16;

/// Checks that also ask for a part of a quota, counted in memory and in a Redis beside it.
pub(super) fn run(servers: &Servers, pace: &Pace) -> Result<Vec<Row>> {
    if !policy::adapters()?.join("quota.wasm").is_file() {
        eprintln!("not run: check_quota_memory, check_quota_redis – there is no adapter quota");
        return Ok(Vec::new());
    }
    let folder = tempfile::tempdir()?;
    let redis = if Part::Redis.is_present(servers.layout()) {
        Some(Redis::start(servers.layout(), Persistence::None, folder.path())?)
    } else {
        eprintln!("not run: check_quota_redis – {}", Part::Redis.how_to_get());
        None
    };
    let in_memory = servers.mixer(&policies::quota(None), &[])?;
    let peer = servers.peer(&policies::quota(None))?;
    let in_redis = redis
        .as_ref()
        .map(|redis| servers.mixer(&policies::quota(Some(&redis.address().to_string())), &[]))
        .transpose()?;
    let mut contestants =
        vec![Contestant { name: "check_quota_memory", server: &in_memory, calls: checks() }];
    contestants.extend(peer.iter().map(|server| Contestant {
        name: "check_quota_memory",
        server,
        calls: checks(),
    }));
    contestants.extend(in_redis.iter().map(|server| Contestant {
        name: "check_quota_redis",
        server,
        calls: checks(),
    }));
    contest::hold(&contestants, CLIENTS, pace)
}

/// Checks that ask for one of a quota, each for itself: a repeated deduplication id would be answered
/// without counting.
fn checks() -> Calls {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let bags: Vec<_> = (0..WORKING_SET).map(|i| request::attributes(i, NAMESPACE)).collect();
    Calls {
        method: Method::Check(Expected { code: 0, level: None }),
        messages: Arc::new(move |call| {
            let id = format!("quota-{}", NEXT.fetch_add(1, Ordering::Relaxed));
            let quota = QuotaRequest { name: QUOTA, amount: 1, best_effort: false };
            let mut message = Vec::new();
            let bag = &bags[call as usize % bags.len()];
            encode_check_request(bag, &id, &[quota], &mut message);
            message.into()
        }),
        requests: 1,
    }
}
