//! Makes the calls ahead that quotas ask for.

use super::Control;
use super::sending::{Cargo, Flight, MAX_FLIGHTS};
use crate::check::{Answer, MAX_ANSWER_BYTES};
use crate::grpc::UnaryReply;
use crate::host::{ControlHost, Moment};
use crate::quota::{Prefetch, Ticket};
use crate::stats::{Counter, Gauge};

impl Control {
    /// Starts what is queued, as far as may be.
    pub(super) fn prefetch_quotas(&self, host: &dyn ControlHost, now: Moment) {
        loop {
            let (config, timeout) = {
                let state = self.state.borrow();
                let Some(member) = state.members.last() else { return };
                if state.flights.len() >= MAX_FLIGHTS {
                    return;
                }
                (member.config.id(), member.config.settings().check_timeout)
            };
            let quotas = &self.mixer.quotas;
            let Some(Prefetch { ticket, question }) = quotas.next() else { break };
            let cluster = self.mixer.cluster();
            match question.send(cluster, timeout, |outbound| host.start_call(outbound)) {
                Ok(call) => {
                    host.count(Counter::QuotaPrefetches, 1);
                    let reply = UnaryReply::new(MAX_ANSWER_BYTES);
                    let flight = Flight { reply, cargo: Cargo::Prefetch(ticket, now) };
                    self.state.borrow_mut().flights.insert((config, call), flight);
                }
                Err(_) => quotas.settle_ahead(&ticket, None, now, now),
            }
        }
        host.set(Gauge::QuotaPools, self.mixer.quotas.len() as u64);
    }

    /// A call ahead is over; `reply` is what came back, if it ended by itself.
    pub(super) fn settle_prefetch(
        &self,
        ticket: &Ticket,
        asked: Moment,
        reply: Option<&mut UnaryReply>,
        now: Moment,
    ) {
        let answer = reply
            .and_then(|reply| reply.finish().ok())
            .and_then(|message| Answer::decode(message).ok());
        let grant = answer
            .as_ref()
            .and_then(|answer| answer.grants.iter().find(|grant| *grant.quota == *ticket.quota));
        self.mixer.quotas.settle_ahead(ticket, grant, asked, now);
    }
}
