//! The request that is measured: as a sidecar asks for it, with 32 attributes of which one holds 12
//! headers, some 800 bytes on the wire. The peers' figures are for the same work.

use mesh_attributes::wire::encode_check_request;
use mesh_attributes::{AttributeBag, Timestamp};

/// Requests that differ in what policy reads: 256 users on 4 pages. All are asked in turn, so that a
/// look-up finds its entry where production has it, and not in the processor's nearest cache.
pub(crate) const WORKING_SET: usize = 1024;

const PAGES: usize = 4;

/// The namespace whose policy is measured.
pub(crate) const NAMESPACE: &str = "shop";

/// A namespace that no rule is for.
pub(crate) const QUIET_NAMESPACE: &str = "quiet";

/// The headers of request number `i` of the working set.
pub(crate) fn headers(i: usize) -> [(&'static str, String); 12] {
    [
        (":authority", "catalog.shop.svc.cluster.local".to_owned()),
        (":method", "GET".to_owned()),
        (":path", path(i)),
        (":scheme", "http".to_owned()),
        ("accept", "application/json".to_owned()),
        ("accept-encoding", "gzip".to_owned()),
        ("user-agent", USER_AGENT.to_owned()),
        ("x-b3-sampled", "0".to_owned()),
        ("x-forwarded-for", "10.8.0.41".to_owned()),
        ("x-forwarded-proto", "http".to_owned()),
        // As a proxy would set it: no two requests have the same.
        ("x-request-id", format!("{:032x}", splitmix(i as u64))),
        ("x-user", user(i)),
    ]
}

/// The attributes of request number `i` of the working set, to `namespace`.
pub(crate) fn attributes(i: usize, namespace: &str) -> AttributeBag {
    let headers = headers(i);
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let path = path(i);
    AttributeBag::new()
        .with("connection.mtls", true)
        .with("connection.requested_server_name", "outbound_.80_._.catalog")
        .with("context.protocol", "http")
        .with("context.reporter.kind", "inbound")
        .with("context.reporter.uid", "kubernetes://catalog-5d4f.shop")
        .with("destination.ip", [10, 8, 1, 17].as_slice())
        .with("destination.namespace", namespace)
        .with("destination.port", 8080)
        .with("destination.principal", "cluster.local/ns/shop/sa/catalog")
        .with("destination.service.host", "catalog.shop.svc.cluster.local")
        .with("destination.service.name", "catalog")
        .with("destination.service.namespace", namespace)
        .with("destination.service.uid", "istio://shop/services/catalog")
        .with("destination.uid", "kubernetes://catalog-5d4f.shop")
        .with("destination.workload.name", "catalog")
        .with("origin.ip", [10, 8, 0, 41].as_slice())
        .with("request.auth.principal", "accounts/jane")
        .with("request.headers", headers)
        .with("request.host", "catalog.shop.svc.cluster.local")
        .with("request.method", "GET")
        .with("request.path", path.as_str())
        .with("request.query_params", [("page", path.rsplit('=').next().unwrap_or_default())])
        .with("request.scheme", "http")
        .with("request.time", Timestamp { seconds: 1_700_000_000 + i as i64, nanos: 0 })
        .with("request.url_path", path.split('?').next().unwrap_or_default())
        .with("request.useragent", USER_AGENT)
        .with("source.ip", [10, 8, 0, 41].as_slice())
        .with("source.namespace", "front")
        .with("source.principal", "cluster.local/ns/front/sa/web")
        .with("source.uid", "kubernetes://web-7b9c.front")
        .with("source.user", "cluster.local/ns/front/sa/web")
        .with("source.workload.name", "web")
}

/// Request number `i` of the working set as a `CheckRequest`.
pub(crate) fn check_request(i: usize, namespace: &str) -> Vec<u8> {
    let mut message = Vec::new();
    encode_check_request(&attributes(i, namespace), &format!("check-{i}"), &[], &mut message);
    message
}

/// What belongs to the requests of the working set, taken in an order that no processor foresees.
#[derive(Debug, Clone)]
pub(crate) struct Scattered<T> {
    items: Vec<T>,
    at: usize,
}

impl<T> Scattered<T> {
    /// One item for each request, from `make`.
    pub(crate) fn new(make: impl FnMut(usize) -> T) -> Self {
        Self { items: (0..WORKING_SET).map(make).collect(), at: 0 }
    }

    /// What `make` makes of each item, in the same order.
    pub(crate) fn each<'a, U>(&'a self, make: impl FnMut(&'a T) -> U) -> Scattered<U> {
        Scattered { items: self.items.iter().map(make).collect(), at: self.at }
    }

    /// The next item; all come before one comes again.
    #[inline]
    pub(crate) fn next(&mut self) -> &T {
        self.next_mut()
    }

    /// The next item, to change it.
    #[inline]
    pub(crate) fn next_mut(&mut self) -> &mut T {
        // Odd, so that it shares no factor with the size of the set.
        const STRIDE: usize = 397;
        self.at = (self.at + STRIDE) % WORKING_SET;
        &mut self.items[self.at]
    }
}

const USER_AGENT: &str = "Mozilla/5.0 (X11; Linux x86_64)";

fn path(i: usize) -> String {
    format!("/products?page={}", i % PAGES)
}

fn user(i: usize) -> String {
    format!("user-{}", i / PAGES)
}

/// A number that looks random, the same in each run.
fn splitmix(i: u64) -> u64 {
    let z = i.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use mesh_attributes::wire::CheckRequest;
    use mesh_attributes::{AttributeName, Bag, Value};

    use super::*;

    #[test]
    fn a_request_is_the_one_that_peers_were_measured_with() {
        let message = check_request(1023, NAMESPACE);
        assert!((700..900).contains(&message.len()), "{} bytes", message.len());
        assert_eq!(attributes(1023, NAMESPACE).len(), 32);
        let request = CheckRequest::decode(&message).unwrap();
        let Some(Value::StringMap(headers)) =
            request.attributes.get(&AttributeName::new("request.headers"))
        else {
            panic!("no headers");
        };
        let mut count = 0;
        headers.each(&mut |_, _| count += 1);
        assert_eq!(count, 12);
        assert_eq!(headers.get("x-user"), Some("user-255"));
    }

    #[test]
    fn scattered_items_all_come_before_one_comes_again() {
        let mut scattered = Scattered::new(|i| i);
        let seen: HashSet<_> = (0..WORKING_SET).map(|_| *scattered.next()).collect();
        assert_eq!(seen.len(), WORKING_SET);
    }

    #[test]
    fn no_two_requests_of_the_working_set_read_the_same_to_policy() {
        let read: HashSet<_> = (0..WORKING_SET).map(|i| (path(i), user(i))).collect();
        assert_eq!(read.len(), WORKING_SET);
    }
}
