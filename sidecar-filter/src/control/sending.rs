//! Sends reports and counts what becomes of each.

use std::time::Duration;

use super::Control;
use crate::check::unary_headers;
use crate::config::ConfigId;
use crate::grpc::{Frame, UnaryReply};
use crate::host::{CallId, ControlHost, Moment, OutboundCall, StartFailure};
use crate::quota::Ticket;
use crate::report::Batch;
use crate::stats::{Counter, Gauge};

/// Reports under way at once.
pub(super) const MAX_FLIGHTS: usize = 32;

/// How long a report may take; the old proxy's number.
pub(super) const REPORT_TIMEOUT: Duration = Duration::from_secs(5);

/// The most bytes of a report's answer, which is empty.
const MAX_REPORT_ANSWER: usize = 4096;

/// A call under way.
pub(super) struct Flight {
    pub(super) reply: UnaryReply,
    pub(super) cargo: Cargo,
}

/// What a call is for.
pub(super) enum Cargo {
    /// To report so many requests.
    Report(u64),
    /// To have tokens of a quota ahead; asked for at this moment.
    Prefetch(Ticket, Moment),
}

/// How a report ended.
#[derive(Clone, Copy)]
pub(super) enum Fate {
    Sent,
    Lost,
    Unknown,
}

impl Control {
    pub(super) fn flush(&self, host: &dyn ControlHost, now: Moment) {
        let due = {
            let mut state = self.state.borrow_mut();
            let wait = state.members.last().map(|m| m.config.settings().report_batch_time);
            // A run that comes a little early would else put the flush off by a whole interval.
            let due = match (wait, state.flushed) {
                (Some(wait), Some(flushed)) => now.since(flushed) >= wait / 10 * 9,
                _ => true,
            };
            if due {
                state.flushed = Some(now);
            }
            due
        };
        if due {
            let dropped = self.mixer.reports.flush();
            if dropped > 0 {
                host.count(Counter::ReportsDropped, dropped);
                self.mixer.reports.settle(dropped);
            }
        }
    }

    /// Starts what is queued, as far as may be.
    pub(super) fn send_reports(&self, host: &dyn ControlHost) {
        loop {
            let member = {
                let state = self.state.borrow();
                let Some(member) = state.members.last() else { return };
                if state.flights.len() >= MAX_FLIGHTS {
                    return;
                }
                member.config.id()
            };
            let Some(batch) = self.mixer.reports.next() else { return };
            let requests = batch.requests;
            match self.send_report(host, &batch) {
                Ok(call) => {
                    let reply = UnaryReply::new(MAX_REPORT_ANSWER);
                    let flight = Flight { reply, cargo: Cargo::Report(requests) };
                    self.state.borrow_mut().flights.insert((member, call), flight);
                }
                Err(_) => self.settle(host, requests, Fate::Lost),
            }
        }
    }

    fn send_report(&self, host: &dyn ControlHost, batch: &Batch) -> Result<CallId, StartFailure> {
        let sequence = {
            let mut state = self.state.borrow_mut();
            state.sequence += 1;
            state.sequence
        };
        let name = format!("{}-{sequence}", self.mixer.filter_id());
        let mut headers = unary_headers("/istio.mixer.v1.Mixer/Report");
        headers.push(("mixmesh-batch", &name));
        let frame = Frame::write(|out| out.extend_from_slice(&batch.message));
        host.start_call(&OutboundCall {
            cluster: self.mixer.cluster(),
            headers: &headers,
            body: frame.bytes(),
            timeout: Some(REPORT_TIMEOUT),
        })
    }

    pub(super) fn take_flight(&self, config: ConfigId, call: CallId) -> Option<Flight> {
        self.state.borrow_mut().flights.remove(&(config, call))
    }

    /// A report has come to its end; others may start.
    pub(super) fn land(&self, requests: u64, fate: Fate) {
        if let Some(host) = self.host() {
            self.settle(&*host, requests, fate);
        }
        self.mixer.bell.ring();
    }

    pub(super) fn settle(&self, host: &dyn ControlHost, requests: u64, fate: Fate) {
        if requests == 0 {
            return;
        }
        let counter = match fate {
            Fate::Sent => Counter::ReportsSent,
            Fate::Lost => Counter::ReportsLost,
            Fate::Unknown => Counter::ReportsUnknown,
        };
        host.count(counter, requests);
        self.mixer.reports.settle(requests);
        host.set(Gauge::ReportsPending, self.mixer.reports.pending());
    }
}
