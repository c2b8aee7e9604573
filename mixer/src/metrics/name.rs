//! Every metric of Mixer's own: one table of names, labels and texts.
//!
//! Names that dashboards of Istio's Mixer know are kept, even where we would choose others. The number
//! after the labels is the budget of series: what would come on top is counted under the label value
//! `_other`, or left out where the metric says so.

/// How a metric behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// What is known of a metric beforehand.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Definition {
    pub(crate) kind: Kind,
    pub(crate) name: &'static str,
    pub(crate) labels: &'static [&'static str],
    /// The most series it may have.
    pub(crate) budget: usize,
    pub(crate) help: &'static str,
}

macro_rules! table {
    ($($id:ident $kind:ident $name:literal $labels:tt $budget:literal $help:literal)*) => {
        /// A metric.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(crate) enum Name { $($id),* }

        impl Name {
            /// All of them.
            #[cfg(test)]
            pub(crate) const ALL: &'static [Self] = &[$(Self::$id),*];

            /// What is known of it.
            pub(crate) const fn definition(self) -> Definition {
                match self {
                    $(Self::$id => Definition {
                        kind: Kind::$kind,
                        name: $name,
                        labels: &$labels,
                        budget: $budget,
                        help: $help,
                    },)*
                }
            }
        }
    };
}

table! {
    BuildInfo Gauge "mixer_build_info" ["version"] 1 "1, with the version as label."

    CheckRequests Counter "mixer_check_requests_total" [] 1 "Check requests received."
    CheckDenials Counter "mixer_check_denials_total" [] 1 "Check answers whose precondition is not OK, cached ones included."
    CheckFailures Counter "mixer_check_failures_total" ["reason"] 20 "Calls of check handlers that gave no answer, by reason."
    CheckStaleAnswers Counter "mixer_check_stale_answers_total" [] 1 "Check answers of an older generation than the caller knows."
    CheckSeconds Histogram "mixer_check_duration_seconds" [] 1 "Time from a decoded Check request to its encoded answer."
    QuotaRequests Counter "mixer_quota_requests_total" [] 1 "Quotas asked for."
    QuotaDenials Counter "mixer_quota_denials_total" [] 1 "Quotas of which nothing was granted, failures not counted."
    QuotaUnlimited Counter "mixer_quota_unlimited_total" [] 1 "Quotas granted in full because no rule limits them for the request."
    QuotaFailures Counter "mixer_quota_failures_total" ["reason"] 20 "Calls of quota handlers that gave no answer, by reason."
    GenerateFailures Counter "mixer_generate_failures_total" ["reason"] 20 "Calls of attribute generators that gave no attributes, by reason."
    CacheHits Counter "mixer_checkcache_cache_hits_total" [] 1 "Check requests answered from the cache."
    CacheMisses Counter "mixer_checkcache_cache_misses_total" [] 1 "Check requests that were dispatched because no cached answer fitted."
    CacheWrites Counter "mixer_checkcache_cache_writes_total" [] 1 "Answers put into the check cache, in place of older ones included."
    CacheEvictions Counter "mixer_checkcache_cache_evictions_total" ["cause"] 2 "Answers that left the check cache, expired or for want of room."
    CacheEntries Gauge "mixer_checkcache_entries" [] 1 "Answers in the check cache."
    CacheBytes Gauge "mixer_checkcache_bytes" [] 1 "Weight of the answers in the check cache, keys included."
    CacheLimit Gauge "mixer_checkcache_limit_bytes" [] 1 "Bound of the weight of the check cache."
    CacheRefused Counter "mixer_checkcache_refused_total" [] 1 "Answers not cached: not valid for any time or use, with references no key can hold, or of one shape too many."
    CacheStale Counter "mixer_checkcache_stale_total" [] 1 "Check requests answered by a cached answer past its lifetime, because a handler is away."
    CacheShapes Gauge "mixer_checkcache_shapes" [] 1 "Sets of attributes that cached answers depend on, of all namespaces together."
    CacheShapesRefused Counter "mixer_checkcache_shapes_refused_total" [] 1 "Answers not cached because their namespace has all the shapes it may have."
    CacheShapesReplaced Counter "mixer_checkcache_shapes_replaced_total" [] 1 "Shapes that gave way to another; answers of them are not found any more."
    CacheWaiting Gauge "mixer_checkcache_waiting" [] 1 "Check requests that wait for the dispatch of another."
    CacheWaits Counter "mixer_checkcache_waits_total" [] 1 "Check requests that waited for the dispatch of another."
    CacheWaitsInVain Counter "mixer_checkcache_waits_in_vain_total" [] 1 "Check requests that waited and were dispatched all the same."
    CacheWaitsRefused Counter "mixer_checkcache_waits_refused_total" [] 1 "Check requests dispatched at once because too many wait."

    ReportsReceived Counter "mixer_reports_received_total" [] 1 "Sets of attributes received by Report: one for each request a proxy served."
    ReportRequests Counter "mixer_report_requests_total" [] 1 "Report requests received."
    ReportBatchesMissing Gauge "mixer_report_batches_missing" [] 1 "Report batches that filters numbered and that have not arrived."
    ReportBatchesRepeated Counter "mixer_report_batches_repeated_total" [] 1 "Report batches that arrived a second time and were dropped."
    ReportElementsLost Counter "mixer_report_elements_lost_total" ["reason"] 20 "Instances that no handler took, by reason."
    ReportInstanceErrors Counter "mixer_report_instance_errors_total" ["instance"] 500 "Instances that could not be made because a field could not be evaluated."
    ReportQueued Gauge "mixer_report_queued_instances" [] 1 "Instances in the queues of all handlers."
    RuleMatchErrors Counter "mixer_rule_match_errors_total" [] 1 "Evaluations of a rule's match that failed; the rule is skipped for that request."
    MalformedMessages Counter "mixer_malformed_messages_total" ["method"] 20 "Requests, or elements of them, that could not be decoded, by method."

    DispatcherDestinations Histogram "mixer_dispatcher_destinations_per_request" [] 1 "Handlers called for a request."
    DispatcherInstances Histogram "mixer_dispatcher_instances_per_request" [] 1 "Instances made for a request."
    DispatcherVarieties Gauge "mixer_dispatcher_destinations_per_variety_total" ["variety"] 4 "Handlers in use that take instances of a variety."
    DispatchesTotal Counter "mixer_runtime_dispatches_total" ["meshFunction", "handler", "adapter", "error"] 4000 "Calls of adapters, by template and handler; series beyond the budget are left out."
    DispatchSeconds Histogram "mixer_runtime_dispatch_duration_seconds" ["meshFunction", "handler", "adapter", "error"] 4000 "Time of calls of adapters, by template and handler; series beyond the budget are left out."

    ConfigRevision Gauge "mixer_config_revision" [] 1 "Revision of the configuration in force: that of etcd or Kubernetes, or a folder's newest modification time in ns."
    ConfigSnapshots Counter "mixer_config_snapshots_total" [] 1 "Configurations that came into force."
    ConfigProblems Gauge "mixer_config_problems" [] 1 "Mistakes in the configuration, listed at /debug/config."
    ConfigGenerationChanges Counter "mixer_config_generation_changes_total" [] 1 "Changes of a namespace's check generation."
    ConfigAttributes Gauge "mixer_config_attributes_total" [] 1 "Attributes declared."
    ConfigHandlers Gauge "mixer_config_handler_configs_total" [] 1 "Handlers in use."
    ConfigHandlerErrors Gauge "mixer_config_handler_validation_error_total" [] 1 "Mistakes in handlers."
    ConfigInstances Gauge "mixer_config_instance_configs_total" [] 1 "Instances configured."
    ConfigInstanceErrors Gauge "mixer_config_instance_config_errors_total" [] 1 "Mistakes in instances."
    ConfigRules Gauge "mixer_config_rule_configs_total" [] 1 "Rules in force."
    ConfigRuleErrors Gauge "mixer_config_rule_config_errors_total" [] 1 "Mistakes in rules."
    ConfigRuleMatchErrors Gauge "mixer_config_rule_config_match_error_total" [] 1 "Mistakes in the match of rules."
    ConfigUnsatisfied Gauge "mixer_config_unsatisfied_action_handler_total" [] 1 "Actions of rules whose handler is not there."
    ConfigTemplates Gauge "mixer_config_template_configs_total" [] 1 "Templates configured."
    ConfigTemplateErrors Gauge "mixer_config_template_config_errors_total" [] 1 "Mistakes in templates."
    ConfigAdapters Gauge "mixer_config_adapter_info_configs_total" [] 1 "Adapters configured."
    ConfigAdapterErrors Gauge "mixer_config_adapter_info_config_errors_total" [] 1 "Mistakes in adapters."

    SourceConnected Gauge "mixer_config_source_connected" [] 1 "Whether the configuration source is reached."
    SourceAge Gauge "mixer_config_source_age_seconds" [] 1 "Time since the configuration source last knew that it had the newest data, or since the start while it has none."
    SourceResyncs Counter "mixer_config_source_resyncs_total" [] 1 "Times that all configuration was read anew."
    SourceReconnects Counter "mixer_config_source_reconnects_total" [] 1 "Times that the connection to the configuration source was made anew."

    HandlersNew Counter "mixer_handler_new_handlers_total" [] 1 "Handlers built."
    HandlersReused Counter "mixer_handler_reused_handlers_total" [] 1 "Handlers kept over a change of the configuration."
    HandlersClosed Counter "mixer_handler_closed_handlers_total" [] 1 "Handlers closed."
    HandlerBuildFailures Counter "mixer_handler_handler_build_failures_total" [] 1 "Handlers that could not be built."
    HandlerQueueLength Gauge "mixer_handler_queue_length" ["handler"] 1000 "Batches that wait for a handler; handlers beyond the budget are left out."
    HandlerQueueLimit Gauge "mixer_handler_queue_limit" ["handler"] 1000 "Batches that may wait for a handler; handlers beyond the budget are left out."
    HandlersLeftOut Gauge "mixer_handler_left_out" [] 1 "Handlers without series of their own, because there are more than the budget."

    CompilesGivenUp Counter "mixer_adapter_compiles_given_up_total" [] 1 "Components that were not compiled in time."
    CompilesOverdue Gauge "mixer_adapter_compiles_overdue" [] 1 "Components still being compiled that were given up."
    AdapterCalls Counter "mixer_adapter_calls_total" ["handler", "adapter"] 1000 "Calls of an adapter that were asked for."
    AdapterTraps Counter "mixer_adapter_traps_total" ["handler", "adapter"] 1000 "Calls that ended in a crash of the adapter, or for which no instance could be made."
    AdapterDeadlines Counter "mixer_adapter_deadlines_total" ["handler", "adapter"] 1000 "Calls that were cancelled at their deadline."
    AdapterUnreachable Counter "mixer_adapter_unreachable_total" ["handler", "adapter"] 1000 "Calls that an adapter in another process did not get, or broke off."
    AdapterRetries Counter "mixer_adapter_retries_total" ["handler", "adapter"] 1000 "Reports sent again because an adapter in another process did not get them."
    AdapterExhausted Counter "mixer_adapter_exhausted_total" ["handler", "adapter"] 1000 "Calls that found no instance of the component in time."
    AdapterRefused Counter "mixer_adapter_breaker_refusals_total" ["handler", "adapter"] 1000 "Calls refused because the adapter had failed too often."
    AdapterBreakerOpen Gauge "mixer_adapter_breaker_open" ["handler", "adapter"] 1000 "Whether calls are refused now."
    AdapterErrors Counter "mixer_adapter_errors_total" ["handler", "adapter"] 1000 "Answers in which the adapter said that it cannot."
    AdapterFailedElements Counter "mixer_adapter_failed_elements_total" ["handler", "adapter"] 1000 "Elements of reports that the adapter could not take."
    AdapterIdle Gauge "mixer_adapter_instances_idle" ["handler", "adapter"] 1000 "Instances of the component that are ready for a call."
    AdapterInUse Gauge "mixer_adapter_instances_in_use" ["handler", "adapter"] 1000 "Instances of the component in a call."
    AdapterMissing Gauge "mixer_adapter_instances_missing" ["handler", "adapter"] 1000 "Instances of a large component, made ahead, that were lost and are not replaced yet."
    AdapterSeries Gauge "mixer_adapter_series" ["handler", "adapter"] 1000 "Series that the handler has in the host."
    AdapterSeriesOverflowed Counter "mixer_adapter_series_overflowed_total" ["handler", "adapter"] 1000 "New series that went to an overflow series, for want of room."
    AdapterMessagesDropped Counter "mixer_adapter_messages_dropped_total" ["handler", "adapter"] 1000 "Diagnostic messages of the adapter dropped because there were too many."
    AdapterLogRefused Counter "mixer_adapter_log_writes_refused_total" ["handler", "adapter"] 1000 "Batches of log lines not taken, because the stream does not keep up."
    AdapterLogLost Counter "mixer_adapter_log_writes_lost_total" ["handler", "adapter"] 1000 "Batches of log lines that could not be written."

    OutboundSentElements Counter "mixer_handler_outbound_sent_elements_total" ["handler", "target"] 2000 "Elements of reports that a target has taken; handlers beyond the budget are left out."
    OutboundSentMessages Counter "mixer_handler_outbound_sent_messages_total" ["handler", "target"] 2000 "Messages that a target has taken."
    OutboundSentBytes Counter "mixer_handler_outbound_sent_bytes_total" ["handler", "target"] 2000 "Bytes of messages that a target has taken."
    OutboundLostElements Counter "mixer_handler_outbound_lost_elements_total" ["handler", "target", "reason"] 10000 "Elements of reports that were handed over for a target and lost, by reason."
    OutboundRetries Counter "mixer_handler_outbound_retries_total" ["handler", "target"] 2000 "Messages that were sent to a target once more."
    OutboundFailures Counter "mixer_handler_outbound_connection_failures_total" ["handler", "target"] 2000 "Attempts to reach a target that failed, and connections that broke with something under way."
    OutboundQueueBytes Gauge "mixer_handler_outbound_queue_bytes" ["handler", "target"] 2000 "Bytes queued for a target or under way to it."
    OutboundQueueLimit Gauge "mixer_handler_outbound_queue_limit_bytes" ["handler", "target"] 2000 "Bytes that may be queued for a target."
    OutboundQueueMessages Gauge "mixer_handler_outbound_queue_messages" ["handler", "target"] 2000 "Messages queued for a target or under way to it."
    OutboundQueueElements Gauge "mixer_handler_outbound_queue_elements" ["handler", "target"] 2000 "Elements of reports queued for a target or under way to it."
    OutboundAway Gauge "mixer_handler_outbound_away" ["handler", "target"] 2000 "Whether the last attempt to reach a target failed."

    ListFetches Counter "mixer_handler_list_fetches_total" ["handler", "list", "outcome"] 8000 "Fetches of a document for an adapter, by outcome."
    ListAge Gauge "mixer_handler_list_age_seconds" ["handler", "list"] 2000 "Time since a document was known to be the newest; none before the first fetch that worked."
    ListBytes Gauge "mixer_handler_list_bytes" ["handler", "list"] 2000 "Size of a document."
    ListAvailable Gauge "mixer_handler_list_available" ["handler", "list"] 2000 "Whether adapters see a version of a document."

    SheddingThrottled Counter "mixer_loadshedding_requests_throttled" ["kind", "reason"] 10 "Requests shed, or that would be with --shedding logonly."
    SheddingCost Counter "mixer_loadshedding_predicted_cost_shed_total" ["kind", "reason"] 10 "Cost of the requests shed: 1 for a check, the elements of a report."
    SheddingWaiting Gauge "mixer_loadshedding_waiting" ["kind"] 2 "Requests that wait to be worked on."

    Connections Gauge "mixer_grpc_connections" [] 1 "Open connections to the gRPC port."
    ConnectionsRefused Counter "mixer_grpc_connections_refused_total" ["reason"] 10 "Connections to the gRPC port that were closed before the first call, by reason."
    Watchers Gauge "mixer_watchers" [] 1 "Open watches of generations."

    ExtAuthzRequests Counter "mixer_ext_authz_requests_total" ["answer"] 3 "Requests that Envoy's external authorization asked about, by answer."
    HeaderOperationsUntold Counter "mixer_ext_authz_header_operations_untold_total" [] 1 "Header operations that Envoy's external authorization has no words for."
    AccessLogStreams Gauge "mixer_access_log_streams" [] 1 "Open streams of access logs."
    AccessLogStreamsRefused Counter "mixer_access_log_streams_refused_total" ["reason"] 2 "Streams of access logs that Mixer ended, by reason."
    AccessLogEntries Counter "mixer_access_log_entries_total" ["protocol", "result"] 8 "Entries of access logs, by protocol and what became of them."
    AccessLogTagsRefused Counter "mixer_access_log_tags_refused_total" [] 1 "Custom tags of access logs that are named like an attribute and are none."
    RateLimitDescriptors Counter "mixer_rate_limit_descriptors_total" ["answer"] 3 "Descriptors that Envoy asked the rate limit service about, by answer."

    ServerCompleted Counter "grpc_io_server_completed_rpcs" ["grpc_server_method", "grpc_server_status"] 300 "Calls of gRPC methods that ended, by status."
    ServerLatency Histogram "grpc_io_server_server_latency" ["grpc_server_method"] 20 "Time of calls of gRPC methods, in milliseconds."
    ServerReceived Histogram "grpc_io_server_received_bytes_per_rpc" ["grpc_server_method"] 20 "Bytes received in a call, with gRPC's framing."
    ServerSent Histogram "grpc_io_server_sent_bytes_per_rpc" ["grpc_server_method"] 20 "Bytes sent in a call, with gRPC's framing."

    SpansExported Counter "mixer_spans_exported_total" [] 1 "Spans of Mixer's own that the collector took."
    SpansDropped Counter "mixer_spans_dropped_total" [] 1 "Spans dropped because the queue was full."
    SpansLost Counter "mixer_spans_lost_total" [] 1 "Spans that the collector did not take."
    LogLinesLeftOut Counter "mixer_log_lines_left_out_total" [] 1 "Log lines left out because one place logged too many."
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique_documented_and_counters_among_ours_end_in_total() {
        let mut names = BTreeSet::new();
        for name in Name::ALL {
            let definition = name.definition();
            assert!(names.insert(definition.name), "{name:?}");
            assert!(definition.help.ends_with('.') && definition.budget > 0, "{name:?}");
            let of_istio = ["grpc_io_", "mixer_loadshedding_requests"];
            let ends = definition.name.ends_with("_total");
            if !of_istio.iter().any(|prefix| definition.name.starts_with(prefix)) {
                assert!(definition.kind != Kind::Counter || ends, "{name:?}");
            }
        }
    }
}
