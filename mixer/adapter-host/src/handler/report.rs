use super::Handler;
use crate::{CallError, FailedElement, LogBatch, MetricBatch};

impl Handler {
    /// placeholder
    pub async fn report_metrics(
        &self,
        batch: &MetricBatch,
    ) -> Result<Vec<FailedElement>, CallError> {
        let _ = batch;
        Ok(Vec::new())
    }

    /// placeholder
    pub async fn report_log_entries(
        &self,
        batch: &LogBatch,
    ) -> Result<Vec<FailedElement>, CallError> {
        let _ = batch;
        Ok(Vec::new())
    }
}
