//! The Envoys that are compared: the same bootstrap with another filter before the router.

use std::net::SocketAddr;
use std::path::Path;

use anyhow::Result;
use serde_json::{Value, json};
use testbed::{
    Direction, EnvoyOptions, EnvoyStats, FailPolicy, Layout, ListenerOptions, Process,
    ServiceVersion, free_address, launch_envoy,
};

use super::servers::Servers;
use crate::request::{NAMESPACE, QUIET_NAMESPACE};

/// Users whose answers fit into any cache.
const FEW_USERS: u64 = 64;

/// What an Envoy does with a request before it passes it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Variant {
    /// Nothing.
    Plain,
    /// Our filter, whose own level answers.
    L1,
    /// Our filter without room in its own level: Mixer's answers.
    L2,
    /// Our filter, and no user comes twice.
    Miss,
    /// Our filter in a namespace without rules; no reports.
    NoRule,
    /// Envoy's external authorization by a server that says yes.
    TrivialAuthorization,
    /// Envoy's external authorization by our Mixer.
    MixerAuthorization,
}

impl Variant {
    /// In the order of the table; what the others are compared with comes first.
    pub(super) const ALL: [Self; 7] = [
        Self::Plain,
        Self::L1,
        Self::L2,
        Self::Miss,
        Self::NoRule,
        Self::TrivialAuthorization,
        Self::MixerAuthorization,
    ];

    /// The row's name.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Plain => "envoy_without_filter",
            Self::L1 => "envoy_l1_hit",
            Self::L2 => "envoy_l2_hit",
            Self::Miss => "envoy_miss",
            Self::NoRule => "envoy_no_rule",
            Self::TrivialAuthorization => "ext_authz_trivial",
            Self::MixerAuthorization => "ext_authz_mixer",
        }
    }

    /// Whether our filter is in it.
    pub(super) fn is_ours(self) -> bool {
        matches!(self, Self::L1 | Self::L2 | Self::Miss | Self::NoRule)
    }

    /// Who sends request `number` of turn `turn`.
    pub(super) fn user(self, turn: u32, number: u64) -> String {
        match self {
            Self::Miss => format!("user-{turn}-{number}"),
            _ => format!("user-{}", number % FEW_USERS),
        }
    }

    fn namespace(self) -> &'static str {
        if self == Self::NoRule { QUIET_NAMESPACE } else { NAMESPACE }
    }

    /// What our filter is told besides where it stands.
    fn filter(self) -> Value {
        let text = |value: &str| json!({ "t": "STRING", "v": value });
        // Longer than the default: a machine that is busy with other things must not fail the bench.
        let mut fields = json!({ "check_timeout": "5s", "attributes": {
            "destination.namespace": text(self.namespace()),
            "destination.service.namespace": text(self.namespace()),
            "destination.service.host": text("catalog.shop.svc.cluster.local"),
            "destination.service.name": text("catalog"),
            "destination.workload.name": text("catalog"),
        }});
        match self {
            Self::L2 => fields["l1_entries"] = json!(1),
            Self::NoRule => fields["disable_report"] = json!(true),
            _ => {}
        }
        fields
    }

    /// Envoy's own authorization filter, for those that use it.
    fn authorization(self) -> Option<Value> {
        matches!(self, Self::TrivialAuthorization | Self::MixerAuthorization).then(|| {
            json!({
                "name": "envoy.filters.http.ext_authz",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthz",
                    "transport_api_version": "V3",
                    "grpc_service": { "envoy_grpc": { "cluster_name": "mixer" }, "timeout": "5s" },
                    "failure_mode_allow": false,
                },
            })
        })
    }
}

/// A running Envoy.
#[derive(Debug)]
pub(super) struct Proxy {
    pub(super) variant: Variant,
    pub(super) address: SocketAddr,
    admin: SocketAddr,
    process: Process,
}

impl Proxy {
    /// Starts it in `folder`, with the service and the authorization server of `servers`.
    ///
    /// # Errors
    /// When it is not installed, refuses its configuration or does not become ready.
    pub(super) fn start(
        layout: &Layout,
        folder: &Path,
        variant: Variant,
        mixer: SocketAddr,
        servers: &Servers,
    ) -> Result<Self> {
        let (address, admin) = (free_address()?, free_address()?);
        let options = EnvoyOptions {
            listeners: vec![ListenerOptions {
                name: "inbound",
                address,
                fail_policy: FailPolicy::Closed,
            }],
            admin,
            filter_library: layout.filter_library()?,
            mixer: match variant {
                Variant::TrivialAuthorization => servers.authorization(),
                _ => mixer,
            },
            versions: vec![ServiceVersion { name: "v1", address: servers.service(), percent: 100 }],
            zipkin: None,
            direction: Direction::Inbound,
            filter: variant.filter(),
            access_log: None,
            tcp: None,
            bootstrap_extension: false,
        };
        let config = folder.join(format!("{}.json", variant.name()));
        std::fs::write(&config, serde_json::to_vec_pretty(&bootstrap(&options, variant))?)?;
        let process = launch_envoy(layout, variant.name(), &config, admin, folder)?;
        Ok(Self { variant, address, admin, process })
    }

    /// The process.
    pub(super) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Its counters.
    ///
    /// # Errors
    /// When it does not answer.
    pub(super) fn stats(&self) -> Result<EnvoyStats> {
        EnvoyStats::read(&format!("http://{}", self.admin))
    }
}

/// The filter's Envoy, or the same with another filter in its place.
fn bootstrap(options: &EnvoyOptions, variant: Variant) -> Value {
    let mut bootstrap = options.bootstrap();
    let listener = &mut bootstrap["static_resources"]["listeners"][0];
    let manager = &mut listener["filter_chains"][0]["filters"][0]["typed_config"];
    if !variant.is_ours() {
        let filters = &mut manager["http_filters"];
        let router = filters[1].take();
        let before = variant.authorization();
        *filters = Value::Array(before.into_iter().chain([router]).collect());
        let host = &mut manager["route_config"]["virtual_hosts"][0];
        // What the route tells our filter means nothing without it.
        host["routes"][0]["route"]["weighted_clusters"]["clusters"][0]["typed_per_filter_config"] =
            json!({});
        if variant == Variant::MixerAuthorization {
            host["typed_per_filter_config"] = json!({
                "envoy.filters.http.ext_authz": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.ext_authz.v3.ExtAuthzPerRoute",
                    "check_settings": { "context_extensions": {
                        "destination.namespace": variant.namespace(),
                    }},
                },
            });
        }
    }
    bootstrap
}
