use std::time::Duration;

use crate::check::Verdict;
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
    /// It is past its lifetime, but not by more than allows may be served stale while Mixer is away.
    Stale,
    /// It may not, and never will.
    Spent,
    /// It may not now; it may when the watch is back.
    Suspended,
}

impl Entry {
    /// Judges the entry. `dead_since` says since when the watch is dead, if it is.
    pub fn usability(
        &self,
        policies: &Snapshot,
        dead_since: Option<Moment>,
        limits: &super::Validity,
    ) -> Usability {
        let now = limits.now;
        if let Some((namespace, digest)) = self.policy {
            let current = policies.known(namespace).generation;
            if current.is_none_or(|current| current.digest != digest) {
                return Usability::Spent;
            }
        }
        if self.uses == Some(0) {
            return Usability::Spent;
        }
        if now >= self.expires {
            let kept = now < self.expires.plus(limits.serve_stale)
                && matches!(self.verdict, Verdict::Allow);
            return if kept { Usability::Stale } else { Usability::Spent };
        }
        // While nobody tells of edits, an answer counts for a short time only: since the watch died,
        // or since the answer came if that was later.
        match dead_since {
            Some(died) if now >= self.stored.max(died).plus(limits.max_stale) => {
                Usability::Suspended
            }
            _ => Usability::Usable,
        }
    }
}

/// When an answer's lifetime ends that came at `now`.
pub(super) fn expiry(now: Moment, lifetime: Option<Duration>) -> Moment {
    lifetime.map_or(Moment::NEVER, |lifetime| now.plus(lifetime))
}
