use std::io;
use std::path::PathBuf;

/// Why configuration cannot be read at all; mistakes inside it are [`Problem`](crate::Problem)s.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The folder itself cannot be listed.
    #[error("cannot list the configuration folder {}: does it exist and may this user read it?", path.display())]
    ListFolder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The path is something else than a folder.
    #[error("the configuration folder {} is not a folder", path.display())]
    NotAFolder {
        /// The path.
        path: PathBuf,
    },
    /// The system gives no means to wait for changes.
    #[error("cannot watch the configuration folder {}: is the limit of open files reached?", path.display())]
    WatchFolder {
        /// The folder.
        path: PathBuf,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// The text names no source.
    #[error("`{given}` names no source of configuration: {why}")]
    Location {
        /// The text.
        given: String,
        /// What is wrong with it.
        why: String,
    },
    /// A file beside the source cannot be read, such as a certificate.
    #[error("cannot read {}, {purpose} of the configuration source", path.display())]
    ReadFile {
        /// The file.
        path: PathBuf,
        /// What it is for.
        purpose: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
    /// Nothing tells who and where the Kubernetes API server is.
    #[error(
        "no way to the Kubernetes API server: is there a kubeconfig file, with the context that is meant?"
    )]
    Kubernetes(#[source] Box<dyn std::error::Error + Send + Sync>),
}
