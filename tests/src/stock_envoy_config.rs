use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::envoy_config::{cluster, mixer_cluster, router, socket, with};

/// What a stock Envoy adds to the certificate of Mixer's gRPC port.
#[derive(Debug, Clone)]
pub struct UpstreamTls {
    /// The certificate that Envoy shows.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// Who may have signed Mixer's certificate.
    pub authority: PathBuf,
}

/// An Envoy without our module, which uses Mixer through services of Envoy's own.
#[derive(Debug, Clone)]
pub struct StockEnvoyOptions {
    /// Where it takes requests.
    pub proxy: SocketAddr,
    /// Where it takes connections that it passes on as they are.
    pub tcp: SocketAddr,
    /// Its admin address.
    pub admin: SocketAddr,
    /// Mixer's gRPC port.
    pub mixer: SocketAddr,
    /// The service behind it.
    pub service: SocketAddr,
    /// Mutual TLS to Mixer.
    pub tls: Option<UpstreamTls>,
    /// The domain of the rate limit filter; without it there is no such filter.
    pub rate_limit_domain: Option<&'static str>,
}

impl StockEnvoyOptions {
    /// Envoy's bootstrap document.
    pub fn bootstrap(&self) -> Value {
        let mut mixer = mixer_cluster(self.mixer);
        if let Some(tls) = &self.tls {
            mixer = with(mixer, "transport_socket", upstream_tls(tls));
            // New connections all the time, so that renewed certificates are seen.
            let http = &mut mixer["typed_extension_protocol_options"]["envoy.extensions.upstreams.http.v3.HttpProtocolOptions"];
            http["common_http_protocol_options"] = json!({ "max_requests_per_connection": 20 });
        }
        json!({
            "node": {
                "id": "sidecar~127.0.0.1~greeter.default~default.svc.cluster.local",
                "cluster": "greeter",
                "metadata": {
                    "NAMESPACE": "default",
                    "WORKLOAD_NAME": "greeter",
                    "LABELS": { "app": "greeter", "version": "v1" },
                    "mixmesh": attributes(),
                },
            },
            "admin": { "address": socket(self.admin) },
            "static_resources": {
                "listeners": [self.http_listener(), self.tcp_listener()],
                "clusters": [mixer, cluster("greeter", self.service)],
            },
        })
    }

    fn http_listener(&self) -> Value {
        let mut filters = vec![authorization()];
        filters.extend(self.rate_limit_domain.map(rate_limit));
        filters.push(router());
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": "inbound",
            "route_config": { "virtual_hosts": [self.virtual_host()] },
            "http_filters": filters,
            "access_log": [{
                "name": "envoy.access_loggers.http_grpc",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.HttpGrpcAccessLogConfig",
                    "common_config": log("inbound"),
                    "additional_request_headers_to_log": ["content-type", "x-user"],
                    "additional_response_headers_to_log": ["grpc-status", "grpc-message"],
                    "additional_response_trailers_to_log": ["grpc-status", "grpc-message"],
                },
            }],
        });
        listener("http", self.proxy, "envoy.filters.network.http_connection_manager", &manager)
    }

    fn virtual_host(&self) -> Value {
        let mut route = json!({ "cluster": "greeter", "timeout": "10s" });
        if self.rate_limit_domain.is_some() {
            let header = |header: &str, key: &str| json!({ "request_headers": { "header_name": header, "descriptor_key": key } });
            route["rate_limits"] =
                json!([{ "actions": [header(":path", "request.path"), header("x-user", "user")] }]);
        }
        json!({
            "name": "greeter",
            "domains": ["*"],
            "routes": [{ "match": { "prefix": "/" }, "route": route }],
            "typed_per_filter_config": {
                "envoy.filters.http.ext_authz": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                    "check_settings": { "context_extensions": attributes() },
                },
            },
        })
    }

    fn tcp_listener(&self) -> Value {
        let proxy = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
            "stat_prefix": "tcp",
            "cluster": "greeter",
            "access_log": [{
                "name": "envoy.access_loggers.tcp_grpc",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.access_loggers.grpc.v3.TcpGrpcAccessLogConfig",
                    "common_config": log("inbound-tcp"),
                },
            }],
        });
        listener("tcp", self.tcp, "envoy.filters.network.tcp_proxy", &proxy)
    }
}

/// What an operator states of the service, as texts.
fn attributes() -> Value {
    json!({
        "destination.namespace": "default",
        "destination.labels": "app=greeter&version=v1",
        "destination.workload.name": "greeter",
        "destination.workload.namespace": "default",
        "destination.service.host": "greeter.default.svc.cluster.local",
        "destination.service.name": "greeter",
        "destination.service.namespace": "default",
    })
}

fn listener(name: &str, address: SocketAddr, filter: &str, config: &Value) -> Value {
    json!({
        "name": name,
        "address": socket(address),
        "filter_chains": [{ "filters": [{ "name": filter, "typed_config": config }] }],
    })
}

fn mixer_service() -> Value {
    json!({ "envoy_grpc": { "cluster_name": "mixer" }, "timeout": "2s" })
}

fn authorization() -> Value {
    json!({
        "name": "envoy.filters.http.ext_authz",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
            "transport_api_version": "V3",
            "grpc_service": mixer_service(),
            "failure_mode_allow": false,
            "metadata_context_namespaces": ["envoy.filters.http.jwt_authn"],
        },
    })
}

fn rate_limit(domain: &str) -> Value {
    json!({
        "name": "envoy.filters.http.ratelimit",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.filters.http.ratelimit.v3.RateLimit",
            "domain": domain,
            "failure_mode_deny": true,
            "timeout": "2s",
            "rate_limit_service": { "transport_api_version": "V3", "grpc_service": mixer_service() },
        },
    })
}

/// Entries leave as they are written: tests wait for them.
fn log(name: &str) -> Value {
    json!({
        "log_name": name,
        "transport_api_version": "V3",
        "grpc_service": mixer_service(),
        "buffer_flush_interval": "0.01s",
        "buffer_size_bytes": 0,
    })
}

fn upstream_tls(tls: &UpstreamTls) -> Value {
    let file = |path: &PathBuf| json!({ "filename": path });
    json!({
        "name": "envoy.transport_sockets.tls",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext",
            "sni": "mixer",
            "common_tls_context": {
                "tls_certificates": [{
                    "certificate_chain": file(&tls.certificate),
                    "private_key": file(&tls.key),
                }],
                "validation_context": { "trusted_ca": file(&tls.authority) },
            },
        },
    })
}
