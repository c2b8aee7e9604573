use adapter_host::{HandlerStatus, TargetStatus};
use prometheus::proto::MetricFamily;

use super::handlers::collect;
use super::name::Name;

/// Of targets that handlers send to.
pub(super) const OUTBOUND: [Name; 11] = [
    Name::OutboundSentElements,
    Name::OutboundSentMessages,
    Name::OutboundSentBytes,
    Name::OutboundLostElements,
    Name::OutboundRetries,
    Name::OutboundFailures,
    Name::OutboundQueueBytes,
    Name::OutboundQueueLimit,
    Name::OutboundQueueMessages,
    Name::OutboundQueueElements,
    Name::OutboundAway,
];

/// Of documents that handlers read.
pub(super) const LISTS: [Name; 4] =
    [Name::ListFetches, Name::ListAge, Name::ListBytes, Name::ListAvailable];

type OfTarget = fn(&TargetStatus) -> u64;

const TARGETS: [(Name, OfTarget); 10] = [
    (Name::OutboundSentElements, |target| target.sent_elements),
    (Name::OutboundSentMessages, |target| target.sent_messages),
    (Name::OutboundSentBytes, |target| target.sent_bytes),
    (Name::OutboundRetries, |target| target.retries),
    (Name::OutboundFailures, |target| target.connection_failures),
    (Name::OutboundQueueBytes, |target| target.queued_bytes),
    (Name::OutboundQueueLimit, |target| target.queue_limit_bytes),
    (Name::OutboundQueueMessages, |target| target.queued_messages),
    (Name::OutboundQueueElements, |target| target.queued_elements),
    (Name::OutboundAway, |target| u64::from(target.is_away)),
];

/// Adds what handlers send to and read of the world outside. A target or list that a handler names twice
/// has one series: counts add up, and a gauge is that of the last.
pub(super) fn collect_into(handlers: &[(&str, &HandlerStatus)], families: &mut Vec<MetricFamily>) {
    let targets = |name: Name| pairs(handlers, name, |status| &status.outbound);
    for (name, read) in TARGETS {
        let values = targets(name)
            .map(|(handler, target)| ([handler, target.target.as_str()], read(target)));
        families.extend(collect(name, values));
    }
    let lost = targets(Name::OutboundLostElements).flat_map(|(handler, target)| {
        let reasons = target.lost_elements.by_reason().into_iter();
        reasons.map(move |(reason, lost)| ([handler, target.target.as_str(), reason], lost))
    });
    families.extend(collect(Name::OutboundLostElements, lost));
    let lists = |name: Name| pairs(handlers, name, |status| &status.lists);
    let fetches = lists(Name::ListFetches).flat_map(|(handler, list)| {
        let outcomes = list.fetches.by_outcome().into_iter();
        outcomes.map(move |(outcome, count)| ([handler, list.list.as_str(), outcome], count))
    });
    families.extend(collect(Name::ListFetches, fetches));
    let ages = lists(Name::ListAge)
        .filter_map(|(handler, list)| Some(([handler, list.list.as_str()], list.age_ms? / 1000)));
    families.extend(collect(Name::ListAge, ages));
    let bytes =
        lists(Name::ListBytes).map(|(handler, list)| ([handler, list.list.as_str()], list.bytes));
    families.extend(collect(Name::ListBytes, bytes));
    let available = lists(Name::ListAvailable)
        .map(|(handler, list)| ([handler, list.list.as_str()], u64::from(list.version.is_some())));
    families.extend(collect(Name::ListAvailable, available));
}

/// Each handler's targets or lists, within the metric's budget: a handler may have eight of each, with up
/// to five series.
fn pairs<'s, T>(
    handlers: &'s [(&'s str, &'s HandlerStatus)],
    name: Name,
    of: fn(&'s HandlerStatus) -> &'s Vec<T>,
) -> impl Iterator<Item = (&'s str, &'s T)> {
    let definition = name.definition();
    let series = match definition.labels.len() {
        3 => 5,
        _ => 1,
    };
    let all = handlers
        .iter()
        .flat_map(move |(handler, status)| of(status).iter().map(move |one| (*handler, one)));
    all.take(definition.budget / series)
}
