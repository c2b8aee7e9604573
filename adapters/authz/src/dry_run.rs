use std::collections::HashMap;

use adapter_sdk::host::log::{self, Level};
use adapter_sdk::host::metrics::{self, Definition, Kind, Sample};
use adapter_sdk::{Action, InstanceIndex, Instances, Subject};

use crate::policy::Decision;

const METRIC: &str = "authz_dry_run_total";

/// Tells decisions that were not carried out: in the log, and in a counter by instance and decision.
/// Counted are decisions, not requests: those that a cached answer serves do not come here.
#[derive(Debug)]
pub(crate) struct DryRun {
    metric: u32,
    instances: Instances,
    /// By instance and whether the request would have been allowed.
    series: HashMap<(usize, bool), u32>,
}

impl DryRun {
    /// # Errors
    /// When another handler has defined the metric differently.
    pub(crate) fn define(instances: Instances) -> Result<Self, String> {
        let metric = metrics::define(&Definition {
            name: METRIC.to_owned(),
            help: "Decisions of authz that its dry run did not carry out.".to_owned(),
            kind: Kind::Counter,
            buckets: Vec::new(),
            labels: vec!["instance".to_owned(), "decision".to_owned()],
            expiry: None,
        })?;
        Ok(Self { metric, instances, series: HashMap::new() })
    }

    pub(crate) fn tell(
        &mut self,
        instance: InstanceIndex,
        decision: Decision<'_>,
        subject: &Subject,
        action: &Action,
    ) {
        let name = &self.instances[instance].name;
        let (word, why) = match decision {
            Decision::Allowed(by) => ("allow", format!("allowed by binding {by}")),
            Decision::Denied(by) => ("deny", format!("denied by binding {by}")),
            Decision::Unmentioned => ("deny", "denied, since no binding allows it".to_owned()),
        };
        let metric = self.metric;
        let series =
            *self.series.entry((instance.get(), decision.is_allowed())).or_insert_with(|| {
                let labels = vec![name.clone(), word.to_owned()];
                // One id for one list of labels.
                metrics::intern(metric, &[labels]).first().copied().unwrap_or_default()
            });
        metrics::update(&[Sample { series, value: 1.0 }]);
        let Action { method, path, service, .. } = action;
        let user = &subject.user;
        log::log(
            Level::Info,
            &format!(
                "dry run of {name}: {method:?} {path:?} at {service:?} for user {user:?} would be {why}"
            ),
        );
    }
}
