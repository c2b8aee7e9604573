//! Where configuration comes from, and how it is followed.
//!
//! Goal: whatever happens to a store or to the way to it, what is enforced is the last configuration that
//! was read whole. A source first tells everything there is, then each change, as kube's watcher does
//! (`Init`, `InitApply`, `InitDone`, `Apply`, `Delete`); a new telling takes the place of the old one at
//! once when it is complete, never piece by piece. An object that cannot be read, or has a mistake, leaves
//! its version before in force; only a telling without it, or word of its deletion, removes it. While the
//! store is away nothing changes but the age of the data, which [`SourceStatus`] tells, and connecting is
//! tried again for ever.
//!
//! Refused: to give up what was read after some time. A mesh that loses its policy because its store is
//! down is worse off than one with policy of an hour ago; whoever thinks otherwise has the age as a
//! metric.

mod backoff;
mod inventory;
mod location;
mod publisher;
mod status;

#[cfg(test)]
mod tests;

use std::future::Future;

pub use backoff::Backoff;
pub(crate) use inventory::{Event, Inventory, Object, Scope};
pub(crate) use publisher::{Publisher, explain};

pub use location::{EtcdLocation, EtcdLogin, EtcdTls, KubernetesLocation, SourceLocation};
pub use status::{SourceFeed, SourceStatus};

use crate::{ConfigError, EtcdSource, FolderSource, KubernetesSource};

/// A source of configuration that is being followed.
pub enum Source {
    /// A folder of YAML files.
    Folder(FolderSource),
    /// A prefix of etcd.
    Etcd(EtcdSource),
    /// Custom resources of Kubernetes.
    Kubernetes(KubernetesSource),
}

impl Source {
    /// Prepares to follow what is at `location`.
    ///
    /// A folder is read here, which blocks the thread. For the others only local files are read, such as
    /// certificates: they connect in [`Source::run`], and the first set comes when they have.
    ///
    /// # Errors
    /// When the folder, or a local file that the location needs, cannot be read.
    pub async fn open(location: &SourceLocation) -> Result<(Self, SourceFeed), ConfigError> {
        match location {
            SourceLocation::Folder(dir) => {
                FolderSource::open(dir).map(|(source, feed)| (Self::Folder(source), feed))
            }
            SourceLocation::Etcd(location) => {
                EtcdSource::open(location).map(|(source, feed)| (Self::Etcd(source), feed))
            }
            SourceLocation::Kubernetes(location) => {
                let opened = KubernetesSource::open(location).await;
                opened.map(|(source, feed)| (Self::Kubernetes(source), feed))
            }
        }
    }

    /// Follows the source and publishes each change until `shutdown` resolves.
    pub async fn run(self, shutdown: impl Future<Output = ()>) {
        match self {
            Self::Folder(source) => source.run(shutdown).await,
            Self::Etcd(source) => source.run(shutdown).await,
            Self::Kubernetes(source) => source.run(shutdown).await,
        }
    }
}
