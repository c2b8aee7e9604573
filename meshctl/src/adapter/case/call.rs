use std::fmt;

use adapter_host::{
    AdapterValue, CallError, ColumnBatch, ColumnTemplate, FailedElement, Handler, InstanceIndex,
    MetricBatch, QuotaRequest, Template, Variety,
};
use mesh_attributes::{OwnedValue, Timestamp, ValueType};
use mesh_config::Origin;

use super::answer::{Answer, Expected};
use super::instance::{Instance, Values};

/// A call of a case.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    pub(super) origin: Origin,
    pub(super) kind: Kind,
    pub(super) instance: InstanceIndex,
    /// One for each element of a report, else exactly one.
    pub(super) values: Vec<Values>,
    pub(super) asked: Asked,
    pub(super) expected: Expected,
}

/// What kind of call it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Check,
    Report,
    Quota,
    Generate,
}

/// What a quota is asked for.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) amount: i64,
    pub(super) best_effort: bool,
    pub(super) deduplication_id: String,
}

impl Kind {
    pub(super) fn variety(self) -> Variety {
        match self {
            Self::Check => Variety::Check,
            Self::Report => Variety::Report,
            Self::Quota => Variety::Quota,
            Self::Generate => Variety::AttributeGenerator,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Check => "check",
            Self::Report => "report",
            Self::Quota => "quota",
            Self::Generate => "generate",
        })
    }
}

impl Call {
    /// A call that nothing is expected of.
    pub(super) fn probing(kind: Kind, instance: InstanceIndex, values: Vec<Values>) -> Self {
        Self {
            origin: Origin { file: "made up".into(), line: 0 },
            kind,
            instance,
            values,
            asked: Asked { amount: 1, best_effort: false, deduplication_id: String::new() },
            expected: Expected::Fields(serde_json::Map::new()),
        }
    }

    /// What it is, in words.
    pub(crate) fn told(&self) -> String {
        let count = self.values.len();
        format!("{} {} of {count} elements", self.origin, self.kind)
    }

    /// The call with `count` elements, its own ones over and over.
    pub(crate) fn in_batches_of(&self, count: usize) -> Self {
        let values = self.values.iter().cycle().take(count).cloned().collect();
        Self { values, ..self.clone() }
    }

    /// Whether it is a report.
    pub(crate) fn is_report(&self) -> bool {
        self.kind == Kind::Report
    }

    /// `check`, `report`, `quota` or `generate`.
    pub(crate) fn kind_name(&self) -> String {
        self.kind.to_string()
    }

    /// Whether its answer may depend on the configuration and the values alone.
    pub(crate) fn is_repeatable(&self) -> bool {
        matches!(self.kind, Kind::Check | Kind::Generate)
    }

    /// An element that an answer names and the report does not have.
    pub(crate) fn stray_element(&self, answer: &Result<Answer, CallError>) -> Option<u32> {
        let Ok(Answer::Report(failed)) = answer else { return None };
        failed.iter().map(|failed| failed.element).find(|at| *at as usize >= self.values.len())
    }

    /// Makes the call.
    ///
    /// # Errors
    /// Those of the handler.
    pub(crate) async fn make(
        &self,
        handler: &Handler,
        instance: &Instance,
    ) -> Result<Answer, CallError> {
        let declared = || self.values.first().map(|v| v.declared(instance)).unwrap_or_default();
        match self.kind {
            Kind::Check => {
                let values = match instance.decl.template {
                    Template::ListEntry => {
                        let value = self.values.first().and_then(|values| values.get("value"));
                        value.cloned().into_iter().collect()
                    }
                    _ => declared(),
                };
                handler.check(self.instance, values).await.map(Answer::Check)
            }
            Kind::Quota => {
                let request = QuotaRequest {
                    deduplication_id: self.asked.deduplication_id.clone(),
                    amount: self.asked.amount,
                    best_effort: self.asked.best_effort,
                };
                let grant = handler.allocate(self.instance, declared(), request).await?;
                Ok(Answer::Quota(grant))
            }
            Kind::Generate => {
                handler.generate(self.instance, declared()).await.map(Answer::Generate)
            }
            Kind::Report => self.report(handler, instance).await.map(Answer::Report),
        }
    }

    async fn report(
        &self,
        handler: &Handler,
        instance: &Instance,
    ) -> Result<Vec<FailedElement>, CallError> {
        let elements = (0..).zip(&self.values);
        match instance.decl.template {
            Template::Metric => {
                let mut batch = MetricBatch::new();
                for (element, values) in elements {
                    let declared = values.declared(instance);
                    let dimensions: Vec<_> = declared.iter().map(OwnedValue::borrow).collect();
                    let value = values.get("value").map(OwnedValue::borrow);
                    let value = value.unwrap_or(AdapterValue::Int64(0));
                    batch.push(element, self.instance, &dimensions, value);
                }
                handler.report_metrics(&batch).await
            }
            Template::LogEntry => {
                self.report_columns(ColumnTemplate::LogEntry, handler, instance).await
            }
            Template::TraceSpan => {
                self.report_columns(ColumnTemplate::TraceSpan, handler, instance).await
            }
            Template::Edge => self.report_columns(ColumnTemplate::Edge, handler, instance).await,
            Template::ReportNothing => {
                let count = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
                handler.report_nothing(self.instance, count).await.map(|()| Vec::new())
            }
            // The suite lets reports through to instances of these templates alone.
            _ => {
                Err(CallError::NoSuchInstance { variety: Variety::Report, index: self.instance.0 })
            }
        }
    }

    async fn report_columns(
        &self,
        template: ColumnTemplate,
        handler: &Handler,
        instance: &Instance,
    ) -> Result<Vec<FailedElement>, CallError> {
        let mut batch = ColumnBatch::new(template);
        for (element, values) in (0..).zip(&self.values) {
            let own = template.fields().iter();
            let own = own
                .map(|(name, of)| values.get(name).map_or_else(|| zero(*of), OwnedValue::borrow));
            let declared = values.declared(instance);
            let values: Vec<_> = own.chain(declared.iter().map(OwnedValue::borrow)).collect();
            batch.push(element, self.instance, &values);
        }
        handler.report_columns(&batch).await
    }
}

/// What a field is that a case leaves out; the templates' own fields are of these types.
fn zero(of: ValueType) -> AdapterValue<'static> {
    match of {
        ValueType::Int64 => AdapterValue::Int64(0),
        ValueType::Bool => AdapterValue::Bool(false),
        ValueType::Timestamp => AdapterValue::Timestamp(Timestamp::default()),
        ValueType::IpAddress => AdapterValue::Bytes(&[]),
        _ => AdapterValue::String(""),
    }
}
