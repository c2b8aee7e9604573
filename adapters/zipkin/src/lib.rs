//! Sends spans of traces to Zipkin, or to whatever else takes its format.
//!
//! The host keeps the connection, puts spans together into bodies and tries again; this adapter says
//! what a span looks like in Zipkin's v2 JSON and which spans are sent at all.

mod context;
mod ids;
mod outcomes;
mod parameters;
mod sampler;
mod span;

use adapter_sdk::host::outbound::{
    self, Assembly, HttpOptions, Message, Protocol, SendError, Target,
};
use adapter_sdk::{Adapter, Instances, Problems, Span, TraceSpan};

use crate::context::Identity;
use crate::outcomes::{Outcome, Outcomes};
pub use crate::parameters::Parameters;
use crate::sampler::Sampler;
use crate::span::ZipkinSpan;

adapter_sdk::export!(Zipkin: tracespan);

/// The adapter.
#[derive(Debug)]
pub struct Zipkin {
    instances: Instances,
    sampler: Sampler,
    target: u32,
    outcomes: Outcomes,
}

/// A body goes out before it becomes longer; Zipkin's own limit is 10 MiB.
const MAX_BODY: u32 = 1 << 20;
/// A body goes out no later than this after its first span, in nanoseconds: traces can be looked at a
/// second after the fact, and a busy mesh sends a few bodies a second.
const LINGER: u64 = 1_000_000_000;

impl Adapter for Zipkin {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        // Without a target there is nothing to be had but problems.
        let target = outbound::open(&target(&parameters)).unwrap_or_else(|problem| {
            problems.add("url", problem);
            0
        });
        let outcomes = Outcomes::define(&mut problems);
        let sampler = Sampler::new(parameters.sample_probability);
        problems.none_or(Self { instances, sampler, target, outcomes })
    }
}

impl TraceSpan for Zipkin {
    fn trace_span(&mut self, span: &Span<'_>) -> Result<(), String> {
        let Some(identity) = Identity::of(span)? else {
            self.outcomes.note(Outcome::WithoutTrace);
            return Ok(());
        };
        if !self.sampler.takes(&identity.trace) {
            self.outcomes.note(Outcome::NotSampled);
            return Ok(());
        }
        let fields = &self.instances[span.instance].fields;
        let data = ZipkinSpan::new(span, &identity, fields)?.to_json()?;
        let message = Message { data, elements: 1, token: None };
        outbound::send(self.target, &message).map_err(|error| match error {
            SendError::Full => "the queue is full: Zipkin is away or does not keep up".to_owned(),
            SendError::TooLarge => "the span is larger than the queue".to_owned(),
            SendError::Closed => "the handler is closed".to_owned(),
        })?;
        self.outcomes.note(Outcome::Sent);
        Ok(())
    }

    fn end_batch(&mut self) -> Result<(), String> {
        self.outcomes.flush();
        Ok(())
    }
}

fn target(parameters: &Parameters) -> Target {
    let content_type = ("content-type".to_owned(), "application/json".to_owned());
    Target {
        parameter: "url".to_owned(),
        protocol: Protocol::Http,
        assembly: Some(Assembly {
            prefix: b"[".to_vec(),
            separator: b",".to_vec(),
            suffix: b"]".to_vec(),
            max_bytes: MAX_BODY,
            linger: LINGER,
        }),
        http: Some(HttpOptions {
            default_path: "/api/v2/spans".to_owned(),
            headers: vec![content_type],
            gzip: parameters.gzip,
        }),
        conversation: false,
    }
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
