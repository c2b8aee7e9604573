use adapter_host::{
    AdapterValue, CallError, ColumnBatch, ColumnTemplate, Handler, InstanceIndex, MetricBatch,
    QuotaRequest, Template, Variety,
};
use mesh_attributes::{OwnedValue, Timestamp, ValueType};

use super::answer::Answer;
use super::call::{Call, Kind};
use super::instance::Instance;

/// A call with all that a handler takes, so that it can be made over and over.
pub(crate) struct Prepared {
    instance: InstanceIndex,
    /// Of a call that is no report.
    values: Vec<OwnedValue>,
    input: Input,
}

enum Input {
    Check,
    Generate,
    Quota(QuotaRequest),
    Metrics(MetricBatch),
    Columns(ColumnBatch),
    Nothing(u32),
}

impl Call {
    /// Puts together what the handler is called with.
    ///
    /// # Errors
    /// When instances of this template are not reported.
    pub(crate) fn prepare(&self, instance: &Instance) -> Result<Prepared, CallError> {
        let declared = || self.values.first().map(|v| v.declared(instance)).unwrap_or_default();
        let (values, input) = match self.kind {
            Kind::Check if instance.decl.template == Template::ListEntry => {
                let value = self.values.first().and_then(|values| values.get("value"));
                (value.cloned().into_iter().collect(), Input::Check)
            }
            Kind::Check => (declared(), Input::Check),
            Kind::Generate => (declared(), Input::Generate),
            Kind::Quota => {
                let request = QuotaRequest {
                    deduplication_id: self.asked.deduplication_id.clone(),
                    amount: self.asked.amount,
                    best_effort: self.asked.best_effort,
                };
                (declared(), Input::Quota(request))
            }
            Kind::Report => (Vec::new(), self.report(instance)?),
        };
        Ok(Prepared { instance: self.instance, values, input })
    }

    fn report(&self, instance: &Instance) -> Result<Input, CallError> {
        Ok(match instance.decl.template {
            Template::Metric => Input::Metrics(self.metrics(instance)),
            Template::LogEntry => self.columns(ColumnTemplate::LogEntry, instance),
            Template::TraceSpan => self.columns(ColumnTemplate::TraceSpan, instance),
            Template::Edge => self.columns(ColumnTemplate::Edge, instance),
            Template::ReportNothing => {
                Input::Nothing(u32::try_from(self.values.len()).unwrap_or(u32::MAX))
            }
            // The suite lets reports through to instances of these templates alone.
            _ => {
                let (variety, index) = (Variety::Report, self.instance.0);
                return Err(CallError::NoSuchInstance { variety, index });
            }
        })
    }

    fn metrics(&self, instance: &Instance) -> MetricBatch {
        let mut batch = MetricBatch::new();
        for (element, values) in (0..).zip(&self.values) {
            let declared = values.declared(instance);
            let dimensions: Vec<_> = declared.iter().map(OwnedValue::borrow).collect();
            let value = values.get("value").map(OwnedValue::borrow);
            let value = value.unwrap_or(AdapterValue::Int64(0));
            batch.push(element, self.instance, &dimensions, value);
        }
        batch
    }

    fn columns(&self, template: ColumnTemplate, instance: &Instance) -> Input {
        let mut batch = ColumnBatch::new(template);
        for (element, values) in (0..).zip(&self.values) {
            let own = template.fields().iter();
            let own = own
                .map(|(name, of)| values.get(name).map_or_else(|| zero(*of), OwnedValue::borrow));
            let declared = values.declared(instance);
            let values: Vec<_> = own.chain(declared.iter().map(OwnedValue::borrow)).collect();
            batch.push(element, self.instance, &values);
        }
        Input::Columns(batch)
    }
}

impl Prepared {
    /// The values for one time; a report has none.
    pub(crate) fn values(&self) -> Vec<OwnedValue> {
        self.values.clone()
    }

    /// Makes the call with values of [`Self::values`].
    ///
    /// # Errors
    /// Those of the handler.
    pub(crate) async fn make(
        &self,
        handler: &Handler,
        values: Vec<OwnedValue>,
    ) -> Result<Answer, CallError> {
        let instance = self.instance;
        Ok(match &self.input {
            Input::Check => Answer::Check(handler.check(instance, values).await?),
            Input::Generate => Answer::Generate(handler.generate(instance, values).await?),
            Input::Quota(request) => {
                Answer::Quota(handler.allocate(instance, values, request.clone()).await?)
            }
            Input::Metrics(batch) => Answer::Report(handler.report_metrics(batch).await?),
            Input::Columns(batch) => Answer::Report(handler.report_columns(batch).await?),
            Input::Nothing(count) => {
                handler.report_nothing(instance, *count).await?;
                Answer::Report(Vec::new())
            }
        })
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
