use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::str::FromStr;

/// Where a port listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ListenAddress {
    /// `host:port`, or `tcp://host:port`; the host is an IP address.
    Tcp(SocketAddr),
    /// `unix:///path`: a socket in the file system, for a sidecar in the same pod.
    Unix(PathBuf),
}

/// The text is no address to listen at.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is neither host:port with an IP address, such as 0.0.0.0:9091, nor unix:///path")]
pub struct ListenAddressError(String);

impl FromStr for ListenAddress {
    type Err = ListenAddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = || ListenAddressError(text.to_owned());
        if let Some(path) = text.strip_prefix("unix://") {
            let absolute = path.starts_with('/') && !path.ends_with('/');
            return absolute.then(|| Self::Unix(path.into())).ok_or_else(wrong);
        }
        text.strip_prefix("tcp://").unwrap_or(text).parse().map(Self::Tcp).map_err(|_| wrong())
    }
}

impl fmt::Display for ListenAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
        }
    }
}
