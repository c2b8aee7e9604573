use std::net::IpAddr;

use crate::Pod;
use crate::bindings::mixmesh::host::workloads;
use crate::guest::GuestState;

impl workloads::Host for GuestState {
    fn by_uid(&mut self, uid: String) -> Option<workloads::Pod> {
        self.surroundings.workloads.by_uid(&uid).map(|pod| told(&pod))
    }

    fn by_ip(&mut self, ip: Vec<u8>) -> Option<workloads::Pod> {
        self.surroundings.workloads.by_ip(address(&ip)?).map(|pod| told(&pod))
    }
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    match bytes.len() {
        4 => Some(<[u8; 4]>::try_from(bytes).ok()?.into()),
        16 => Some(<[u8; 16]>::try_from(bytes).ok()?.into()),
        _ => None,
    }
}

fn told(pod: &Pod) -> workloads::Pod {
    let Pod { name, namespace, workload_name, .. } = pod;
    let container = |container: &crate::Container| workloads::Container {
        name: container.name.clone(),
        ports: container.ports.clone(),
    };
    workloads::Pod {
        uid: format!("kubernetes://{name}.{namespace}"),
        name: name.clone(),
        namespace: namespace.clone(),
        ip: octets(pod.ips.first()),
        host_ip: octets(pod.host_ip.as_ref()),
        labels: pod.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect(),
        service_account_name: pod.service_account_name.clone(),
        workload_uid: format!("istio://{namespace}/workloads/{workload_name}"),
        workload_name: workload_name.clone(),
        workload_namespace: namespace.clone(),
        owner: pod.owner.clone(),
        containers: pod.containers.iter().map(container).collect(),
    }
}

fn octets(ip: Option<&IpAddr>) -> Vec<u8> {
    match ip.map(IpAddr::to_canonical) {
        None => Vec::new(),
        Some(IpAddr::V4(ip)) => ip.octets().to_vec(),
        Some(IpAddr::V6(ip)) => ip.octets().to_vec(),
    }
}
