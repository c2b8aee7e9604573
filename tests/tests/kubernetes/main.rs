//! Custom resources and pods of a real Kubernetes API server: `cargo xtask test --tier kubernetes`.

#[path = "../following/mod.rs"]
mod following;

mod api_server;
mod away;
mod changes;
mod kinds;
mod mixer;
mod workloads;

/// Ends the test, noted as not run, when a part is missing on this machine.
macro_rules! require_api_server {
    () => {
        if !testbed::Part::Etcd.or_note_missing() || !testbed::Part::KubeApiserver.or_note_missing()
        {
            return Ok(());
        }
    };
}
use require_api_server;
