use std::collections::BTreeMap;
use std::net::IpAddr;

/// A pod of Kubernetes, as far as adapters may know it. What is not known is empty.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Pod {
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
    /// Its addresses, the first one its own choice.
    pub ips: Vec<IpAddr>,
    /// The address of its node.
    pub host_ip: Option<IpAddr>,
    /// Whether its addresses are its own: it runs, and not in the network of its node.
    pub found_by_ip: bool,
    /// When it was made, in any unit that grows: of two pods with one address the younger has it.
    pub created: i64,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// The account it runs as.
    pub service_account_name: String,
    /// The name of its workload: of the controller at the root, or its own.
    pub workload_name: String,
    /// `kubernetes://apis/VERSION/namespaces/NAMESPACE/KINDs/NAME` of its workload.
    pub owner: String,
    /// Its containers.
    pub containers: Vec<Container>,
}

/// A container of a pod.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Container {
    /// Its name.
    pub name: String,
    /// The TCP ports it declares.
    pub ports: Vec<u16>,
}
