use std::collections::BTreeMap;

use anyhow::Result;
use bytes::Bytes;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::encode_check_request;

use super::client::{Calls, Expected, Method};
use super::contest::{self, Contestant, Row};
use super::pace::Pace;
use super::policies;
use super::server::Servers;
use crate::request::{self, NAMESPACE, QUIET_NAMESPACE, WORKING_SET};

/// `google.rpc.Code` of answers.
const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;

/// Connections and threads of a server do most under so many clients; the peer was measured with them.
const USUAL_CLIENTS: u32 = 16;

/// Checks that no rule is for, that one adapter decides each time or denies, and that the cache answers.
pub(super) fn run(servers: &Servers, pace: &Pace) -> Result<Vec<Row>> {
    let cached = servers.mixer(policies::CHECK, &[])?;
    let uncached = servers.mixer(policies::CHECK, &["--check-cache-bytes", "0"])?;
    let bare = servers.bare()?;
    let peer = servers.peer(policies::CHECK)?;

    let busy = messages(|i| request::attributes(i, NAMESPACE));
    let quiet = messages(|i| request::attributes(i, QUIET_NAMESPACE));
    let denied = messages(forbidden);
    let mut rows = Vec::new();
    for &clients in pace.clients {
        let mut contestants = vec![
            Contestant {
                name: "check_miss_grpc",
                server: &uncached,
                calls: checks(&busy, OK, Some("miss")),
            },
            Contestant { name: "check_miss_grpc", server: &bare, calls: checks(&busy, OK, None) },
            Contestant {
                name: "check_hit_l2_grpc",
                server: &cached,
                // The first of each fills the cache.
                calls: checks(&busy, OK, None),
            },
        ];
        contestants.extend(peer.iter().map(|server| Contestant {
            name: "check_miss_grpc",
            server,
            calls: checks(&busy, OK, None),
        }));
        if clients == USUAL_CLIENTS {
            contestants.extend([
                Contestant {
                    name: "check_denied_grpc",
                    server: &uncached,
                    calls: checks(&denied, PERMISSION_DENIED, Some("miss")),
                },
                Contestant {
                    name: "check_no_rule_grpc",
                    server: &uncached,
                    calls: checks(&quiet, OK, Some("miss")),
                },
            ]);
            if let Some(server) = &peer {
                let of_peer = [
                    ("check_denied_grpc", checks(&denied, PERMISSION_DENIED, None)),
                    ("check_no_rule_grpc", checks(&quiet, OK, None)),
                ];
                contestants.extend(of_peer.map(|(name, calls)| Contestant { name, server, calls }));
            }
        }
        rows.extend(contest::hold(&contestants, clients, pace)?);
    }
    Ok(grouped(rows))
}

/// Checks of these messages.
pub(super) fn checks(messages: &[Bytes], code: i32, level: Option<&'static str>) -> Calls {
    Calls::scattered(Method::Check(Expected { code, level }), 1, messages.to_vec())
}

/// The working set, each with the attributes that `bag` gives it.
pub(super) fn messages(bag: impl Fn(usize) -> AttributeBag) -> Vec<Bytes> {
    let encode = |i| {
        let mut message = Vec::new();
        encode_check_request(&bag(i), &format!("check-{i}"), &[], &mut message);
        message.into()
    };
    (0..WORKING_SET).map(encode).collect()
}

/// A request that the policy denies.
fn forbidden(i: usize) -> AttributeBag {
    let page = format!("/admin?page={i}");
    request::attributes(i, NAMESPACE).with("request.path", page.as_str())
}

/// The rows of each bench together, in the order in which the benches first came.
fn grouped(rows: Vec<Row>) -> Vec<Row> {
    let mut order = BTreeMap::new();
    for row in &rows {
        let next = order.len();
        order.entry(row.name).or_insert(next);
    }
    let mut rows = rows;
    rows.sort_by_key(|row| order[row.name]);
    rows
}
