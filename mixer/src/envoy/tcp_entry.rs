use std::collections::HashMap;

use mesh_api::envoy::data::accesslog::v3::{AccessLogCommon, AccessLogType, TcpAccessLogEntry};
use mesh_attributes::AttributeBag;

use super::access_log::{EntrySource, LogEntry, bytes, times};

/// Connections whose totals are remembered, for each stream of logs. What does not fit has its bytes
/// told once, by the entry that closes it.
const MAX_CONNECTIONS: usize = 10_000;

/// Longer ids are not Envoy's, which are UUIDs.
const MAX_ID: usize = 128;

/// The open connections of one Envoy: how many bytes were reported of each.
#[derive(Debug, Default)]
pub(crate) struct Connections(HashMap<String, Totals>);

#[derive(Debug, Clone, Copy, Default)]
struct Totals {
    received: u64,
    sent: u64,
}

/// Where in its life a connection is, in Istio's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Event {
    Open,
    Continue,
    Close,
}

impl Connections {
    /// The attributes of a connection at the moment of an entry.
    pub(crate) fn entry(&mut self, source: &EntrySource, entry: &TcpAccessLogEntry) -> LogEntry {
        let common = entry.common_properties.clone().unwrap_or_default();
        let event = Event::of(&common);
        let properties = entry.connection_properties.unwrap_or_default();
        let totals = Totals { received: properties.received_bytes, sent: properties.sent_bytes };
        let since = self.since(&common.stream_id, event, totals);
        let mut bag = AttributeBag::new()
            .with("context.protocol", "tcp")
            .with("connection.event", event.name())
            .with("connection.received.bytes", bytes(since.received))
            .with("connection.sent.bytes", bytes(since.sent))
            .with("connection.received.bytes_total", bytes(totals.received))
            .with("connection.sent.bytes_total", bytes(totals.sent));
        if !common.stream_id.is_empty() {
            bag.set("connection.id", common.stream_id.as_str());
        }
        let (started, took) = times(&common);
        if let Some(started) = started {
            bag.set(
                "context.time",
                took.map_or(started, |took| super::access_log::after(started, took)),
            );
        }
        if let (Event::Close, Some(took)) = (event, took) {
            bag.set("connection.duration", took);
        }
        source.set_common(&mut bag, &common);
        let refused_tags = source.set_stated(&mut bag, &common);
        LogEntry { bag, refused_tags }
    }

    /// The bytes since the last entry of the same connection.
    fn since(&mut self, id: &str, event: Event, totals: Totals) -> Totals {
        let known = self.0.get(id).copied();
        if event == Event::Close {
            self.0.remove(id);
            return totals.less(known.unwrap_or_default());
        }
        let fits = self.0.len() < MAX_CONNECTIONS && !id.is_empty() && id.len() <= MAX_ID;
        if known.is_none() && !fits {
            return Totals::default();
        }
        self.0.insert(id.to_owned(), totals);
        totals.less(known.unwrap_or_default())
    }
}

impl Totals {
    fn less(self, earlier: Self) -> Self {
        Self {
            received: self.received.saturating_sub(earlier.received),
            sent: self.sent.saturating_sub(earlier.sent),
        }
    }
}

impl Event {
    fn of(common: &AccessLogCommon) -> Self {
        match common.access_log_type() {
            AccessLogType::TcpConnectionStart => Self::Open,
            AccessLogType::TcpConnectionEnd => Self::Close,
            AccessLogType::TcpPeriodic | AccessLogType::TcpUpstreamConnected => Self::Continue,
            _ if common.intermediate_log_entry => Self::Continue,
            _ => Self::Close,
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Continue => "continue",
            Self::Close => "close",
        }
    }
}
