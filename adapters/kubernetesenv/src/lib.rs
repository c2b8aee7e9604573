//! Generates attributes of the workloads at both ends of a request, from what the host knows of pods:
//! Istio's adapter of that name, without a way to the cluster of its own.

mod parameters;

use adapter_sdk::host::workloads::{self, Pod};
use adapter_sdk::{
    Adapter, CallError, Endpoint, InstanceIndex, Instances, Kubernetes, Problems, Workload,
    Workloads,
};

pub use crate::parameters::Parameters;

adapter_sdk::export!(KubernetesEnv: kubernetes);

/// The adapter. It keeps nothing: pods come and go in the host.
#[derive(Debug)]
pub struct KubernetesEnv;

impl Adapter for KubernetesEnv {
    type Parameters = Parameters;

    fn configure(parameters: Parameters, _instances: Instances) -> Result<Self, Problems> {
        let mut problems = Problems::new();
        parameters.check(&mut problems);
        problems.none_or(Self)
    }
}

impl Kubernetes for KubernetesEnv {
    fn generate(
        &mut self,
        _instance: InstanceIndex,
        source: &Endpoint,
        destination: &Endpoint,
    ) -> Result<Workloads, CallError> {
        Ok(Workloads { source: workload(source), destination: workload(destination) })
    }
}

/// The uid says which pod it is; the address is asked when it does not, or is not known.
fn workload(end: &Endpoint) -> Option<Workload> {
    let by_uid = || if end.uid.is_empty() { None } else { workloads::by_uid(&end.uid) };
    let by_ip = || if says_nothing(&end.ip) { None } else { workloads::by_ip(&end.ip) };
    let pod = by_uid().or_else(by_ip)?;
    let container_name = container(&pod, end.port).unwrap_or_default().to_owned();
    Some(Workload {
        pod_uid: pod.uid,
        pod_ip: pod.ip,
        pod_name: pod.name,
        labels: pod.labels,
        namespace: pod.namespace,
        service_account_name: pod.service_account_name,
        host_ip: pod.host_ip,
        workload_uid: pod.workload_uid,
        workload_name: pod.workload_name,
        workload_namespace: pod.workload_namespace,
        owner: pod.owner,
        container_name,
    })
}

/// No address, `0.0.0.0` or `::`, bare or in IPv6 clothes.
fn says_nothing(ip: &[u8]) -> bool {
    const MAPPED: [u8; 12] = [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff];
    let bytes = ip.strip_prefix(&MAPPED).unwrap_or(ip);
    bytes.iter().all(|byte| *byte == 0)
}

/// The container that declares the port. Ports need not be declared: then none is known to serve it.
fn container(pod: &Pod, port: i64) -> Option<&str> {
    let port = u16::try_from(port).ok().filter(|port| *port != 0)?;
    let serving = pod.containers.iter().find(|container| container.ports.contains(&port))?;
    Some(&serving.name)
}

#[cfg(test)]
mod bench;
#[cfg(test)]
mod tests;
