use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use mesh_identity::{SpiffeId, TlsStream};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tonic::Request;
use tonic::transport::server::Connected;

use super::connection_limits::Place;

/// What every HTTP/2 connection begins with.
const PREFACE: &[u8; 24] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// Who is at the other end of a connection; calls have it among their extensions.
#[derive(Debug, Clone)]
pub(crate) struct Peer {
    /// Where the connection comes from; `None` at a socket in the file system.
    pub(crate) address: Option<SocketAddr>,
    /// Who showed a certificate.
    pub(crate) identity: Option<Arc<SpiffeId>>,
}

impl Peer {
    /// Who sent `request`, for logs.
    pub(crate) fn of<R>(request: &Request<R>) -> String {
        let peer = request.extensions().get::<Self>();
        let address = match peer.and_then(|peer| peer.address) {
            Some(address) => address.to_string(),
            None => "a local socket".to_owned(),
        };
        match peer.and_then(|peer| peer.identity.as_ref()) {
            Some(identity) => format!("{identity} at {address}"),
            None => address,
        }
    }
}

/// A connection that has shown that it speaks HTTP/2.
#[derive(Debug)]
pub(super) struct Connection {
    transport: Transport,
    /// How much of the preface was handed on; it was read already.
    handed_on: usize,
    peer: Peer,
    _place: Place,
}

#[derive(Debug)]
pub(super) enum Transport {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<TlsStream<TcpStream>>),
}

impl Connection {
    /// Waits for a client's first words. `false` when they are not those of HTTP/2.
    pub(super) async fn greeted(transport: &mut Transport) -> io::Result<bool> {
        let mut read = [0; PREFACE.len()];
        match transport {
            Transport::Tcp(stream) => stream.read_exact(&mut read).await?,
            Transport::Unix(stream) => stream.read_exact(&mut read).await?,
            Transport::Tls(stream) => stream.read_exact(&mut read).await?,
        };
        Ok(read == *PREFACE)
    }

    /// The connection, after its first words were read.
    pub(super) fn new(transport: Transport, peer: Peer, place: Place) -> Self {
        Self { transport, handed_on: 0, peer, _place: place }
    }
}

impl Connected for Connection {
    type ConnectInfo = Peer;

    fn connect_info(&self) -> Peer {
        self.peer.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let left = &PREFACE[self.handed_on..];
        if !left.is_empty() {
            let length = left.len().min(buffer.remaining());
            buffer.put_slice(&left[..length]);
            self.handed_on += length;
            return Poll::Ready(Ok(()));
        }
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Transport::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Transport::Unix(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
            Transport::Tls(stream) => Pin::new(stream).poll_write_vectored(context, bytes),
        }
    }

    fn is_write_vectored(&self) -> bool {
        match &self.transport {
            Transport::Tcp(stream) => stream.is_write_vectored(),
            Transport::Unix(stream) => stream.is_write_vectored(),
            Transport::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Transport::Unix(stream) => Pin::new(stream).poll_flush(context),
            Transport::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.transport {
            Transport::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Transport::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}
