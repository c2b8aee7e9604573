use std::fmt;

use adapter_host::{CallError, Handler, InstanceIndex, Variety};
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
        let prepared = self.prepare(instance)?;
        prepared.make(handler, prepared.values()).await
    }

    /// Whether the adapter is to take all of it, so that it is worth measuring.
    pub(super) fn is_to_work(&self) -> bool {
        match &self.expected {
            Expected::Fields(_) => true,
            Expected::Error { .. } => false,
            Expected::Failed(failed) => failed.is_empty(),
        }
    }

    /// Where an outcome differs from what is expected of the call.
    pub(crate) fn differences(&self, outcome: &Result<Answer, CallError>) -> Vec<String> {
        let differences = self.expected.differences(outcome);
        let told = differences
            .iter()
            .map(|d| format!("{}: {} is expected and {} came", d.what, d.expected, d.actual));
        told.collect()
    }
}
