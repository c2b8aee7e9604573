use std::sync::LazyLock;

use mesh_attributes::{AttributeName, EachAttribute, Span, Value};

use super::flags;
use super::request::RequestBag;
use super::response::CheckOutcome;
use crate::host::{StreamHost, StreamNumber};

/// Bytes that went over a connection, by direction.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Traffic {
    /// From the client.
    pub received: u64,
    /// To the client.
    pub sent: u64,
}

/// The attributes of a connection for one of its reports.
pub struct ConnectionBag<'b, 'h, H> {
    connection: &'b RequestBag<'h, H>,
    host: &'h H,
    check: &'b CheckOutcome,
    total: Traffic,
    reported: Traffic,
    duration: Option<Span>,
}

struct Names {
    received: AttributeName,
    received_total: AttributeName,
    sent: AttributeName,
    sent_total: AttributeName,
    duration: AttributeName,
    proxy_error_code: AttributeName,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| Names {
    received: AttributeName::new("connection.received.bytes"),
    received_total: AttributeName::new("connection.received.bytes_total"),
    sent: AttributeName::new("connection.sent.bytes"),
    sent_total: AttributeName::new("connection.sent.bytes_total"),
    duration: AttributeName::new("connection.duration"),
    proxy_error_code: AttributeName::new("context.proxy_error_code"),
});

impl<'b, 'h, H: StreamHost> ConnectionBag<'b, 'h, H> {
    /// What there is to report now, when `reported` of `total` has been reported before. `duration` is
    /// that of a connection that has ended.
    pub fn new(
        host: &'h H,
        connection: &'b RequestBag<'h, H>,
        check: &'b CheckOutcome,
        total: Traffic,
        reported: Traffic,
        duration: Option<Span>,
    ) -> Self {
        Self { connection, host, check, total, reported, duration }
    }
}

impl<H: StreamHost> EachAttribute for ConnectionBag<'_, '_, H> {
    fn each(&self, f: &mut dyn FnMut(&AttributeName, Value<'_>)) {
        let names = &*NAMES;
        self.connection.each(f);
        for (name, bytes) in [
            (&names.received, self.total.received - self.reported.received),
            (&names.received_total, self.total.received),
            (&names.sent, self.total.sent - self.reported.sent),
            (&names.sent_total, self.total.sent),
        ] {
            f(name, Value::Int64(i64::try_from(bytes).unwrap_or(i64::MAX)));
        }
        if let Some(duration) = self.duration {
            f(&names.duration, Value::Duration(duration));
            // Where the proxy does not tell, nothing is said: `-` would say that all went well.
            if let Some(flags) = self.host.number(StreamNumber::ResponseFlags) {
                let mut error_code = String::new();
                flags::proxy_error_code(flags, &mut error_code);
                f(&names.proxy_error_code, Value::String(&error_code));
            }
        }
        self.check.each(f);
    }
}
