//! Following custom resources of Kubernetes: all kinds of `config.istio.io/v1alpha2` that the API server
//! serves.
//!
//! Each kind (in each namespace, where some are named) is listed, which says everything there is, and then
//! watched. After any failure, and when the server has forgotten the version from which a watch would go
//! on (410 Gone), the kind is listed anew; nothing is removed but by a list without it or by word of its
//! deletion. Only a watch that ends in order at its time goes on where it was.
//!
//! - Which kinds there are is asked every five seconds. A kind that has no definition yet is empty, and
//!   is followed as soon as it has one. A kind whose definition goes away while objects are known leaves
//!   them in force, as a problem, unless their deletion was told.
//! - That question is also the sign of life: while it is answered and all watches are open, the data is
//!   the newest. A watch that is dead without a word is noticed after a minute and a quarter.
//! - An object is read from the text that `kubectl get KIND NAME -n NAMESPACE -o json` shows, so the
//!   lines in problems are lines of that.
//! - The revision of a set is the highest `resourceVersion` of the lists and changes in it. Should a
//!   server have versions that are no numbers, the time in nanoseconds takes their place: it orders the
//!   sets of one process, and those of several as far as their clocks agree.

mod client;
mod hub;
mod object;
mod source;
mod watcher;

#[cfg(test)]
mod tests;

pub use client::kubernetes_client;
pub use source::KubernetesSource;

/// The group of our kinds.
const GROUP: &str = "config.istio.io";
const VERSION: &str = "v1alpha2";
