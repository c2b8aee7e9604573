//! Where the gRPC port listens: at an address, or at a socket in the file system.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};

use crate::options::ListenAddress;

/// A port that listens.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
}

/// A client that has just come.
#[derive(Debug)]
pub(crate) enum Accepted {
    Tcp(TcpStream, SocketAddr),
    Unix(UnixStream),
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Unix { listener: UnixListener, path: PathBuf },
}

impl Listener {
    /// Listens at `address`. A socket in the file system that a killed process left is replaced.
    pub(crate) async fn bind(address: &ListenAddress) -> anyhow::Result<Self> {
        let socket = match address {
            ListenAddress::Tcp(address) => {
                Socket::Tcp(TcpListener::bind(address).await.with_context(|| {
                    format!(
                        "gRPC port {address} cannot be bound; is another process listening there?"
                    )
                })?)
            }
            ListenAddress::Unix(path) => {
                remove_stale(path).await?;
                let listener = UnixListener::bind(path).with_context(|| {
                    format!("gRPC socket {} cannot be made; is its folder there?", path.display())
                })?;
                Socket::Unix { listener, path: path.clone() }
            }
        };
        Ok(Self { socket })
    }

    /// Where it listens, with the port that the system chose.
    pub(crate) fn address(&self) -> io::Result<ListenAddress> {
        Ok(match &self.socket {
            Socket::Tcp(listener) => ListenAddress::Tcp(listener.local_addr()?),
            Socket::Unix { path, .. } => ListenAddress::Unix(path.clone()),
        })
    }

    /// The next client. May be cancelled.
    pub(crate) async fn accept(&self) -> io::Result<Accepted> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, address) = listener.accept().await?;
                Ok(Accepted::Tcp(stream, address))
            }
            Socket::Unix { listener, .. } => Ok(Accepted::Unix(listener.accept().await?.0)),
        }
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        if let Self::Unix { path, .. } = self {
            // It may be gone already; nothing depends on it any more.
            let _gone = fs::remove_file(path);
        }
    }
}

/// Removes a socket that nobody listens at; anything else at the place is left for `bind` to refuse.
async fn remove_stale(path: &Path) -> anyhow::Result<()> {
    let is_socket = fs::symlink_metadata(path).is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).await.is_err() {
        fs::remove_file(path)
            .with_context(|| format!("the old socket {} cannot be removed", path.display()))?;
    }
    Ok(())
}
