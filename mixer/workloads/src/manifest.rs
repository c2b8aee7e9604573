//! A pod as Kubernetes writes it, as far as we read it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use adapter_host::{Container, Pod};
use serde::Deserialize;

use crate::controller::root;

/// Pods without one are in this namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// Kubernetes' own bounds, in bytes. Of labels it bounds no number; so many and so long ones still fit
/// into what the host takes for an attribute.
const MAX_NAME: usize = 253;
const MAX_NAMESPACE: usize = 63;
const MAX_LABEL_KEY: usize = 317;
const MAX_LABEL_VALUE: usize = 63;
const MAX_LABELS: usize = 600;

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) metadata: Metadata,
    #[serde(default)]
    spec: Spec,
    #[serde(default)]
    status: Status,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Metadata {
    pub(crate) name: String,
    namespace: Option<String>,
    labels: Option<BTreeMap<String, String>>,
    owner_references: Option<Vec<OwnerReference>>,
    creation_timestamp: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OwnerReference {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) controller: bool,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Spec {
    service_account_name: Option<String>,
    host_network: bool,
    containers: Vec<ContainerSpec>,
    init_containers: Vec<ContainerSpec>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct ContainerSpec {
    name: String,
    ports: Option<Vec<Port>>,
    restart_policy: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Port {
    container_port: u16,
    protocol: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Status {
    phase: Option<String>,
    #[serde(rename = "podIP")]
    pod_ip: Option<String>,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<PodIp>,
    #[serde(rename = "hostIP")]
    host_ip: Option<String>,
}

#[derive(Debug, Deserialize)]
struct PodIp {
    ip: String,
}

/// A field that has the right type and makes no sense.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Senseless {
    pub(crate) field: &'static str,
    pub(crate) message: String,
}

impl TryFrom<Manifest> for Pod {
    type Error = Senseless;

    fn try_from(manifest: Manifest) -> Result<Self, Senseless> {
        let Manifest { metadata, spec, status } = manifest;
        let name = metadata.name;
        check_name("metadata.name", &name, MAX_NAME, "-.")?;
        let namespace = metadata.namespace.filter(|namespace| !namespace.is_empty());
        let namespace = namespace.unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        // A dot would make the uid of one pod that of another.
        check_name("metadata.namespace", &namespace, MAX_NAMESPACE, "-")?;
        let labels = metadata.labels.unwrap_or_default();
        check_labels(&labels)?;
        let owners = metadata.owner_references.unwrap_or_default();
        let root = root(&name, &namespace, &labels, &owners);
        let mut ips: Vec<IpAddr> = Vec::new();
        ips.extend(address("status.podIP", status.pod_ip.as_deref())?);
        for PodIp { ip } in &status.pod_ips {
            let ip = address("status.podIPs", Some(ip))?;
            ips.extend(ip.filter(|ip| !ips.contains(ip)));
        }
        let ended = matches!(status.phase.as_deref(), Some("Succeeded" | "Failed"));
        // Containers that start first and stay: sidecars.
        let stays = |container: &ContainerSpec| {
            container.restart_policy.as_deref().is_some_and(|policy| policy == "Always")
        };
        let sidecars = spec.init_containers.into_iter().filter(stays);
        Ok(Self {
            host_ip: address("status.hostIP", status.host_ip.as_deref())?,
            found_by_ip: !spec.host_network && !ended,
            created: created(metadata.creation_timestamp.as_deref())?,
            service_account_name: spec.service_account_name.unwrap_or_default(),
            workload_name: root.name,
            owner: root.owner,
            containers: spec.containers.into_iter().chain(sidecars).map(container).collect(),
            name,
            namespace,
            labels,
            ips,
        })
    }
}

fn container(spec: ContainerSpec) -> Container {
    let is_tcp = |port: &Port| port.protocol.as_deref().is_none_or(|protocol| protocol == "TCP");
    let ports = spec.ports.unwrap_or_default();
    let ports = ports.into_iter().filter(is_tcp).map(|port| port.container_port).collect();
    Container { name: spec.name, ports }
}

/// Lower-case letters, digits and `others`.
fn check_name(field: &'static str, name: &str, max: usize, others: &str) -> Result<(), Senseless> {
    let wrong = |message: String| Err(Senseless { field, message });
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || others.contains(c);
    match name {
        "" => wrong("is empty".to_owned()),
        long if long.len() > max => wrong(format!("has {} bytes, {max} at most", long.len())),
        name => match name.chars().find(|c| !known(*c)) {
            Some(c) => {
                wrong(format!("{name:?} has {c:?}, which is neither a-z, 0-9 nor of {others}"))
            }
            None => Ok(()),
        },
    }
}

fn check_labels(labels: &BTreeMap<String, String>) -> Result<(), Senseless> {
    let wrong = |message: String| Err(Senseless { field: "metadata.labels", message });
    if labels.len() > MAX_LABELS {
        return wrong(format!("are {}, {MAX_LABELS} at most", labels.len()));
    }
    let long = |(key, value): &(&String, &String)| {
        key.len() > MAX_LABEL_KEY || value.len() > MAX_LABEL_VALUE
    };
    match labels.iter().find(long) {
        Some((key, _)) => {
            let key = &key[..key.floor_char_boundary(MAX_LABEL_KEY)];
            wrong(format!("have a key or value longer than Kubernetes allows, {key:?}"))
        }
        None => Ok(()),
    }
}

/// Empty is none: a pod that is not placed yet.
fn address(field: &'static str, text: Option<&str>) -> Result<Option<IpAddr>, Senseless> {
    let parse = |text: &str| {
        let message = format!("{text:?} is no IP address");
        text.parse().map_err(|_| Senseless { field, message })
    };
    text.filter(|text| !text.is_empty()).map(parse).transpose()
}

/// Kubernetes writes `2024-05-31T23:59:59Z`, always in UTC and to the second: the digits as one number
/// grow with time.
fn created(text: Option<&str>) -> Result<i64, Senseless> {
    let Some(text) = text else { return Ok(0) };
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let in_utc = text.ends_with('Z') && digits.len() == 14;
    digits.parse().ok().filter(|_| in_utc).ok_or_else(|| Senseless {
        field: "metadata.creationTimestamp",
        message: format!("{text:?} is no time such as 2024-05-31T23:59:59Z"),
    })
}
