//! Pods of a Kubernetes API server, followed by one watch for each namespace that is named, or one for all.
//! No request of the mesh asks the server anything.
//!
//! Pods are listed, which says all there are, and then watched. After a failure, and when the server has
//! forgotten the version from which a watch would go on (410 Gone), they are listed again; a pod goes only
//! by a list without it or by word of its deletion. While the server is away what was known stays.
//! Changes are gathered before they are shown: the index is made anew each time, and a large one takes
//! longer than the pods of a busy cluster stay the same.
//!
//! Whose workload a pod is, its own owner and labels tell (see `controller`): no other kind is watched.

mod follower;
mod known;
mod watcher;

pub use self::follower::KubernetesWorkloads;
