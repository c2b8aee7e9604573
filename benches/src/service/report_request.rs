//! The reports that are measured: as a sidecar sends them, each element with 32 attributes of which one
//! holds 12 headers. A fleet of eight workloads calls one service that answers with three codes, so the
//! metrics are a few dozen series, as in production, and each element has texts of its own.

use bytes::Bytes;
use mesh_attributes::wire::ReportEncoder;
use mesh_attributes::{AttributeBag, OwnedValue, Span};

use crate::request::{self, NAMESPACE};

/// How the elements of a report are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// Each says only what differs from the one before, as Istio 1.4 proxies do.
    Delta,
    /// Each stands alone, as our filter does.
    Independent,
}

/// What a Check carries and no metric of the benches reads gives way to what is known after a request.
const GIVES_WAY: [&str; 5] = [
    "connection.requested_server_name",
    "destination.service.uid",
    "request.auth.principal",
    "request.query_params",
    "source.user",
];

const WORKLOADS: [&str; 8] =
    ["web", "mobile", "partner", "search", "cart", "mail", "recommend", "batch"];

const CODES: [i64; 16] =
    [200, 200, 200, 200, 200, 200, 404, 200, 200, 200, 200, 200, 200, 200, 200, 503];

/// Element number `i`.
fn attributes(i: usize) -> AttributeBag {
    let mut bag = request::attributes(i, NAMESPACE);
    for name in GIVES_WAY {
        bag.remove(name);
    }
    let took = Span { seconds: 0, nanos: 1_000_000 + (i % 997) as i32 * 50_000 };
    bag.with("response.code", CODES[i % CODES.len()])
        .with("response.duration", OwnedValue::Duration(took))
        .with("response.size", 900 + (i % 113) as i64)
        .with("request.size", (i % 7) as i64 * 100)
        .with("connection.event", "close")
        .with("source.workload.name", WORKLOADS[i / 3 % WORKLOADS.len()])
}

/// Report number `number` with so many elements, as a `ReportRequest`.
pub(super) fn report(number: usize, elements: usize, encoding: Encoding) -> Bytes {
    let mut report = ReportEncoder::new();
    let mut before = AttributeBag::new();
    for i in number * elements..(number + 1) * elements {
        let whole = attributes(i);
        let taken = match encoding {
            Encoding::Independent => report.push(&whole),
            Encoding::Delta => report.push(&changed(&before, &whole)),
        };
        assert!(taken, "a hundred requests have fewer words than a report may list");
        before = whole;
    }
    let mut message = report.finish().unwrap_or_default();
    if encoding == Encoding::Delta {
        // `repeated_attributes_semantics` again: of a field that comes twice the last counts.
        message.extend([4 << 3, 0]);
    }
    message.into()
}

/// What `after` sets otherwise. Both have the same names.
fn changed(before: &AttributeBag, after: &AttributeBag) -> AttributeBag {
    let mut changed = AttributeBag::new();
    let mut known = before.iter().peekable();
    for (name, value) in after.iter() {
        while known.next_if(|(other, _)| *other < name).is_some() {}
        if known.peek().is_none_or(|(other, old)| *other != name || *old != value) {
            changed.set(name.as_str(), value.clone());
        }
    }
    changed
}

#[cfg(test)]
mod tests {
    use mesh_attributes::wire::ReportRequest;
    use mesh_attributes::{Bag, EachAttribute};

    use super::*;

    #[test]
    fn both_encodings_say_the_same_with_32_attributes_an_element() {
        let messages = [Encoding::Delta, Encoding::Independent].map(|e| report(3, 100, e));
        assert!(messages[0].len() < messages[1].len(), "deltas are no smaller");
        for message in &messages {
            let request = ReportRequest::decode(message).unwrap();
            assert_eq!(request.len(), 100);
            let mut bags = request.bags();
            for i in 300..400 {
                let (expected, read) = (attributes(i), bags.next_bag().unwrap().unwrap());
                assert_eq!(expected.len(), 32);
                let mut count = 0;
                read.each(&mut |_, _| count += 1);
                assert_eq!(count, 32);
                for (name, value) in expected.iter().filter(|(_, v)| !is_map(v)) {
                    assert_eq!(read.get(name).map(OwnedValue::from), Some(value.clone()), "{name}");
                }
            }
        }
    }

    fn is_map(value: &OwnedValue) -> bool {
        matches!(value, OwnedValue::StringMap(_))
    }
}
