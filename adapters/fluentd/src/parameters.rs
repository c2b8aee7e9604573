use std::time::Duration;

use adapter_sdk::Problems;
use adapter_sdk::host::outbound;
use adapter_sdk::parameters::Interval;
use schemars::JsonSchema;
use serde::Deserialize;

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Where the server is: `host:port`, or `tls://host:port`. localhost:24224 by default.
    pub(crate) address: String,
    /// The authorities to trust with `tls://`, as a PEM file, instead of the system's.
    ca_file: String,
    /// Whether durations are whole milliseconds instead of text such as `1.5s`.
    pub(crate) integer_duration: bool,
    /// Entries of one message take no more bytes than this; a longer entry is refused. 8 MiB by default.
    pub(crate) max_batch_size_bytes: u32,
    /// Without `ack` and `shared_key`, messages wait at most so long for others; with them they go out at
    /// once. 1s by default.
    pub(crate) push_interval_duration: Interval,
    /// Whether the server acknowledges messages, as Fluentd, Fluent Bit and the OpenTelemetry Collector
    /// do. What it has not acknowledged when the connection ends is sent again. true by default.
    pub(crate) ack: bool,
    /// Whether entries are compressed.
    pub(crate) gzip: bool,
    /// The secret shared with a server that asks for one.
    pub(crate) shared_key: String,
    /// Who logs in, where the server asks for a user.
    pub(crate) username: String,
    /// The user's password.
    pub(crate) password: String,
    /// What this client calls itself to the server. `mixmesh` by default.
    pub(crate) hostname: String,
    /// Taken for the sake of old configurations, without effect: the handler's queue is bounded in bytes.
    instance_buffer_size: u32,
    /// Taken for the sake of old configurations, without effect.
    push_timeout_duration: Interval,
}

const MAX_BATCH: u32 = 8 << 20;
const PUSH_INTERVAL: Duration = Duration::from_secs(1);

impl Default for Parameters {
    fn default() -> Self {
        Self {
            address: String::new(),
            ca_file: String::new(),
            integer_duration: false,
            max_batch_size_bytes: MAX_BATCH,
            push_interval_duration: Interval(PUSH_INTERVAL),
            ack: true,
            gzip: false,
            shared_key: String::new(),
            username: String::new(),
            password: String::new(),
            hostname: "mixmesh".to_owned(),
            instance_buffer_size: 0,
            push_timeout_duration: Interval::default(),
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        if !(1..=MAX_BATCH).contains(&self.max_batch_size_bytes) {
            problems.add("max_batch_size_bytes", format!("must be 1 to {MAX_BATCH}"));
        }
        if self.shared_key.is_empty() {
            for (field, value) in [("username", &self.username), ("password", &self.password)] {
                if !value.is_empty() {
                    problems.add(field, "is asked for by servers with a shared_key alone: set it");
                }
            }
        }
        if self.hostname.is_empty() {
            problems.add("hostname", "must not be empty");
        }
    }

    /// Whether the server is to answer.
    fn converses(&self) -> bool {
        self.ack || !self.shared_key.is_empty()
    }

    /// The server as the host is asked for it.
    pub(crate) fn target(&self) -> outbound::Target {
        let linger = u64::try_from(self.push_interval_duration.as_nanos()).unwrap_or(u64::MAX);
        let assembly = outbound::Assembly {
            prefix: Vec::new(),
            separator: Vec::new(),
            suffix: Vec::new(),
            max_bytes: self.max_batch_size_bytes,
            linger,
        };
        outbound::Target {
            parameter: "address".to_owned(),
            protocol: outbound::Protocol::Tcp,
            // A message that is to be acknowledged stands for itself.
            assembly: (!self.converses()).then_some(assembly),
            http: None,
            conversation: self.converses(),
        }
    }
}
