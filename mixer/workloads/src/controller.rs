//! The workload that a pod belongs to: its controller at the root.
//!
//! A deployment owns replica sets, and those own pods; telemetry is about deployments. Following the
//! owners from object to object would need a watch of each kind on the way. Their names say as much: a
//! deployment's controller names replica sets after it and the hash of the template that it puts on pods
//! as a label, and OpenShift labels pods with their deployment config. A replica set that was made by
//! hand carries neither, and is the root.

use std::collections::BTreeMap;

use crate::manifest::OwnerReference;

const TEMPLATE_HASH: &str = "pod-template-hash";
const DEPLOYMENT_CONFIG: &str = "deploymentconfig";

/// A workload.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Root {
    pub(crate) name: String,
    /// `kubernetes://apis/VERSION/namespaces/NAMESPACE/KINDs/NAME`.
    pub(crate) owner: String,
}

/// The workload of the pod `name`, which is the pod itself when nothing controls it.
pub(crate) fn root(
    name: &str,
    namespace: &str,
    labels: &BTreeMap<String, String>,
    owners: &[OwnerReference],
) -> Root {
    let Some(controller) = owners.iter().find(|owner| owner.controller) else {
        return named("v1", namespace, "Pod", name);
    };
    let OwnerReference { api_version, kind, name, .. } = controller;
    let label = |key: &str| labels.get(key).filter(|value| !value.is_empty());
    match kind.as_str() {
        "ReplicaSet" => {
            let deployment = label(TEMPLATE_HASH)
                .and_then(|hash| name.strip_suffix(hash.as_str())?.strip_suffix('-'))
                .filter(|deployment| !deployment.is_empty());
            match deployment {
                Some(deployment) => named(api_version, namespace, "Deployment", deployment),
                None => named(api_version, namespace, kind, name),
            }
        }
        "ReplicationController" => match label(DEPLOYMENT_CONFIG) {
            Some(config) => named("apps.openshift.io/v1", namespace, "DeploymentConfig", config),
            None => named(api_version, namespace, kind, name),
        },
        _ => named(api_version, namespace, kind, name),
    }
}

fn named(api_version: &str, namespace: &str, kind: &str, name: &str) -> Root {
    let kinds = format!("{}s", kind.to_lowercase());
    Root {
        name: name.to_owned(),
        owner: format!("kubernetes://apis/{api_version}/namespaces/{namespace}/{kinds}/{name}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner(api_version: &str, kind: &str, name: &str) -> OwnerReference {
        OwnerReference {
            api_version: api_version.to_owned(),
            kind: kind.to_owned(),
            name: name.to_owned(),
            controller: true,
        }
    }

    fn of(owner: OwnerReference, label: (&str, &str)) -> (String, String) {
        let labels = BTreeMap::from([(label.0.to_owned(), label.1.to_owned())]);
        let Root { name, owner } = root("pod", "books", &labels, &[owner]);
        let below = owner.strip_prefix("kubernetes://apis/").unwrap();
        (name, below.to_owned())
    }

    #[test]
    fn a_pod_of_a_deployment_belongs_to_the_deployment_and_not_to_its_replica_set() {
        let set = || owner("apps/v1", "ReplicaSet", "reviews-v1-6f4d");
        let deployment = ("reviews-v1", "apps/v1/namespaces/books/deployments/reviews-v1");
        let (name, path) = of(set(), (TEMPLATE_HASH, "6f4d"));
        assert_eq!((name.as_str(), path.as_str()), deployment);
        for label in [(TEMPLATE_HASH, "other"), (TEMPLATE_HASH, ""), ("app", "6f4d")] {
            let (name, path) = of(set(), label);
            assert_eq!(name, "reviews-v1-6f4d", "{label:?}");
            assert_eq!(path, "apps/v1/namespaces/books/replicasets/reviews-v1-6f4d");
        }
    }

    #[test]
    fn a_pod_of_openshift_belongs_to_its_deployment_config() {
        let controller = || owner("v1", "ReplicationController", "web-3");
        let (name, path) = of(controller(), (DEPLOYMENT_CONFIG, "web"));
        assert_eq!(name, "web");
        assert_eq!(path, "apps.openshift.io/v1/namespaces/books/deploymentconfigs/web");
        let (name, path) = of(controller(), ("app", "web"));
        assert_eq!(
            (name.as_str(), path.ends_with("replicationcontrollers/web-3")),
            ("web-3", true)
        );
    }

    #[test]
    fn other_controllers_are_workloads_themselves() {
        for (version, kind, kinds) in [
            ("apps/v1", "StatefulSet", "statefulsets"),
            ("batch/v1", "Job", "jobs"),
            ("apps/v1", "DaemonSet", "daemonsets"),
        ] {
            let (name, path) = of(owner(version, kind, "db"), (TEMPLATE_HASH, "db"));
            assert_eq!(
                (name, path),
                ("db".into(), format!("{version}/namespaces/books/{kinds}/db"))
            );
        }
    }

    #[test]
    fn a_pod_without_a_controller_is_its_own_workload() {
        let mut owned = owner("v1", "Node", "n1");
        owned.controller = false;
        let root = root("static", "kube-system", &BTreeMap::new(), &[owned]);
        assert_eq!(root.name, "static");
        assert_eq!(root.owner, "kubernetes://apis/v1/namespaces/kube-system/pods/static");
    }
}
