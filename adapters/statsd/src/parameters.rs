use std::collections::BTreeMap;
use std::time::Duration;

use adapter_sdk::parameters::Interval;
use adapter_sdk::{Problems, host::outbound};
use schemars::JsonSchema;
use serde::Deserialize;

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Parameters {
    /// Where the server is: `host:port`. Must be set.
    pub(crate) address: String,
    /// How it is reached. UDP by default.
    pub(crate) protocol: Protocol,
    /// What it understands. STATSD by default, and DOGSTATSD for handlers of the adapter `dogstatsd`.
    pub(crate) dialect: Dialect,
    /// Put before all names. With the dialect DOGSTATSD a dot follows it, and it is `istio.` by default.
    pub(crate) prefix: Option<String>,
    /// Lines wait at most so long for others. 300ms by default.
    pub(crate) flush_duration: Interval,
    /// Lines are put together up to so many bytes. 512 by default, which no network cuts; 1432 suits
    /// Ethernet.
    pub(crate) flush_bytes: u32,
    /// The part of counters, timings and histograms that is sent, more than 0 and at most 1. 1 by
    /// default. Gauges and sets are always sent.
    #[serde(alias = "sample_rate", alias = "sampleRate")]
    pub(crate) sampling_rate: f64,
    /// Tags of all metrics. For the dialect DOGSTATSD.
    pub(crate) global_tags: BTreeMap<String, String>,
    /// Taken for the sake of old configurations, without effect: `flush_bytes` and `flush_duration` say
    /// how lines are put together.
    buffer_length: u32,
    /// The metrics, by the name of their instance: `name.instance.namespace`.
    pub(crate) metrics: BTreeMap<String, MetricParameters>,
}

/// A metric.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default)]
pub(crate) struct MetricParameters {
    /// What its samples mean.
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// Its name. By default, that of the instance.
    pub(crate) name: String,
    /// Its name, with dimensions in it: `{{.source}}-to-{{.destination}}`. In place of `name`.
    pub(crate) name_template: String,
    /// Tags besides the dimensions. For the dialect DOGSTATSD.
    pub(crate) tags: BTreeMap<String, String>,
}

/// How the server is reached.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Protocol {
    #[default]
    Udp,
    Tcp,
}

/// What the server understands.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Dialect {
    /// Names alone: dimensions count where a name template has them.
    #[default]
    StatsD,
    /// With tags, which are the dimensions.
    DogStatsD,
}

/// The order is that of the numbers in Istio's API, with ours at the end.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "UPPERCASE")]
pub(crate) enum Kind {
    #[default]
    Unknown,
    /// Samples are added.
    Counter,
    /// The last sample counts.
    Gauge,
    /// How samples are distributed: durations in milliseconds, other numbers as they are.
    Distribution,
    /// How many different values there are.
    Set,
}

const FLUSH_DURATION: Duration = Duration::from_millis(300);
const FLUSH_BYTES: u32 = 512;
/// The longest datagram of IPv4.
const MAX_DATAGRAM: u32 = 65_507;
const LONGEST_FLUSH: Duration = Duration::from_secs(60);

impl Default for Parameters {
    fn default() -> Self {
        Self {
            address: String::new(),
            protocol: Protocol::default(),
            dialect: Dialect::default(),
            prefix: None,
            flush_duration: Interval(FLUSH_DURATION),
            flush_bytes: FLUSH_BYTES,
            sampling_rate: 1.0,
            global_tags: BTreeMap::new(),
            buffer_length: 0,
            metrics: BTreeMap::new(),
        }
    }
}

impl Parameters {
    pub(crate) fn check(&self, problems: &mut Problems) {
        // 0 is what is not written in protobuf, and meant nothing else in old configurations.
        if !(0.0..=1.0).contains(&self.sampling_rate) {
            problems.add("sampling_rate", "must be more than 0 and at most 1");
        }
        if !(1..=MAX_DATAGRAM).contains(&self.flush_bytes) {
            problems.add("flush_bytes", format!("must be 1 to {MAX_DATAGRAM}"));
        }
        if *self.flush_duration > LONGEST_FLUSH {
            problems.add("flush_duration", "must be at most 1m");
        }
        if self.dialect == Dialect::StatsD {
            const MESSAGE: &str = "are for the dialect DOGSTATSD, others have no tags";
            if !self.global_tags.is_empty() {
                problems.add("global_tags", MESSAGE);
            }
            let tagged = self.metrics.iter().filter(|(_, metric)| !metric.tags.is_empty());
            tagged.for_each(|(name, _)| problems.add(format!("metrics[{name}].tags"), MESSAGE));
        }
    }

    /// What stands before all names.
    pub(crate) fn name_prefix(&self) -> String {
        match (&self.prefix, self.dialect) {
            (None, Dialect::StatsD) => String::new(),
            (None, Dialect::DogStatsD) => "istio.".to_owned(),
            (Some(prefix), Dialect::DogStatsD) if !prefix.is_empty() && !prefix.ends_with('.') => {
                format!("{prefix}.")
            }
            (Some(prefix), _) => prefix.clone(),
        }
    }

    /// The part of samples that is sent.
    pub(crate) fn rate(&self) -> f64 {
        if self.sampling_rate == 0.0 { 1.0 } else { self.sampling_rate }
    }

    /// The server as the host is asked for it.
    pub(crate) fn target(&self) -> outbound::Target {
        let suffix = match self.protocol {
            Protocol::Udp => Vec::new(),
            Protocol::Tcp => b"\n".to_vec(),
        };
        outbound::Target {
            parameter: "address".to_owned(),
            protocol: match self.protocol {
                Protocol::Udp => outbound::Protocol::Udp,
                Protocol::Tcp => outbound::Protocol::Tcp,
            },
            assembly: Some(outbound::Assembly {
                prefix: Vec::new(),
                separator: b"\n".to_vec(),
                suffix,
                max_bytes: self.flush_bytes,
                linger: u64::try_from(self.flush_duration.as_nanos()).unwrap_or(u64::MAX),
            }),
            http: None,
            conversation: false,
        }
    }
}
