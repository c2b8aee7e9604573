use std::num::NonZeroU32;
use std::thread;
use std::time::Duration;

use mesh_attributes::ValueType;

use crate::{Component, Template};

/// An instance by its place in [`HandlerSpec::instances`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InstanceIndex(pub u32);

/// An instance that rules send to a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDecl {
    /// `name.instance.namespace`.
    pub name: String,
    /// What it is made for.
    pub template: Template,
    /// A metric's dimensions, a log entry's variables or a span's tags, sorted by name; values come in this
    /// order.
    pub fields: Vec<(String, ValueType)>,
    /// The type of the field `value` of a metric or list entry.
    pub value_type: Option<ValueType>,
}

/// What a handler is built from.
#[derive(Debug, Clone)]
pub struct HandlerSpec {
    /// `name.namespace`.
    pub name: String,
    /// The parameters as they stand in the configuration; a JSON object.
    pub params: serde_json::Value,
    /// The instances it may be called with.
    pub instances: Vec<InstanceDecl>,
    /// What it may use.
    pub limits: Limits,
}

/// What one handler may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Limits {
    /// The longest a check may run, and, before that, wait for an instance of the component.
    pub check_deadline: Duration,
    /// The longest a call with a report batch may run, and wait before that.
    pub report_deadline: Duration,
    /// The longest that making and configuring an instance of the component may take.
    pub setup_deadline: Duration,
    /// Linear memory of one instance of the component, in bytes; the pool's own limit
    /// ([`crate::HostOptions::max_memory`]) holds besides.
    pub memory: usize,
    /// Elements of all tables of one instance of the component.
    pub table_elements: usize,
    /// Instances of the component alive at once, which is calls running at once.
    pub instances: NonZeroU32,
    /// Series it may hold in the host; what comes on top goes to one overflow series for each metric.
    pub series: u32,
    /// Bytes of text that the labels of these series may take.
    pub series_bytes: u64,
    /// Bytes that each of its targets may have queued.
    pub outbound_queue: usize,
    /// The longest that a target may take to read something, to acknowledge a message, or to answer a
    /// request.
    pub outbound_deadline: Duration,
    /// Diagnostic messages a second, over some seconds; the rest is dropped and counted.
    pub log_rate: NonZeroU32,
}

impl Limits {
    /// DESIGN.md section 5.
    const CHECK_DEADLINE: Duration = Duration::from_millis(50);
    const REPORT_DEADLINE: Duration = Duration::from_millis(500);
    /// An interpreter (Python) takes 3 ms; a second leaves room for a loaded machine.
    const SETUP_DEADLINE: Duration = Duration::from_secs(1);
    const MEMORY: usize = 64 << 20;
    /// A Rust component has some hundred, an interpreter some ten thousand.
    const TABLE_ELEMENTS: usize = 50_000;
    const SERIES: u32 = 100_000;
    /// 100,000 series of Istio's own metrics, with some 25 labels, need half of it.
    const SERIES_BYTES: u64 = 128 << 20;
    const OUTBOUND_QUEUE: usize = 16 << 20;
    const OUTBOUND_DEADLINE: Duration = Duration::from_secs(30);
    const LOG_RATE: NonZeroU32 = NonZeroU32::new(10).expect("10 is not 0");
    /// A request that waits longer has lost its caller; Envoy gives up after 15 s by itself.
    const MOST_CHECK_DEADLINE: Duration = Duration::from_secs(10);
    const MOST_REPORT_DEADLINE: Duration = Duration::from_secs(60);
    const MOST_SETUP_DEADLINE: Duration = Duration::from_secs(60);
    const MOST_SERIES: u32 = 2_000_000;
    const MOST_SERIES_BYTES: u64 = 2 << 30;
    const MOST_OUTBOUND_QUEUE: usize = 1 << 30;
    const MOST_OUTBOUND_DEADLINE: Duration = Duration::from_secs(600);
    const MOST_LOG_RATE: NonZeroU32 = NonZeroU32::new(10_000).expect("10,000 is not 0");
    /// An interpreter's heap is 6 to 8 MiB, and a call of it a tenth of a millisecond: two do what one core
    /// can, and one answers while the other is replaced.
    const LARGE_INSTANCES: NonZeroU32 = NonZeroU32::new(2).expect("2 is not 0");
    const LEAST_INSTANCES: NonZeroU32 = NonZeroU32::new(4).expect("4 is not 0");
}

impl Limits {
    /// The most that a handler may be given by a host that has room for so many instances of so much
    /// memory and so large tables.
    pub(crate) fn most(instances: NonZeroU32, memory: usize, table_elements: usize) -> Self {
        Self {
            check_deadline: Self::MOST_CHECK_DEADLINE,
            report_deadline: Self::MOST_REPORT_DEADLINE,
            setup_deadline: Self::MOST_SETUP_DEADLINE,
            memory,
            table_elements,
            instances,
            series: Self::MOST_SERIES,
            series_bytes: Self::MOST_SERIES_BYTES,
            outbound_queue: Self::MOST_OUTBOUND_QUEUE,
            outbound_deadline: Self::MOST_OUTBOUND_DEADLINE,
            log_rate: Self::MOST_LOG_RATE,
        }
    }

    /// The defaults for handlers of a component: those of [`Limits::default`], but two instances when it is
    /// [large](Component::is_large).
    pub fn default_for(component: &Component) -> Self {
        let limits = Self::default();
        if component.is_large() {
            return Self { instances: Self::LARGE_INSTANCES, ..limits };
        }
        limits
    }
}

impl Default for Limits {
    /// 50 ms for a check, 500 ms for a batch, 64 MiB, two instances for each processor (four at least),
    /// 100,000 series.
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        let instances = u32::try_from(processors * 2).ok().and_then(NonZeroU32::new);
        Self {
            check_deadline: Self::CHECK_DEADLINE,
            report_deadline: Self::REPORT_DEADLINE,
            setup_deadline: Self::SETUP_DEADLINE,
            memory: Self::MEMORY,
            table_elements: Self::TABLE_ELEMENTS,
            instances: instances.unwrap_or(Self::LEAST_INSTANCES).max(Self::LEAST_INSTANCES),
            series: Self::SERIES,
            series_bytes: Self::SERIES_BYTES,
            outbound_queue: Self::OUTBOUND_QUEUE,
            outbound_deadline: Self::OUTBOUND_DEADLINE,
            log_rate: Self::LOG_RATE,
        }
    }
}
