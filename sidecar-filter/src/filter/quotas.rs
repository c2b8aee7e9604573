//! What a request is charged once its precondition lets it pass.

use std::rc::Rc;
use std::sync::Arc;

use mesh_api::code;

use super::call::Call;
use super::decision::{Decided, flag};
use super::{Filter, Flow};
use crate::attributes::RequestBag;
use crate::check::{Answer, Denial, Question, Verdict};
use crate::config::Scope;
use crate::host::{Moment, StreamHost};
use crate::quota::{Ask, Charge, Charges, PoolPolicy, Prefetch, Taken, Ticket};
use crate::stats::Counter;

/// Details of a request that was refused because a quota was exhausted; the quotas follow.
const EXHAUSTED: &str = "mixmesh_quota_exhausted";

impl Filter {
    /// What the request is charged.
    pub(super) fn charges<H: StreamHost>(&self, host: &H, scope: &Scope) -> Charges {
        if scope.quotas.is_empty() {
            return Charges::new();
        }
        scope.quotas.charges(&RequestBag::new(host, &scope.statics, self.began().1))
    }

    /// Charges a request that a kept verdict lets pass.
    pub(super) fn charge<H: StreamHost>(
        &self,
        host: &mut H,
        scope: &Scope,
        verdict: Verdict,
        decided: Decided,
    ) -> Flow {
        let charges = self.charges(host, scope);
        if charges.is_empty() {
            return self.apply(host, verdict, decided);
        }
        let now = host.now();
        let mixer = self.site.worker.mixer();
        let taken = {
            let bag = RequestBag::new(host, &scope.statics, self.began().1);
            let policies = mixer.generations.snapshot().load();
            mixer.quotas.take(&charges, &bag, &policies, now)
        };
        match taken {
            Taken::Paid(tickets) => {
                host.count(Counter::QuotaHits, 1);
                self.state.borrow_mut().check.quota_hit = Some(true);
                for ticket in tickets {
                    self.ask_ahead(host, scope, ticket, now);
                }
                self.apply(host, verdict, decided)
            }
            Taken::Short(asks) => self.call(host, scope, None, asks.into_vec()),
            Taken::Exhausted(quotas) => {
                self.state.borrow_mut().check.quota_hit = Some(true);
                self.refuse_exhausted(host, &quotas, decided)
            }
        }
    }

    /// Takes in what was granted of the quotas that `call` asked for; `Err` with those that were not
    /// enough.
    pub(super) fn settle_quotas<H: StreamHost>(
        &self,
        host: &H,
        scope: &Scope,
        call: &Call,
        answer: &Answer,
        policy: Option<PoolPolicy>,
    ) -> Result<(), Vec<Arc<str>>> {
        if call.asks.is_empty() {
            return Ok(());
        }
        let bag = RequestBag::new(host, &scope.statics, self.began().1);
        let quotas = &self.site.worker.mixer().quotas;
        let mut exhausted = Vec::new();
        for ask in &call.asks {
            let name = &ask.charge.quota;
            // Mixer answers all names; what a foreign one does not know is no limit.
            let grant = answer.grants.iter().find(|grant| *grant.quota == **name);
            let is_paid = match (grant, policy) {
                (None, _) => true,
                (Some(grant), None) => grant.amount >= ask.charge.amount,
                (Some(grant), Some(policy)) => {
                    quotas.settle(ask, grant, &bag, policy, call.sent, host.now())
                }
            };
            if !is_paid {
                exhausted.push(Arc::clone(name));
            }
        }
        if exhausted.is_empty() { Ok(()) } else { Err(exhausted) }
    }

    pub(super) fn refuse_exhausted<H: StreamHost>(
        &self,
        host: &mut H,
        quotas: &[Arc<str>],
        decided: Decided,
    ) -> Flow {
        host.count(Counter::QuotaExhausted, 1);
        host.set_flag(flag::EXHAUSTED);
        let quotas = quotas.join(",");
        let message = format!("Quota is exhausted for: {quotas}");
        let denial = Denial::new(code::RESOURCE_EXHAUSTED, &message);
        let details = format!("{EXHAUSTED}{{{}}}", super::call::detail(&quotas));
        self.refuse(host, Rc::new(Denial { details, ..denial }), decided)
    }

    fn ask_ahead<H: StreamHost>(&self, host: &H, scope: &Scope, ticket: Ticket, now: Moment) {
        let mixer = self.site.worker.mixer();
        let charge = Charge { quota: Arc::clone(&ticket.quota), amount: 0 };
        let ask = Ask { charge, amount: ticket.amount };
        let known = self.known_generation(scope);
        let bag = RequestBag::new(host, &scope.statics, self.began().1);
        let name = mixer.question();
        let question = Question::new(&bag, bag.headers(), &name, known, host.span(), &[ask]);
        if mixer.quotas.queue(Prefetch { ticket, question }, now) {
            mixer.bell.ring();
        }
    }
}
