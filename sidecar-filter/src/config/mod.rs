//! The filter's configuration: JSON read once into plain data, with every mistake named.

mod fields;
mod parse;
mod quotas;
mod scope;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use mesh_attributes::AttributeBag;

use crate::attributes::TokenSource;
use crate::grpc::CallFailure;
use crate::quota::QuotaSpecs;

pub use fields::{ConfigError, Problem};
pub use scope::{ConfigId, FilterConfig, Scope, ScopeRef};

/// The cluster that Mixer is reached through unless the configuration names another.
pub const DEFAULT_MIXER_CLUSTER: &str = "mixer";
/// How long a request waits for Mixer.
pub const DEFAULT_CHECK_TIMEOUT: Duration = Duration::from_millis(500);
/// Answers that each worker keeps; the old proxy kept as many.
pub const DEFAULT_L1_ENTRIES: usize = 10_000;
/// Bytes of answers that each worker keeps.
pub const DEFAULT_L1_BYTES: usize = 16 << 20;
/// How long answers may still be used after the watch died.
pub const DEFAULT_MAX_STALE: Duration = Duration::from_secs(5);
/// Requests in one report; the old proxy's number.
pub const DEFAULT_REPORT_BATCH_ENTRIES: usize = 100;
/// How long a report waits for more requests; the old proxy's number.
pub const DEFAULT_REPORT_BATCH_TIME: Duration = Duration::from_secs(1);

/// How often a connection that lasts is reported; the old proxy's number.
pub const DEFAULT_REPORT_INTERVAL: Duration = Duration::from_secs(10);

/// The configuration of the filter on one listener. `docs/filter.md` has the table of its fields, with their
/// defaults and meaning.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// See the table.
    pub mixer_cluster: String,
    /// See the table.
    pub check_timeout: Duration,
    /// See the table.
    pub fail_policy: FailPolicies,
    /// See the table, `fail_policy`.
    pub retry: RetryPolicy,
    /// See the table.
    pub quotas: Arc<QuotaSpecs>,
    /// See the table, `forwarded_attributes`.
    pub trust: Trust,
    /// See the table, `forward_attributes`.
    pub forward: AttributeBag,
    /// See the table, `jwt`.
    pub token: Option<TokenSource>,
    /// See the table; `context.reporter.kind` is among them.
    pub attributes: AttributeBag,
    /// See the table.
    pub l1_entries: usize,
    /// See the table.
    pub l1_bytes: usize,
    /// See the table.
    pub max_stale: Duration,
    /// See the table.
    pub serve_stale: Duration,
    /// See the table.
    pub report_batch_entries: usize,
    /// See the table.
    pub report_batch_time: Duration,
    /// See the table.
    pub dynamic_metadata: NoteWhen,
    /// See the table.
    pub check: Switch,
    /// See the table.
    pub report: Switch,
    /// How often a connection that lasts is reported: `report_interval` of a network filter's
    /// configuration, which has no `dynamic_metadata`.
    pub report_interval: Duration,
}

/// What one route says differently: `disable_check`, `disable_report`, `fail_policy`, `quota_specs`,
/// `jwt` and more `attributes` and `forward_attributes`, all of them optional.
#[derive(Debug)]
pub struct RouteConfig {
    id: RouteId,
    check: Option<Switch>,
    report: Option<Switch>,
    check_policy: CheckPolicyChange,
    report_policy: Option<FailPolicy>,
    retry: RetryChange,
    /// In place of the listener's.
    quotas: Option<Arc<QuotaSpecs>>,
    /// Besides the listener's.
    forward: AttributeBag,
    /// In place of the listener's.
    token: Option<TokenSource>,
    attributes: AttributeBag,
}

/// Names a route's configuration within the process; never reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RouteId(u64);

/// Whether a part of the filter runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Switch {
    /// It runs.
    On,
    /// It does not.
    Off,
}

/// What happens when Mixer cannot be reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailPolicy {
    /// Requests are refused.
    Closed,
    /// Requests pass.
    Open,
}

/// The fail policies of both calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FailPolicies {
    /// For checks.
    pub check: CheckPolicy,
    /// For reports.
    pub report: FailPolicy,
}

/// What happens when Mixer gives no verdict, by the cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckPolicy {
    /// It cannot be reached.
    pub unreachable: FailPolicy,
    /// It does not answer in time.
    pub timeout: FailPolicy,
}

/// What a route changes of a [`CheckPolicy`].
#[derive(Debug, Clone, Copy, Default)]
struct CheckPolicyChange {
    unreachable: Option<FailPolicy>,
    timeout: Option<FailPolicy>,
}

/// How calls are made again that failed on their way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often at most, for one request.
    pub max: u32,
    /// The shortest pause.
    pub base: Duration,
    /// The longest pause.
    pub cap: Duration,
}

/// What a route changes of a [`RetryPolicy`].
#[derive(Debug, Clone, Copy, Default)]
struct RetryChange {
    max: Option<u32>,
    base: Option<Duration>,
    cap: Option<Duration>,
}

/// Whose forwarded attributes are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trust {
    /// Nobody's.
    Nobody,
    /// Those of peers with a certificate; with a list, only of those whose URI is one of these or begins
    /// so with whole segments.
    MutualTls(Option<Vec<String>>),
    /// Everybody's. Right only where no client can reach the listener.
    Anybody,
}

/// Which requests are noted in dynamic metadata.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NoteWhen {
    /// None.
    Never,
    /// Those that are refused.
    Refused,
    /// All that are checked; costs some 2 µs for each.
    Always,
}

impl CheckPolicy {
    /// The same for all causes.
    pub const fn all(policy: FailPolicy) -> Self {
        Self { unreachable: policy, timeout: policy }
    }

    /// What holds for this failure. What Mixer itself said is never overruled.
    pub fn on(&self, failure: &CallFailure) -> FailPolicy {
        if !failure.transport {
            FailPolicy::Closed
        } else if failure.is_timeout() {
            self.timeout
        } else {
            self.unreachable
        }
    }

    fn changed(self, change: CheckPolicyChange) -> Self {
        Self {
            unreachable: change.unreachable.unwrap_or(self.unreachable),
            timeout: change.timeout.unwrap_or(self.timeout),
        }
    }
}

impl RetryPolicy {
    fn changed(self, change: RetryChange) -> Self {
        let base = change.base.unwrap_or(self.base);
        Self {
            max: change.max.unwrap_or(self.max),
            base,
            cap: change.cap.unwrap_or(self.cap).max(base),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { max: 1, base: Duration::from_millis(10), cap: Duration::from_millis(100) }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            mixer_cluster: DEFAULT_MIXER_CLUSTER.to_owned(),
            check_timeout: DEFAULT_CHECK_TIMEOUT,
            fail_policy: FailPolicies {
                check: CheckPolicy::all(FailPolicy::Closed),
                report: FailPolicy::Open,
            },
            retry: RetryPolicy::default(),
            quotas: Arc::default(),
            trust: Trust::Nobody,
            forward: AttributeBag::new(),
            token: None,
            attributes: AttributeBag::new().with("context.reporter.kind", "inbound"),
            l1_entries: DEFAULT_L1_ENTRIES,
            l1_bytes: DEFAULT_L1_BYTES,
            max_stale: DEFAULT_MAX_STALE,
            serve_stale: Duration::ZERO,
            report_batch_entries: DEFAULT_REPORT_BATCH_ENTRIES,
            report_batch_time: DEFAULT_REPORT_BATCH_TIME,
            dynamic_metadata: NoteWhen::Refused,
            check: Switch::On,
            report: Switch::On,
            report_interval: DEFAULT_REPORT_INTERVAL,
        }
    }
}

impl RouteConfig {
    /// What this route's configuration is called in the process.
    pub fn id(&self) -> RouteId {
        self.id
    }
}

impl RouteId {
    fn unused() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}
