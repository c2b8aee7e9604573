/// Something of which a handler may use so much and no more. Ours: Istio's handlers have no limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum LimitKind {
    /// The longest a check may run.
    CheckDeadline,
    /// Instances of the component at once.
    Instances,
    /// Diagnostic messages a second.
    LogRate,
    /// Linear memory of one instance of the component.
    Memory,
    /// The longest that a target may take to read, acknowledge or answer something.
    OutboundDeadline,
    /// What each target may have queued.
    OutboundQueue,
    /// The longest a call with a report batch may run.
    ReportDeadline,
    /// Series of metrics.
    Series,
    /// Text in the labels of these series.
    SeriesBytes,
    /// The longest that making and configuring an instance of the component may take.
    SetupDeadline,
    /// Elements of the tables of one instance of the component.
    TableElements,
}

/// In what a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LimitUnit {
    /// Nanoseconds, written as `50ms`.
    Time,
    /// Bytes, written as `64Mi` or as a number.
    Bytes,
    /// Things.
    Count,
}

/// A limit that a handler sets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// Of what.
    pub kind: LimitKind,
    /// In the kind's unit, more than 0.
    pub value: u64,
    /// Where it stands.
    pub line: u32,
}

impl LimitKind {
    /// All kinds, by name.
    pub const ALL: [Self; 11] = [
        Self::CheckDeadline,
        Self::Instances,
        Self::LogRate,
        Self::Memory,
        Self::OutboundDeadline,
        Self::OutboundQueue,
        Self::ReportDeadline,
        Self::Series,
        Self::SeriesBytes,
        Self::SetupDeadline,
        Self::TableElements,
    ];

    /// The name in `spec.limits`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::CheckDeadline => "checkDeadline",
            Self::Instances => "instances",
            Self::LogRate => "logRate",
            Self::Memory => "memory",
            Self::OutboundDeadline => "outboundDeadline",
            Self::OutboundQueue => "outboundQueue",
            Self::ReportDeadline => "reportDeadline",
            Self::Series => "series",
            Self::SeriesBytes => "seriesBytes",
            Self::SetupDeadline => "setupDeadline",
            Self::TableElements => "tableElements",
        }
    }

    /// In what it counts.
    pub const fn unit(self) -> LimitUnit {
        match self {
            Self::CheckDeadline
            | Self::OutboundDeadline
            | Self::ReportDeadline
            | Self::SetupDeadline => LimitUnit::Time,
            Self::Memory | Self::OutboundQueue | Self::SeriesBytes => LimitUnit::Bytes,
            Self::Instances | Self::LogRate | Self::Series | Self::TableElements => {
                LimitUnit::Count
            }
        }
    }
}
