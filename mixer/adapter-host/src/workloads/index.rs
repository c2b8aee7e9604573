use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use arc_swap::ArcSwap;

use super::Pod;

/// Pods that are kept. Kubernetes' own limit for a cluster; with an estimated 1.5 kB each they take 200 MiB.
pub const MAX_PODS: usize = 150_000;

const UID_PREFIX: &str = "kubernetes://";

/// The pods that are known: none until [`Self::replace`]. Readers see one state as a whole and take no
/// lock.
#[derive(Debug, Default)]
pub struct WorkloadIndex {
    known: ArcSwap<Known>,
}

/// There were more pods than are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{left_out} pods are left out, {MAX_PODS} are known at most")]
pub struct Overflow {
    /// How many are not known.
    pub left_out: usize,
}

#[derive(Debug, Default)]
struct Known {
    /// By `name.namespace`.
    by_uid: HashMap<Box<str>, Arc<Pod>>,
    by_ip: HashMap<IpAddr, Arc<Pod>>,
}

impl WorkloadIndex {
    /// Knows these pods and no others. Of two pods with the same name the last one counts. O(pods), and
    /// while it runs the pods of before are in memory too.
    ///
    /// # Errors
    /// When there are more than [`MAX_PODS`]: the first so many are known.
    pub fn replace(&self, pods: impl IntoIterator<Item = Arc<Pod>>) -> Result<(), Overflow> {
        let mut known = Known::default();
        let mut left_out = 0;
        for pod in pods {
            let uid = format!("{}.{}", pod.name, pod.namespace).into_boxed_str();
            if known.by_uid.len() >= MAX_PODS && !known.by_uid.contains_key(&uid) {
                left_out += 1;
                continue;
            }
            known.by_uid.insert(uid, pod);
        }
        for pod in known.by_uid.values().filter(|pod| pod.found_by_ip) {
            for ip in pod.ips.iter().map(IpAddr::to_canonical).filter(|ip| !ip.is_unspecified()) {
                let holder = known.by_ip.entry(ip).or_insert_with(|| Arc::clone(pod));
                if rank(holder) < rank(pod) {
                    *holder = Arc::clone(pod);
                }
            }
        }
        self.known.store(Arc::new(known));
        if left_out > 0 { Err(Overflow { left_out }) } else { Ok(()) }
    }

    /// How many pods are known.
    pub fn len(&self) -> usize {
        self.known.load().by_uid.len()
    }

    /// Whether none is known.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The pod with the uid `kubernetes://name.namespace`; the prefix may be left out.
    pub fn by_uid(&self, uid: &str) -> Option<Arc<Pod>> {
        let uid = uid.strip_prefix(UID_PREFIX).unwrap_or(uid);
        self.known.load().by_uid.get(uid).cloned()
    }

    /// The pod that has the address to itself. An IPv4 address and its IPv6 form are the same.
    pub fn by_ip(&self, ip: IpAddr) -> Option<Arc<Pod>> {
        self.known.load().by_ip.get(&ip.to_canonical()).cloned()
    }
}

/// An address is given to the next pod when its holder is gone, and word of that may come late. The name
/// decides between twins, so that all processes decide alike.
fn rank(pod: &Pod) -> (i64, &str, &str) {
    (pod.created, &pod.namespace, &pod.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(name: &str, ips: &[&str], created: i64) -> Arc<Pod> {
        Arc::new(Pod {
            name: name.to_owned(),
            namespace: "default".to_owned(),
            ips: ips.iter().map(|ip| ip.parse().unwrap()).collect(),
            found_by_ip: true,
            created,
            ..Pod::default()
        })
    }

    fn by_ip(index: &WorkloadIndex, ip: &str) -> Option<String> {
        index.by_ip(ip.parse().unwrap()).map(|pod| pod.name.clone())
    }

    #[test]
    fn pods_are_found_by_uid_and_by_each_address() {
        let index = WorkloadIndex::default();
        index.replace([pod("web.v1", &["10.0.0.1", "fd00::1"], 0)]).unwrap();
        assert_eq!(index.by_uid("kubernetes://web.v1.default").unwrap().name, "web.v1");
        assert_eq!(index.by_uid("web.v1.default").unwrap().name, "web.v1");
        for unknown in ["", "kubernetes://", "kubernetes://web.v1", "kubernetes://web.v1.other"] {
            assert!(index.by_uid(unknown).is_none(), "{unknown}");
        }
        for ip in ["10.0.0.1", "::ffff:10.0.0.1", "fd00::1"] {
            assert_eq!(by_ip(&index, ip).as_deref(), Some("web.v1"), "{ip}");
        }
    }

    #[test]
    fn an_address_that_says_nothing_finds_nothing() {
        let index = WorkloadIndex::default();
        let mut shared = Pod::clone(&pod("on-host", &["10.0.0.9"], 0));
        shared.found_by_ip = false;
        index.replace([Arc::new(shared), pod("pending", &["0.0.0.0", "::"], 0)]).unwrap();
        for ip in ["10.0.0.9", "0.0.0.0", "::", "10.0.0.1"] {
            assert_eq!(by_ip(&index, ip), None, "{ip}");
        }
        assert!(index.by_uid("on-host.default").is_some());
    }

    #[test]
    fn of_two_pods_with_one_address_the_younger_has_it_in_any_order() {
        let index = WorkloadIndex::default();
        let (old, young, twin) =
            (pod("z", &["10.0.0.1"], 1), pod("a", &["10.0.0.1"], 2), pod("b", &["10.0.0.1"], 2));
        for pods in [[&old, &young, &twin], [&twin, &young, &old]] {
            index.replace(pods.map(Arc::clone)).unwrap();
            assert_eq!(by_ip(&index, "10.0.0.1").as_deref(), Some("b"));
        }
    }

    #[test]
    fn pods_that_are_gone_are_not_known_any_more() {
        let index = WorkloadIndex::default();
        index.replace([pod("old", &["10.0.0.1"], 0)]).unwrap();
        index.replace([pod("new", &["10.0.0.2"], 0)]).unwrap();
        assert_eq!((index.len(), by_ip(&index, "10.0.0.1")), (1, None));
        index.replace([]).unwrap();
        assert!(index.is_empty());
    }

    #[test]
    fn pods_beyond_the_bound_are_left_out_and_told() {
        let index = WorkloadIndex::default();
        let pods = (0..MAX_PODS + 2).map(|n| pod(&n.to_string(), &[], 0));
        assert_eq!(index.replace(pods), Err(Overflow { left_out: 2 }));
        assert_eq!(index.len(), MAX_PODS);
    }
}
