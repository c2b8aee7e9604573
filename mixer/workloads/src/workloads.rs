use std::sync::Arc;

use adapter_host::WorkloadIndex;

use crate::{FileWorkloads, KubernetesWorkloads, WorkloadError, WorkloadMetrics, WorkloadSource};

/// What keeps an index filled, of either kind.
pub enum Workloads {
    /// Pods in files.
    Files(FileWorkloads),
    /// Pods of a Kubernetes API server.
    Kubernetes(Box<KubernetesWorkloads>),
}

impl Workloads {
    /// Learns of the pods for the first time, and fills the index. Of files that blocks.
    ///
    /// # Errors
    /// When files cannot be read or have mistakes, or nothing tells where the API server is. One that does
    /// not answer is no error.
    pub async fn open(
        source: &WorkloadSource,
        index: Arc<WorkloadIndex>,
        metrics: WorkloadMetrics,
    ) -> Result<Self, WorkloadError> {
        match source {
            WorkloadSource::Files(path) => {
                FileWorkloads::open(path.clone(), index, metrics).map(Self::Files)
            }
            WorkloadSource::Kubernetes(location) => {
                let followed = KubernetesWorkloads::open(location, index, metrics).await?;
                Ok(Self::Kubernetes(Box::new(followed)))
            }
        }
    }

    /// Follows changes until `stop` resolves.
    pub async fn run(self, stop: impl Future<Output = ()>) {
        match self {
            Self::Files(files) => files.run(stop).await,
            Self::Kubernetes(followed) => followed.run(stop).await,
        }
    }
}
