use mesh_api::envoy::data::accesslog::v3::ResponseFlags;

/// What `context.proxy_error_code` says when nothing went wrong.
const NONE: &str = "-";

/// Envoy's short names of the flags that are set, joined by commas; `-` for none.
pub(super) fn proxy_error_code(flags: Option<&ResponseFlags>) -> String {
    let Some(f) = flags else { return NONE.to_owned() };
    // In the order of Envoy's own bits, as the sidecar's module writes them.
    let set = [
        (f.failed_local_healthcheck, "LH"),
        (f.no_healthy_upstream, "UH"),
        (f.upstream_request_timeout, "UT"),
        (f.local_reset, "LR"),
        (f.upstream_remote_reset, "UR"),
        (f.upstream_connection_failure, "UF"),
        (f.upstream_connection_termination, "UC"),
        (f.upstream_overflow, "UO"),
        (f.no_route_found, "NR"),
        (f.delay_injected, "DI"),
        (f.fault_injected, "FI"),
        (f.rate_limited, "RL"),
        (f.unauthorized_details.is_some(), "UAEX"),
        (f.rate_limit_service_error, "RLSE"),
        (f.downstream_connection_termination, "DC"),
        (f.upstream_retry_limit_exceeded, "URX"),
        (f.stream_idle_timeout, "SI"),
        (f.invalid_envoy_request_headers, "IH"),
        (f.downstream_protocol_error, "DPE"),
        (f.upstream_max_stream_duration_reached, "UMSDR"),
        (f.response_from_cache_filter, "RFCF"),
        (f.no_filter_config_found, "NFCF"),
        (f.duration_timeout, "DT"),
        (f.upstream_protocol_error, "UPE"),
        (f.no_cluster_found, "NC"),
        (f.overload_manager, "OM"),
        (f.dns_resolution_failure, "DF"),
        (f.downstream_remote_reset, "DR"),
    ];
    let names: Vec<_> = set.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
    if names.is_empty() { NONE.to_owned() } else { names.join(",") }
}
