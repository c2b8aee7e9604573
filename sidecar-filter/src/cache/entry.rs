use std::time::Duration;

use super::Validity;
use crate::check::{HeaderOperation, Verdict};
use crate::generations::{Digest, NamespaceId, Snapshot};
use crate::host::Moment;

/// A kept answer.
#[derive(Debug, Clone)]
pub struct Entry {
    /// May the request pass?
    pub verdict: Verdict,
    /// The policy that said so; `None` when Mixer does not name its policies.
    pub policy: Option<(NamespaceId, Digest)>,
    /// When the answer came.
    pub stored: Moment,
    /// When its lifetime ends.
    pub expires: Moment,
    /// How often it may still be used; `None` without limit.
    pub uses: Option<u32>,
}

/// Whether an entry may be used now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Usability {
    /// It may.
    Usable,
    /// It is past its time, but as an allow it may still serve while Mixer is away.
    Stale,
    /// It may not, and never will.
    Spent,
    /// It may not now; it may when the watch is back.
    Suspended,
}

impl Entry {
    /// Judges the entry by what is known of its policy and by the time.
    pub fn usability(&self, policies: &Snapshot, limits: &Validity) -> Usability {
        if let Some((namespace, digest)) = self.policy {
            let current = policies.known(namespace).generation;
            if current.is_none_or(|current| current.digest != digest) {
                return Usability::Spent;
            }
        }
        if self.uses == Some(0) {
            return Usability::Spent;
        }
        // While nobody tells of edits, an answer counts for a short time only: since the watch died,
        // or since the answer came if that was later.
        let ends = match limits.dead_since {
            Some(died) => self.expires.min(self.stored.max(died).plus(limits.max_stale)),
            None => self.expires,
        };
        let now = limits.now;
        if now < ends {
            Usability::Usable
        } else if self.verdict.is_allow() && now < ends.plus(limits.serve_stale) {
            Usability::Stale
        } else if now < self.expires {
            Usability::Suspended
        } else {
            Usability::Spent
        }
    }

    /// What the entry costs in bytes besides its key.
    pub fn cost(&self) -> usize {
        match &self.verdict {
            Verdict::Allow => 0,
            Verdict::AllowWith(operations) => operations.cost(),
            // The message stands in the body again.
            Verdict::Deny(denial) => {
                let operations: usize = denial.operations.iter().map(HeaderOperation::cost).sum();
                denial.message.len() + denial.body.len() + operations
            }
        }
    }
}

/// When an answer's lifetime ends that came at `now`.
pub(super) fn expiry(now: Moment, lifetime: Option<Duration>) -> Moment {
    lifetime.map_or(Moment::NEVER, |lifetime| now.plus(lifetime))
}
