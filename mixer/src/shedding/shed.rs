use std::fmt;
use std::time::Duration;

use mesh_api::rpc;
use prost::Message;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::{Code, Status};

use super::RequestKind;

/// What gRPC clients honour: they repeat the call after so many milliseconds, if they repeat at all.
const PUSHBACK: &str = "grpc-retry-pushback-ms";

/// A request that is not worked on, with when to come again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shed {
    /// Of which kind it is.
    pub kind: RequestKind,
    /// What was exceeded.
    pub reason: ShedReason,
    /// When it may be admitted.
    pub retry_after: Duration,
}

/// Which limit a request exceeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ShedReason {
    /// Too many at once, and too many that wait.
    Concurrency,
    /// It waited too long.
    Waited,
    /// Too many instances in the handlers' queues.
    HandlerQueues,
    /// Checks wait; reports do not come before them.
    ChecksFirst,
    /// Too many in a second.
    Rate,
}

impl ShedReason {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Concurrency, Self::Waited, Self::HandlerQueues, Self::ChecksFirst, Self::Rate];

    /// Its name in metrics and logs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Concurrency => "concurrency",
            Self::Waited => "waited",
            Self::HandlerQueues => "handler_queues",
            Self::ChecksFirst => "checks_first",
            Self::Rate => "rate",
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::Concurrency => "too many are worked on and wait",
            Self::Waited => "it waited too long for a place",
            Self::HandlerQueues => "too many instances wait for their handlers",
            Self::ChecksFirst => "checks wait, and come first",
            Self::Rate => "too many came in this second",
        }
    }
}

impl fmt::Display for Shed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "mixer sheds this {}: {}", self.kind.name(), self.reason.text())
    }
}

/// UNAVAILABLE with the hint when to retry, as metadata for gRPC's own retries and as
/// `google.rpc.RetryInfo` for callers that look for themselves.
impl From<Shed> for Status {
    fn from(shed: Shed) -> Self {
        let millis = u64::try_from(shed.retry_after.as_millis()).unwrap_or(u64::MAX).max(1);
        let mut metadata = MetadataMap::new();
        metadata.insert(PUSHBACK, AsciiMetadataValue::from(millis));
        let message = shed.to_string();
        let details = rpc::Status {
            code: Code::Unavailable.into(),
            message: message.clone(),
            details: vec![prost_types::Any {
                type_url: "type.googleapis.com/google.rpc.RetryInfo".to_owned(),
                value: RetryInfo { retry_delay: Duration::from_millis(millis).try_into().ok() }
                    .encode_to_vec(),
            }],
        };
        let details = details.encode_to_vec().into();
        Self::with_details_and_metadata(Code::Unavailable, message, details, metadata)
    }
}

/// `google.rpc.RetryInfo`.
#[derive(Clone, PartialEq, Message)]
struct RetryInfo {
    #[prost(message, optional, tag = "1")]
    retry_delay: Option<prost_types::Duration>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shed_request_is_unavailable_and_told_when_to_come_again() {
        let shed = Shed {
            kind: RequestKind::Report,
            reason: ShedReason::Rate,
            retry_after: Duration::from_millis(1500),
        };
        let status = Status::from(shed);
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(status.message(), "mixer sheds this report: too many came in this second");
        assert_eq!(status.metadata().get(PUSHBACK).unwrap(), "1500");
        let details = rpc::Status::decode(status.details()).unwrap();
        assert_eq!(details.code, 14);
        let info = RetryInfo::decode(details.details[0].value.as_slice()).unwrap();
        let delay = info.retry_delay.unwrap();
        assert_eq!((delay.seconds, delay.nanos), (1, 500_000_000));
    }
}
