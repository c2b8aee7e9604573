use std::sync::{Arc, Weak};

use adapter_host::HandlerStatus;
use prometheus::core::{Collector, Desc};
use prometheus::proto::MetricFamily;
use prometheus::{IntCounter, IntGauge};

use super::name::{Kind, Name};
use super::outside::{self, LISTS, OUTBOUND};
use super::registrar::{counters, gauges, opts};
use crate::handlers::{HandlerState, HandlerUnit};
use crate::service::Mixer;

/// What each handler has done, read from the handlers in force when it is scraped: nothing is counted
/// twice, and the series of a handler go with it.
#[derive(Debug)]
pub(crate) struct HandlerMetrics {
    mixer: Weak<Mixer>,
    descs: Vec<Desc>,
}

type Read = fn(&HandlerStatus) -> u64;

const STATUS: [(Name, Read); 18] = [
    (Name::AdapterCalls, |status| status.calls),
    (Name::AdapterTraps, |status| status.traps),
    (Name::AdapterDeadlines, |status| status.deadlines),
    (Name::AdapterUnreachable, |status| status.unreachable),
    (Name::AdapterRetries, |status| status.retries),
    (Name::AdapterExhausted, |status| status.exhausted),
    (Name::AdapterRefused, |status| status.refused_by_breaker),
    (Name::AdapterBreakerOpen, |status| u64::from(status.breaker_open)),
    (Name::AdapterErrors, |status| status.errors),
    (Name::AdapterFailedElements, |status| status.failed_elements),
    (Name::AdapterIdle, |status| status.instances_idle as u64),
    (Name::AdapterInUse, |status| status.instances_in_use as u64),
    (Name::AdapterMissing, |status| status.instances_missing as u64),
    (Name::AdapterSeries, |status| status.series),
    (Name::AdapterSeriesOverflowed, |status| status.series_overflowed),
    (Name::AdapterMessagesDropped, |status| status.messages_dropped),
    (Name::AdapterLogRefused, |status| status.log_writes_refused),
    (Name::AdapterLogLost, |status| status.log_writes_lost),
];

const OTHERS: [Name; 6] = [
    Name::DispatchSeconds,
    Name::DispatchesTotal,
    Name::DispatcherVarieties,
    Name::HandlerQueueLength,
    Name::HandlerQueueLimit,
    Name::HandlersLeftOut,
];

#[expect(
    clippy::expect_used,
    reason = "the table's names and labels are valid: a test collects all"
)]
impl HandlerMetrics {
    /// Of the handlers of `mixer`'s policy; nothing once it is gone.
    pub(crate) fn new(mixer: &Arc<Mixer>) -> Self {
        let names = STATUS.iter().map(|(name, _)| *name).chain(OTHERS).chain(OUTBOUND).chain(LISTS);
        let desc = |name: Name| {
            let definition = name.definition();
            let labels = definition.labels.iter().map(|label| (*label).to_owned()).collect();
            let (name, help) = (definition.name.to_owned(), definition.help.to_owned());
            Desc::new(name, help, labels, Default::default()).expect("valid names")
        };
        Self { mixer: Arc::downgrade(mixer), descs: names.map(desc).collect() }
    }

    fn status(units: &[&HandlerUnit], families: &mut Vec<MetricFamily>) {
        let statuses: Vec<(&HandlerUnit, HandlerStatus)> = units
            .iter()
            .filter_map(|unit| match &unit.state {
                HandlerState::Built { built, .. } => Some((*unit, built.engine.status())),
                HandlerState::Missing { .. } => None,
            })
            .collect();
        for (name, read) in STATUS {
            let values = statuses
                .iter()
                .map(|(unit, status)| ([unit.name.as_str(), unit.adapter.as_str()], read(status)));
            families.extend(collect(name, values));
        }
        let named: Vec<_> =
            statuses.iter().map(|(unit, status)| (unit.name.as_str(), status)).collect();
        outside::collect_into(&named, families);
    }

    fn queues(units: &[&HandlerUnit], families: &mut Vec<MetricFamily>) {
        let queues: Vec<_> = units.iter().filter_map(|unit| Some((*unit, unit.queue()?))).collect();
        let lengths =
            queues.iter().map(|(unit, queue)| ([unit.name.as_str()], queue.length as u64));
        families.extend(collect(Name::HandlerQueueLength, lengths));
        let limits = queues.iter().map(|(unit, queue)| ([unit.name.as_str()], queue.limit as u64));
        families.extend(collect(Name::HandlerQueueLimit, limits));
        let varieties = [("check", true), ("report", false)].map(|(variety, checks)| {
            let takes = |unit: &&&HandlerUnit| match &unit.state {
                HandlerState::Built { built, .. } => {
                    built.templates.iter().any(|template| template.is_report != checks)
                }
                HandlerState::Missing { .. } => false,
            };
            ([variety], units.iter().filter(takes).count() as u64)
        });
        families.extend(collect(Name::DispatcherVarieties, varieties.into_iter()));
    }

    fn dispatches(units: &[&HandlerUnit], families: &mut Vec<MetricFamily>) {
        let mut metrics = Vec::new();
        for unit in units {
            for mut family in unit.dispatches.seconds() {
                metrics.extend(family.take_metric());
            }
        }
        metrics.truncate(Name::DispatchSeconds.definition().budget);
        let totals = counters(Name::DispatchesTotal).expect("valid names");
        for metric in &metrics {
            // Prometheus sorts labels by name; ours have their own order.
            let value = |label: &str| {
                let pair = metric.get_label().iter().find(|pair| pair.name() == label);
                pair.map_or("", |pair| pair.value())
            };
            let labels = Name::DispatchesTotal.definition().labels.iter().map(|label| value(label));
            let labels: Vec<&str> = labels.collect();
            totals.with_label_values(&labels).inc_by(metric.get_histogram().get_sample_count());
        }
        families.extend(totals.collect());
        if metrics.is_empty() {
            return;
        }
        let definition = Name::DispatchSeconds.definition();
        let mut family = MetricFamily::default();
        family.set_name(definition.name.to_owned());
        family.set_help(definition.help.to_owned());
        family.set_field_type(prometheus::proto::MetricType::HISTOGRAM);
        family.set_metric(metrics);
        families.push(family);
    }
}

impl Collector for HandlerMetrics {
    fn desc(&self) -> Vec<&Desc> {
        self.descs.iter().collect()
    }

    #[expect(clippy::expect_used, reason = "the table's names are valid: a test collects all")]
    fn collect(&self) -> Vec<MetricFamily> {
        let Some(mixer) = self.mixer.upgrade() else { return Vec::new() };
        let policy = mixer.policy();
        let units: Vec<&HandlerUnit> = policy.handlers().iter().map(|unit| &**unit).collect();
        let budget = Name::AdapterCalls.definition().budget;
        let (units, left_out) = units.split_at(units.len().min(budget));
        let mut families = Vec::new();
        Self::status(units, &mut families);
        Self::queues(units, &mut families);
        Self::dispatches(units, &mut families);
        let gauge = IntGauge::with_opts(opts(Name::HandlersLeftOut)).expect("valid names");
        gauge.set(i64::try_from(left_out.len()).unwrap_or(i64::MAX));
        families.extend(gauge.collect());
        // The text format has no families without series.
        families.retain(|family| !family.get_metric().is_empty());
        families
    }
}

/// A family of values that were read just now.
#[expect(
    clippy::expect_used,
    reason = "the table's names and labels are valid: a test collects all"
)]
pub(super) fn collect<'v, const L: usize>(
    name: Name,
    values: impl Iterator<Item = ([&'v str; L], u64)>,
) -> Vec<MetricFamily> {
    match name.definition().kind {
        Kind::Counter => {
            let family = counters(name).expect("valid names");
            values.for_each(|(labels, value)| {
                let counter: IntCounter = family.with_label_values(&labels);
                counter.inc_by(value);
            });
            family.collect()
        }
        Kind::Gauge | Kind::Histogram => {
            let family = gauges(name).expect("valid names");
            values.for_each(|(labels, value)| {
                let gauge = family.with_label_values(&labels);
                gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
            });
            family.collect()
        }
    }
}
