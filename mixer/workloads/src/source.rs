use std::path::PathBuf;
use std::str::FromStr;

use mesh_config::{KubernetesLocation, SourceLocation};

/// Where pods are learned of, as the command line names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WorkloadSource {
    /// A file of pods in YAML, or a folder of such files.
    Files(PathBuf),
    /// The pods of a Kubernetes API server, in all namespaces or those that are named.
    Kubernetes(KubernetesLocation),
}

impl FromStr for WorkloadSource {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once("://") {
            None if text.is_empty() => Err("a file or folder is needed".to_owned()),
            None => Ok(Self::Files(text.into())),
            Some(("file", path)) if path.starts_with('/') => Ok(Self::Files(path.into())),
            Some(("k8s", _)) => match text.parse() {
                Ok(SourceLocation::Kubernetes(location)) => Ok(Self::Kubernetes(location)),
                Ok(_) => Err(format!("{text} is no Kubernetes API server")),
                Err(error) => Err(error.to_string()),
            },
            Some((scheme, _)) => Err(format!(
                "{scheme}:// is no place that pods can be learned of; name a file or folder of pods, \
                 such as `kubectl get pods -A -o yaml` writes, or k8s:// for those of the API server"
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_taken_and_other_places_are_refused_by_name() {
        let files = |path: &str| Ok(WorkloadSource::Files(path.into()));
        assert_eq!("pods.yaml".parse(), files("pods.yaml"));
        assert_eq!("file:///etc/pods".parse(), files("/etc/pods"));
        for refused in ["k8s://?color=red", "http://example.org/pods.yaml", "file://pods.yaml", ""]
        {
            refused.parse::<WorkloadSource>().unwrap_err();
        }
        let told = "etcd://".parse::<WorkloadSource>().unwrap_err();
        assert!(told.starts_with("etcd:// is no place"), "{told}");
    }

    #[test]
    fn kubernetes_is_named_as_for_configuration() {
        let parsed = "k8s://?namespace=a,b&kubeconfig=/etc/kube".parse().unwrap();
        let WorkloadSource::Kubernetes(location) = parsed else { panic!("{parsed:?}") };
        assert_eq!(location.namespaces.len(), 2);
        assert_eq!(location.kubeconfig, Some("/etc/kube".into()));
    }
}
