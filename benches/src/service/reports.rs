use anyhow::Result;
use bytes::Bytes;

use super::client::{Calls, Method};
use super::contest::{self, Contestant, Row};
use super::pace::Pace;
use super::policies;
use super::report_request::{Encoding, report};
use super::server::Servers;

/// Different reports of each size: enough elements that each cache is as full as in production.
const ELEMENTS: usize = 3_200;

/// The sizes of batches, with the clients that send them and the names of their benches: with Prometheus
/// alone, the same in the delta encoding, and with a log beside it.
const BATCHES: [(usize, u32, [&str; 3]); 3] = [
    (1, 16, ["report_batch_1", "report_batch_1_delta", "report_batch_1_log"]),
    (10, 4, ["report_batch_10", "report_batch_10_delta", "report_batch_10_log"]),
    (100, 1, ["report_batch_100", "report_batch_100_delta", "report_batch_100_log"]),
];

/// Reports in batches: four metrics of 19 labels each, without and with a log entry beside them.
pub(super) fn run(servers: &Servers, pace: &Pace) -> Result<Vec<Row>> {
    let plain = servers.mixer(&policies::reports(false), &[])?;
    let logging = servers.mixer(&policies::reports(true), &[])?;
    let bare = servers.bare()?;
    let peer = servers.peer(&policies::reports(false))?;
    let mut rows = Vec::new();
    for (elements, clients, [name, delta_name, log_name]) in BATCHES {
        let independent = reports(elements, Encoding::Independent);
        let delta = reports(elements, Encoding::Delta);
        let mut contestants = vec![
            Contestant { name, server: &plain, calls: independent.clone() },
            Contestant { name: delta_name, server: &plain, calls: delta.clone() },
            Contestant { name: log_name, server: &logging, calls: independent.clone() },
            Contestant { name, server: &bare, calls: independent.clone() },
            Contestant { name: delta_name, server: &bare, calls: delta.clone() },
        ];
        if let Some(server) = &peer {
            contestants.push(Contestant { name, server, calls: independent.clone() });
            contestants.push(Contestant { name: delta_name, server, calls: delta.clone() });
        }
        let mut of_batch = contest::hold(&contestants, clients, pace)?;
        of_batch
            .sort_by_key(|row| [name, delta_name, log_name].iter().position(|n| *n == row.name));
        rows.extend(of_batch);
    }
    Ok(rows)
}

/// Reports with so many elements each.
pub(super) fn reports(elements: usize, encoding: Encoding) -> Calls {
    let messages: Vec<Bytes> =
        (0..ELEMENTS / elements).map(|number| report(number, elements, encoding)).collect();
    Calls::scattered(Method::Report, elements as u32, messages)
}
