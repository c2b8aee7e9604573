/// A template that `compiledTemplate` of an instance can name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CompiledTemplate {
    /// A check of a key to an API.
    ApiKey,
    /// A check of who does what.
    Authorization,
    /// A check without input.
    CheckNothing,
    /// An edge of the graph of workloads.
    Edge,
    /// A look-up of a value by its key, for header operations.
    KeyVal,
    /// Attributes of the pods at both ends.
    Kubernetes,
    /// A check of one value.
    ListEntry,
    /// An entry of a log.
    LogEntry,
    /// A measured value with dimensions.
    Metric,
    /// An amount asked for, with dimensions.
    Quota,
    /// A report without content.
    ReportNothing,
    /// A span of a trace.
    TraceSpan,
}

impl CompiledTemplate {
    /// All templates, by name.
    pub const ALL: [Self; 12] = [
        Self::ApiKey,
        Self::Authorization,
        Self::CheckNothing,
        Self::Edge,
        Self::KeyVal,
        Self::Kubernetes,
        Self::ListEntry,
        Self::LogEntry,
        Self::Metric,
        Self::Quota,
        Self::ReportNothing,
        Self::TraceSpan,
    ];

    /// The name in configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "apikey",
            Self::Authorization => "authorization",
            Self::CheckNothing => "checknothing",
            Self::Edge => "edge",
            Self::KeyVal => "keyval",
            Self::Kubernetes => "kubernetes",
            Self::ListEntry => "listentry",
            Self::LogEntry => "logentry",
            Self::Metric => "metric",
            Self::Quota => "quota",
            Self::ReportNothing => "reportnothing",
            Self::TraceSpan => "tracespan",
        }
    }

    /// The template with this [name](Self::name).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|template| template.name() == name)
    }

    /// Whether the older spelling has a kind of this name. Istio ran `keyval` in a process of its own,
    /// so there was none.
    pub(crate) const fn is_kind(self) -> bool {
        !matches!(self, Self::KeyVal)
    }
}
