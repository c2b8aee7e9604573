use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

/// What the filter is called in Envoy's configuration.
const FILTER: &str = "mixmesh";

/// What the filter does with a request when Mixer gives no verdict.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailPolicy {
    /// The request is refused.
    Closed,
    /// The request is let through.
    Open,
}

impl FailPolicy {
    /// As the filter's configuration spells it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
        }
    }

    /// The listener of a mesh that does this.
    pub(crate) fn listener(self) -> &'static str {
        match self {
            Self::Closed => "inbound-closed",
            Self::Open => "inbound-open",
        }
    }

    /// The other one.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::Closed => Self::Open,
            Self::Open => Self::Closed,
        }
    }
}

/// On which side of a request a sidecar stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Beside the service.
    Inbound,
    /// Beside a client.
    Outbound,
}

impl Direction {
    /// As the filter's configuration spells it; in Envoy's own it is in capitals.
    fn name(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }
}

/// One listener: our filter, then the service.
#[derive(Debug, Clone)]
pub struct ListenerOptions {
    /// Its name, in statistics and errors.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// What its filter does without Mixer.
    pub fail_policy: FailPolicy,
}

/// A listener for connections: our network filter, then whoever they are for.
#[derive(Debug, Clone)]
pub struct TcpListenerOptions {
    /// Where it listens.
    pub address: SocketAddr,
    /// Where connections go.
    pub upstream: SocketAddr,
    /// Fields of the network filter's configuration besides `mixer_cluster` and `attributes`.
    pub filter: Value,
}

/// One version of the service behind a listener.
#[derive(Debug, Clone, Copy)]
pub struct ServiceVersion {
    /// Its label `version`.
    pub name: &'static str,
    /// Where it listens.
    pub address: SocketAddr,
    /// Its share of the traffic.
    pub percent: u32,
}

/// An Envoy beside a service, with our filter.
#[derive(Debug, Clone)]
pub struct EnvoyOptions {
    /// Its listeners.
    pub listeners: Vec<ListenerOptions>,
    /// Its admin address.
    pub admin: SocketAddr,
    /// Our module.
    pub filter_library: PathBuf,
    /// Mixer's gRPC port.
    pub mixer: SocketAddr,
    /// The versions of the service.
    pub versions: Vec<ServiceVersion>,
    /// A Zipkin collector for Envoy's spans.
    pub zipkin: Option<SocketAddr>,
    /// Where it stands, which decides whose side of a span its own are.
    pub direction: Direction,
    /// Fields to add to the filter's configuration, or to replace in it.
    pub filter: Value,
    /// A listener for connections.
    pub tcp: Option<TcpListenerOptions>,
    /// Whether the process sends its last reports when it drains and ends.
    pub bootstrap_extension: bool,
    /// Where it writes a line of JSON for each request.
    pub access_log: Option<PathBuf>,
}

impl EnvoyOptions {
    /// Envoy's bootstrap document.
    pub fn bootstrap(&self) -> Value {
        let mut listeners: Vec<Value> =
            self.listeners.iter().map(|options| self.listener(options)).collect();
        listeners.extend(self.tcp.as_ref().map(|options| self.tcp_listener(options)));
        let mut clusters = vec![mixer_cluster(self.mixer)];
        clusters
            .extend(self.versions.iter().map(|one| cluster(&cluster_of(one.name), one.address)));
        clusters.extend(self.tcp.as_ref().map(|tcp| cluster("tcp", tcp.upstream)));
        clusters.extend(self.zipkin.map(|address| cluster("zipkin", address)));
        // Envoy's own spans are of a service of this name.
        let beside = match self.direction {
            Direction::Inbound => "greeter",
            Direction::Outbound => "shop",
        };
        let extensions = self.bootstrap_extension.then(|| self.extension());
        json!({
            "bootstrap_extensions": extensions.into_iter().collect::<Vec<_>>(),
            "node": {
                "id": format!("sidecar~127.0.0.1~{beside}.default~default.svc.cluster.local"),
                "cluster": beside,
            },
            "admin": { "address": socket(self.admin) },
            "static_resources": { "listeners": listeners, "clusters": clusters },
        })
    }

    fn listener(&self, options: &ListenerOptions) -> Value {
        let manager = json!({
            "@type": "type.googleapis.com/envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager",
            "stat_prefix": options.name,
            "route_config": { "name": options.name, "virtual_hosts": [self.virtual_host()] },
            "http_filters": [self.filter(options), router()],
            "access_log": self.access_log.as_deref().map(access_log).into_iter().collect::<Vec<_>>(),
        });
        let manager = match self.zipkin {
            Some(_) => with(manager, "tracing", tracing()),
            None => manager,
        };
        json!({
            "name": options.name,
            "address": socket(options.address),
            "traffic_direction": self.direction.name().to_uppercase(),
            // Two open connections are on two workers: without this the kernel throws dice.
            "connection_balance_config": { "exact_balance": {} },
            "filter_chains": [{
                "filters": [{
                    "name": "envoy.filters.network.http_connection_manager",
                    "typed_config": manager,
                }],
            }],
        })
    }

    fn tcp_listener(&self, options: &TcpListenerOptions) -> Value {
        let mut config = json!({
            "mixer_cluster": "mixer",
            "direction": self.direction.name(),
            "attributes": attributes(),
        });
        if let (Some(config), Some(more)) = (config.as_object_mut(), options.filter.as_object()) {
            config.extend(more.clone());
        }
        json!({
            "name": "tcp",
            "address": socket(options.address),
            "filter_chains": [{ "filters": [
                {
                    "name": "envoy.filters.network.dynamic_modules",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.dynamic_modules.v3.DynamicModuleNetworkFilter",
                        "dynamic_module_config": self.module(),
                        "filter_name": FILTER,
                        "filter_config": structure(&config),
                    },
                },
                {
                    "name": "envoy.filters.network.tcp_proxy",
                    "typed_config": {
                        "@type": "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy",
                        "stat_prefix": "tcp",
                        "cluster": "tcp",
                    },
                },
            ]}],
        })
    }

    fn extension(&self) -> Value {
        json!({
            "name": "envoy.bootstrap.dynamic_modules",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.bootstrap.dynamic_modules.v3.DynamicModuleBootstrapExtension",
                "dynamic_module_config": self.module(),
                "extension_name": FILTER,
                "extension_config": structure(&json!({ "mixer_cluster": "mixer" })),
            },
        })
    }

    fn virtual_host(&self) -> Value {
        let weighted: Vec<Value> =
            self.versions.iter().map(|version| self.weighted_cluster(version)).collect();
        json!({
            "name": "greeter",
            "domains": ["*"],
            "routes": [{
                "match": { "prefix": "/" },
                "route": { "weighted_clusters": { "clusters": weighted }, "timeout": "10s" },
            }],
        })
    }

    fn filter(&self, options: &ListenerOptions) -> Value {
        let mut config = json!({
            "mixer_cluster": "mixer",
            "direction": self.direction.name(),
            "fail_policy": { "check": options.fail_policy.name() },
            "attributes": attributes(),
        });
        if let (Some(config), Some(more)) = (config.as_object_mut(), self.filter.as_object()) {
            config.extend(more.clone());
        }
        json!({
            "name": FILTER,
            "typed_config": {
                "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilter",
                "dynamic_module_config": self.module(),
                "filter_name": FILTER,
                "filter_config": structure(&config),
            },
        })
    }

    /// A version's route, which tells the filter which version it is.
    fn weighted_cluster(&self, version: &ServiceVersion) -> Value {
        let labels =
            json!({ "t": "STRING_MAP", "v": { "app": "greeter", "version": version.name } });
        let config = json!({ "attributes": { "destination.labels": labels } });
        json!({
            "name": cluster_of(version.name),
            "weight": version.percent,
            "typed_per_filter_config": {
                FILTER: {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.dynamic_modules.v3.DynamicModuleFilterPerRoute",
                    "dynamic_module_config": self.module(),
                    "filter_name": FILTER,
                    "filter_config": structure(&config),
                },
            },
        })
    }

    fn module(&self) -> Value {
        json!({
            "module": { "local": { "filename": self.filter_library } },
            "do_not_close": true,
            "metrics_namespace": "mixmesh",
        })
    }
}

/// What an operator logs of each request to see why it was let pass or not.
fn access_log(path: &Path) -> Value {
    json!({
        "name": "envoy.access_loggers.file",
        "typed_config": {
            "@type": "type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog",
            "path": path,
            "log_format": { "json_format": {
                "path": "%REQ(:path)%",
                "status": "%RESPONSE_CODE%",
                "details": "%RESPONSE_CODE_DETAILS%",
                "flags": "%RESPONSE_FLAGS%",
                "custom_flags": "%CUSTOM_FLAGS%",
                "check": "%DYNAMIC_METADATA(mixmesh.check)%",
            }},
        },
    })
}

fn structure(value: &Value) -> Value {
    json!({ "@type": "type.googleapis.com/google.protobuf.Struct", "value": value })
}

/// What the sidecar knows about where it stands, as Pilot would tell it.
fn attributes() -> Value {
    let text = |value: &str| json!({ "t": "STRING", "v": value });
    json!({
        "context.reporter.uid": text("kubernetes://greeter.default"),
        "destination.uid": text("kubernetes://greeter.default"),
        "destination.name": text("greeter"),
        "destination.namespace": text("default"),
        "destination.labels": { "t": "STRING_MAP", "v": { "app": "greeter" } },
        "destination.workload.name": text("greeter"),
        "destination.workload.namespace": text("default"),
        "destination.service.host": text("greeter.default.svc.cluster.local"),
        "destination.service.name": text("greeter"),
        "destination.service.namespace": text("default"),
    })
}

fn tracing() -> Value {
    json!({
        "random_sampling": { "value": 100.0 },
        "provider": {
            "name": "envoy.tracers.zipkin",
            "typed_config": {
                "@type": "type.googleapis.com/envoy.config.trace.v3.ZipkinConfig",
                "collector_cluster": "zipkin",
                "collector_endpoint": "/api/v2/spans",
                "collector_endpoint_version": "HTTP_JSON",
                "trace_id_128bit": true,
                // W3C's headers are passed on besides.
                "trace_context_option": "USE_B3_WITH_W3C_PROPAGATION",
            },
        },
    })
}

pub(crate) fn router() -> Value {
    json!({
        "name": "envoy.filters.http.router",
        "typed_config": { "@type": "type.googleapis.com/envoy.extensions.filters.http.router.v3.Router" },
    })
}

pub(crate) fn mixer_cluster(address: SocketAddr) -> Value {
    let http2 = json!({
        "envoy.extensions.upstreams.http.v3.HttpProtocolOptions": {
            "@type": "type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions",
            "explicit_http_config": { "http2_protocol_options": {} },
        },
    });
    with(cluster("mixer", address), "typed_extension_protocol_options", http2)
}

fn cluster_of(version: &str) -> String {
    format!("greeter-{version}")
}

pub(crate) fn cluster(name: &str, address: SocketAddr) -> Value {
    json!({
        "name": name,
        "type": "STATIC",
        "connect_timeout": "0.5s",
        "load_assignment": {
            "cluster_name": name,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": socket(address) } }] }],
        },
    })
}

pub(crate) fn socket(address: SocketAddr) -> Value {
    json!({ "socket_address": { "address": address.ip().to_string(), "port_value": address.port() } })
}

pub(crate) fn with(mut object: Value, field: &str, value: Value) -> Value {
    object[field] = value;
    object
}
