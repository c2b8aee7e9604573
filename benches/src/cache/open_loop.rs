//! Requests at a fixed rate, whether or not the ones before were answered.
//!
//! Each connection has a timetable. Latency counts from when a request should have been sent: one that
//! waits behind a slow answer has waited, as a user would have. A client that only counted from when it
//! did send would leave out exactly the requests that were slowed down.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use testbed::http::Connection;

/// Microseconds that the histogram tells apart to three digits: up to a minute.
const LONGEST_US: u64 = 60_000_000;

/// How to ask.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Load {
    /// Requests in a second, over all connections.
    pub(crate) rate: u32,
    pub(crate) connections: u32,
    pub(crate) time: Duration,
}

/// What came back.
#[derive(Debug)]
pub(crate) struct Heard {
    /// Of requests that were let through, in microseconds.
    pub(crate) latencies: Histogram<u64>,
    /// Requests that were answered otherwise.
    pub(crate) refused: u64,
}

/// An empty histogram of latencies in microseconds.
pub(crate) fn latencies() -> Result<Histogram<u64>> {
    Ok(Histogram::new_with_bounds(1, LONGEST_US, 3)?)
}

/// Asks the proxy at `address`; request number n is from `user(n)`.
///
/// # Errors
/// When a connection fails.
pub(crate) fn run(
    address: SocketAddr,
    load: &Load,
    user: &(dyn Fn(u64) -> String + Sync),
) -> Result<Heard> {
    let refused = &AtomicU64::new(0);
    // Every connection is open before the first request is due.
    let connections = (0..load.connections).map(|_| Connection::open(address));
    let connections = connections.collect::<Result<Vec<_>>>()?;
    let interval = Duration::from_secs(1) / load.rate;
    let start = Instant::now() + Duration::from_millis(20);
    thread::scope(|scope| {
        let threads: Vec<_> = (0_u32..)
            .zip(connections)
            .map(|(first, mut connection)| {
                scope.spawn(move || -> Result<Histogram<u64>> {
                    let mut heard = latencies()?;
                    for number in (first..).step_by(load.connections as usize) {
                        let due = interval * number;
                        if due >= load.time {
                            break;
                        }
                        let due = start + due;
                        thread::sleep(due.saturating_duration_since(Instant::now()));
                        let user = user(u64::from(number));
                        let headers = [("x-user", user.as_str())];
                        let answer = connection.get("/products?page=1", &headers)?;
                        // A refusal is no answer: its time would make a slow server look fast.
                        if answer.status != 200 {
                            refused.fetch_add(1, Ordering::Relaxed);
                            continue;
                        }
                        heard.saturating_record(due.elapsed().as_micros() as u64);
                    }
                    Ok(heard)
                })
            })
            .collect();
        let mut all = latencies()?;
        for thread in threads {
            all.add(thread.join().ok().context("a client panicked")??)?;
        }
        Ok(Heard { latencies: all, refused: refused.load(Ordering::Relaxed) })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::servers::Servers;

    #[test]
    fn every_request_of_the_timetable_is_sent_and_counted() {
        let servers = Servers::start().unwrap();
        let load = Load { rate: 500, connections: 4, time: Duration::from_millis(200) };
        let heard = run(servers.service(), &load, &|n| format!("user-{n}")).unwrap();
        assert_eq!((heard.latencies.len(), heard.refused), (100, 0));
    }
}
