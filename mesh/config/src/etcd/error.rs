use tonic::{Code, Status, transport};

use crate::ConfigError;

/// Why a connection to etcd ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum EtcdError {
    /// A file that belongs to the connection is gone or changed.
    #[error(transparent)]
    Files(#[from] ConfigError),
    /// The certificates, or the address, are not usable.
    #[error("cannot use TLS with etcd at {endpoint}: are the certificates PEM files?")]
    Tls {
        endpoint: String,
        #[source]
        source: transport::Error,
    },
    #[error("cannot connect to etcd at {endpoint}")]
    Connect {
        endpoint: String,
        #[source]
        source: transport::Error,
    },
    #[error("etcd at {endpoint} does not let user `{user}` log in ({})", said(status))]
    LogIn { endpoint: String, user: String, status: Box<Status> },
    #[error("etcd at {endpoint} does not tell what is below {prefix} ({})", said(status))]
    Read { endpoint: String, prefix: String, status: Box<Status> },
    #[error("etcd at {endpoint} ended the watch of {prefix} ({})", said(status))]
    Watch { endpoint: String, prefix: String, status: Box<Status> },
    #[error("etcd at {endpoint} cancelled the watch of {prefix} ({reason})")]
    Cancelled { endpoint: String, prefix: String, reason: String },
    #[error("etcd at {endpoint} closed the watch of {prefix}; does it restart?")]
    Closed { endpoint: String, prefix: String },
    #[error("etcd at {endpoint} has not answered for {seconds} s")]
    Silent { endpoint: String, seconds: u64 },
    /// The revision that was read is not kept any more.
    #[error("etcd at {endpoint} compacted revisions faster than they could be read")]
    Compacted { endpoint: String },
    #[error("etcd at {endpoint} answered without {what}; is it etcd, version 3.4 or newer?")]
    Strange { endpoint: String, what: &'static str },
}

/// Whether etcd says that a revision is compacted away.
pub(super) fn is_compacted(status: &Status) -> bool {
    status.code() == Code::OutOfRange && status.message().contains("compacted")
}

/// Whether the answer was larger than we take.
pub(super) fn is_too_large(status: &Status) -> bool {
    matches!(status.code(), Code::OutOfRange | Code::ResourceExhausted)
        && status.message().contains("message length too large")
}

/// What a status says, with the likely cause where users meet one often.
fn said(status: &Status) -> String {
    let cause = match (status.code(), status.message()) {
        (Code::PermissionDenied, _) => "; has the user's role read access to the whole prefix?",
        (Code::InvalidArgument, text) if text.contains("user name is empty") => {
            "; etcd asks for a login: ?user=NAME&password-file=FILE"
        }
        (Code::InvalidArgument, text) if text.contains("authentication failed") => {
            "; are name and password right?"
        }
        (Code::FailedPrecondition, text) if text.contains("authentication is not enabled") => {
            "; leave `user` out"
        }
        (Code::Unavailable, text) if text.contains("no leader") => {
            "; is it cut off from the other members?"
        }
        (Code::Unimplemented, _) => "; is it etcd, version 3.4 or newer?",
        _ => "",
    };
    let message = match status.message() {
        "" => status.code().description(),
        message => message,
    };
    format!("{message}{cause}")
}
