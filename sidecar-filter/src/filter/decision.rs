//! What is done with a request once it is decided, and what operators are told of it.
//!
//! Three places tell: the response code details (what refused it, and why), a custom flag (one word
//! for each way in which this filter changes a request's fate) and dynamic metadata (where the verdict
//! came from). The first two cost nothing for requests that simply pass.

use std::rc::Rc;

use mesh_api::code;

use super::{Filter, Flow, Reply};
use crate::attributes::Refused;
use crate::check::{Denial, HeaderOperations, MixerCache, Verdict};
use crate::config::NoteWhen;
use crate::generations::Generation;
use crate::host::{HeaderBlock, StreamHost};
use crate::stats::Counter;

/// Who decided on a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Decided {
    pub(super) by: DecidedBy,
    /// The policy that did, if the answer told it.
    pub(super) generation: Option<Generation>,
}

/// Where a decision came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DecidedBy {
    /// No rule could have an opinion.
    NoRule,
    /// This worker's cache.
    Level1,
    /// Mixer, now.
    Mixer(Option<MixerCache>),
    /// This worker's cache past its time, since Mixer is away.
    Stale,
    /// The fail policy, since nobody else did.
    FailPolicy,
}

/// The custom flags of requests, for access logs.
pub mod flag {
    /// Policy refused it.
    pub const DENIED: &str = "MXDN";
    /// Mixer gave no verdict, and the fail policy is closed.
    pub const NO_VERDICT: &str = "MXNV";
    /// Mixer gave no verdict, and the fail policy is open: it passed unchecked.
    pub const UNCHECKED: &str = "MXOP";
    /// A quota was exhausted.
    pub const EXHAUSTED: &str = "MXQX";
    /// An answer past its lifetime let it pass, since Mixer is away.
    pub const STALE: &str = "MXST";
}

impl DecidedBy {
    fn name(self) -> &'static str {
        match self {
            Self::NoRule => "no_rule",
            Self::Level1 => "l1",
            Self::Mixer(Some(MixerCache::Level2)) => "l2",
            Self::Mixer(Some(MixerCache::Miss) | None) => "miss",
            Self::Mixer(Some(MixerCache::Stale)) | Self::Stale => "stale",
            Self::FailPolicy => "none",
        }
    }
}

impl Decided {
    /// A decision of which only the source is known.
    pub(super) fn by(by: DecidedBy) -> Self {
        Self { by, generation: None }
    }
}

impl Filter {
    /// Carries out what policy said.
    pub(super) fn apply<H: StreamHost>(
        &self,
        host: &mut H,
        verdict: Verdict,
        decided: Decided,
    ) -> Flow {
        match verdict {
            Verdict::Allow => self.pass(host, decided),
            Verdict::AllowWith(operations) => {
                self.operate(host, operations);
                self.pass(host, decided)
            }
            Verdict::Deny(denial) => {
                host.count(Counter::CheckDenied, 1);
                host.set_flag(flag::DENIED);
                self.refuse(host, denial, decided)
            }
        }
    }

    /// Lets the request go on.
    pub(super) fn pass<H: StreamHost>(&self, host: &mut H, decided: Decided) -> Flow {
        match decided.by {
            DecidedBy::Stale => host.set_flag(flag::STALE),
            DecidedBy::FailPolicy => host.set_flag(flag::UNCHECKED),
            DecidedBy::NoRule | DecidedBy::Level1 | DecidedBy::Mixer(_) => {}
        }
        if self.site.config.settings().dynamic_metadata == NoteWhen::Always {
            self.note(host, code::OK, decided);
        }
        Flow::Continue
    }

    /// Answers the request in the service's place.
    pub(super) fn refuse<H: StreamHost>(
        &self,
        host: &mut H,
        denial: Rc<Denial>,
        decided: Decided,
    ) -> Flow {
        let refused = Refused { code: denial.code, message: Rc::clone(&denial.message) };
        self.state.borrow_mut().check.refusal = Some(refused);
        if self.site.config.settings().dynamic_metadata != NoteWhen::Never {
            self.note(host, denial.code, decided);
            if let Some(rule) = &denial.rule {
                host.set_metadata("rule", rule);
            }
        }
        Flow::Reply(Reply::new(host, denial))
    }

    /// Changes the request's headers now, and notes what is to be done to the response's.
    fn operate<H: StreamHost>(&self, host: &mut H, operations: Rc<HeaderOperations>) {
        for operation in &operations.request {
            operation.apply(host, HeaderBlock::Request);
        }
        if !operations.request.is_empty() {
            host.clear_route_cache();
        }
        if !operations.response.is_empty() {
            self.state.borrow_mut().operations = Some(operations);
        }
    }

    fn note<H: StreamHost>(&self, host: &mut H, code: i32, decided: Decided) {
        host.set_metadata("status", code::name_and_status(code).0);
        host.set_metadata("cache", decided.by.name());
        let generation = match decided.by {
            // Entries of another generation are never used.
            DecidedBy::Level1 => self.scope().and_then(|scope| self.known_generation(&scope)),
            _ => decided.generation,
        };
        if let Some(generation) = generation {
            host.set_metadata("generation", &generation.to_string());
        }
    }

    /// The response's headers are there: does to them what policy said.
    pub fn on_response_headers<H: StreamHost>(&self, host: &mut H) {
        let operations = self.state.borrow().operations.clone();
        for operation in operations.iter().flat_map(|operations| &operations.response) {
            operation.apply(host, HeaderBlock::Response);
        }
    }
}
