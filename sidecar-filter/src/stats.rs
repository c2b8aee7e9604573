//! The names of all statistics.

macro_rules! stats {
    ($(#[$doc:meta])* $kind:ident { $($(#[$help:meta])* $variant:ident = $name:literal,)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum $kind {
            $($(#[$help])* $variant,)*
        }

        impl $kind {
            /// All of them; the position of each is its discriminant.
            pub const ALL: &'static [Self] = &[$(Self::$variant),*];

            /// The name in Envoy's statistics, below the module's metrics namespace.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

stats! {
    /// What the filter counts.
    ///
    /// For each request with checks on exactly one of `check_skipped`, `check_l1_hits`,
    /// `check_calls` and `check_abandoned` moves.
    Counter {
        /// Requests whose verdict was found in this worker's cache, waiters included.
        CheckL1Hits = "check_l1_hits",
        /// Requests whose verdict was not found; each has made or tried a call.
        CheckL1Misses = "check_l1_misses",
        /// Requests that asked Mixer, whatever came of it.
        CheckCalls = "check_calls",
        /// Second calls of one request, made because its answer was of an older generation.
        CheckRecalls = "check_recalls",
        /// Calls that were made again because they failed on their way.
        CheckRetries = "check_retries",
        /// Requests let through without a call because no rule could have an opinion.
        CheckSkipped = "check_skipped",
        /// Requests whose client went away while they waited for another's call.
        CheckAbandoned = "check_abandoned",
        /// Requests refused by policy.
        CheckDenied = "check_denied",
        /// Requests for which Mixer gave no verdict.
        CheckFailures = "check_failures",
        /// Requests let through because the fail policy is open and Mixer gave no verdict.
        CheckFailedOpen = "check_failed_open",
        /// Requests let through by an answer that was past its lifetime, while Mixer was away.
        CheckServedStale = "check_served_stale",
        /// Requests that waited for another's call.
        CheckWaited = "check_waited",
        /// Answers that could not be kept.
        CheckUncacheable = "check_uncacheable",
        /// Answers of an older generation that were applied to their own request alone.
        StaleAnswers = "stale_answers",
        /// Headers of forwarded attributes from peers that configuration does not trust.
        ForwardedUntrusted = "forwarded_attributes_untrusted",
        /// Headers of forwarded attributes that could not be read.
        ForwardedMalformed = "forwarded_attributes_malformed",
        /// Payloads of tokens that could not be read, or stood in several headers.
        TokensMalformed = "tokens_malformed",
        /// Header operations of policy that would break a message and were left out.
        HeaderOperationsRefused = "header_operations_refused",
        /// Requests whose quotas were paid from what Mixer had granted before.
        QuotaHits = "quota_hits",
        /// Requests that asked Mixer for quotas.
        QuotaCalls = "quota_calls",
        /// Requests refused because a quota was exhausted.
        QuotaExhausted = "quota_exhausted",
        /// Calls made ahead for quotas that run low.
        QuotaPrefetches = "quota_prefetches",
        /// Events that the watch delivered.
        WatchEvents = "watch_events",
        /// Watches that ended or could not be started.
        WatchFailures = "watch_failures",
        /// Answers dropped from caches to make room.
        L1Evictions = "l1_evictions",
        /// Requests reported: each becomes sent, dropped, lost or unknown, or is still pending.
        Reports = "reports",
        /// Reported requests that Mixer has acknowledged.
        ReportsSent = "reports_sent",
        /// Reported requests that could not be sent.
        ReportsLost = "reports_lost",
        /// Reported requests that were sent and never acknowledged.
        ReportsUnknown = "reports_unknown",
        /// Reported requests dropped because too many were waiting.
        ReportsDropped = "reports_dropped",
        /// Requests refused because reports wait and the report fail policy is closed.
        ReportRefused = "report_refused",
        /// Hooks that panicked: a defect of this filter.
        Panics = "panics",
    }
}

stats! {
    /// What the filter measures.
    Gauge {
        /// 1 while the watch of generations is alive.
        WatchConnected = "watch_connected",
        /// Namespaces with a known generation.
        Namespaces = "namespaces",
        /// Reference shapes known, all workers together.
        Shapes = "shapes",
        /// Answers kept, all workers together.
        L1Entries = "l1_entries",
        /// Bytes kept, all workers together.
        L1Bytes = "l1_bytes",
        /// Sets of dimensions that quotas are kept for.
        QuotaPools = "quota_pools",
        /// Reported requests not yet sent.
        ReportsPending = "reports_pending",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filters_page_has_every_statistic() {
        let page = include_str!("../../docs/filter.md");
        let counters = Counter::ALL.iter().map(|counter| counter.name());
        for name in counters.chain(Gauge::ALL.iter().map(|gauge| gauge.name())) {
            assert!(page.contains(&format!("`{name}`")), "{name} is not in docs/filter.md");
        }
    }
}
