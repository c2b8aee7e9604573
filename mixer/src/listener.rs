//! The gRPC port's connections, bounded.
//!
//! A client that opens connections without end costs memory and file descriptors that others need. Above
//! the bound a connection is accepted and closed at once, so that its client sees at once that it is not
//! served here and tries another Mixer; left in the backlog it would wait without knowing.

use std::fs;
use std::io;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use anyhow::Context as _;
use futures_util::{Stream, stream};
use prometheus::IntGauge;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::transport::server::{Connected, TcpConnectInfo};
use tracing::warn;

use crate::metrics::Metrics;
use crate::options::ListenAddress;

/// After the system refused a connection, such as for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// A port that listens.
#[derive(Debug)]
pub(crate) struct Listener {
    socket: Socket,
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

    /// Its connections, at most `limit` at once.
    pub(crate) fn connections(
        self,
        limit: u32,
        metrics: &Metrics,
    ) -> impl Stream<Item = io::Result<Connection>> + Send + 'static {
        let places = Arc::new(Semaphore::new(limit as usize));
        let (open, refused) = (metrics.connections.clone(), metrics.connections_refused.clone());
        stream::unfold(self, move |listener| {
            let (places, open, refused) = (Arc::clone(&places), open.clone(), refused.clone());
            async move {
                loop {
                    let stream = match listener.accept().await {
                        Ok(stream) => stream,
                        Err(cause) => {
                            warn!(%cause, "a gRPC connection could not be accepted");
                            tokio::time::sleep(ACCEPT_PAUSE).await;
                            continue;
                        }
                    };
                    let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                        refused.inc();
                        warn!(limit, "a gRPC connection is closed at once: there are too many");
                        continue;
                    };
                    open.inc();
                    let connection = Connection { stream, open: open.clone(), _place: place };
                    return Some((Ok(connection), listener));
                }
            }
        })
    }

    async fn accept(&self) -> io::Result<Transport> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                stream.set_nodelay(true)?;
                Ok(Transport::Tcp(stream))
            }
            Socket::Unix { listener, .. } => Ok(Transport::Unix(listener.accept().await?.0)),
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

/// A connection of a client.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: Transport,
    open: IntGauge,
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.open.dec();
    }
}

impl Connected for Connection {
    type ConnectInfo = TcpConnectInfo;

    fn connect_info(&self) -> TcpConnectInfo {
        match &self.stream {
            Transport::Tcp(stream) => stream.connect_info(),
            Transport::Unix(_) => TcpConnectInfo { local_addr: None, remote_addr: None },
        }
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Transport::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Transport::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.stream {
            Transport::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, parts),
            Transport::Unix(stream) => Pin::new(stream).poll_write_vectored(context, parts),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Transport::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Transport::Unix(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Transport::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Unix(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
