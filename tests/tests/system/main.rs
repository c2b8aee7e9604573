//! The mesh as users run it: the real Envoy with our filter, a real Mixer with the real adapters.
//!
//! Each test starts what it needs on free ports and keeps its files below `tests/NAME` of cargo's target
//! folder. Counters are read from Envoy's and Mixer's own pages; nothing is taken from what the test
//! believes.

mod authors;
mod backends;
mod caches;
mod certificates;
mod checks;
mod components;
mod decisions;
mod edits;
mod etcd;
mod fluentd;
mod generations;
mod grpc_port;
mod hostile;
mod languages;
mod neighbours;
mod operations;
mod otlp;
mod outage;
mod policies;
mod readings;
mod registry;
mod reporting;
mod reports;
mod series;
mod sidecar;
mod sidecar_quotas;
mod soak;
mod spans;
mod statsd;
mod stock_envoy;
mod tools;
mod verdicts;
mod workloads;
mod zipkin;

/// Ends the test, noted as not run, when a part is missing on this machine.
macro_rules! require_part {
    ($part:ident) => {
        if !testbed::Part::$part.or_note_missing() {
            return Ok(());
        }
    };
}
use require_part;
