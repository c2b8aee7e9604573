use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

use super::address::{Host, SocketAddress};

/// A connection, encrypted or not.
pub(super) trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}

impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

/// The longest that DNS, a connection to one of several addresses, or a TLS handshake may take. Linux
/// alone would try to connect for two minutes.
pub(super) const DIAL_LIMIT: Duration = Duration::from_secs(5);

/// So many of a name's addresses are tried.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a host, in the resolver's order; at least one.
pub(super) async fn resolve(address: &SocketAddress) -> Result<Vec<SocketAddr>, String> {
    let name = match &address.host {
        Host::Ip(ip) => return Ok(vec![SocketAddr::new(*ip, address.port)]),
        Host::Name(name) => name,
    };
    let found = match timeout(DIAL_LIMIT, lookup_host((name.as_str(), address.port))).await {
        Ok(Ok(found)) => found.take(MAX_ADDRESSES).collect::<Vec<_>>(),
        Ok(Err(error)) => return Err(format!("{name} cannot be resolved: {error}")),
        Err(_elapsed) => return Err(format!("{name} cannot be resolved within {DIAL_LIMIT:?}")),
    };
    if found.is_empty() {
        return Err(format!("{name} has no address"));
    }
    Ok(found)
}

/// Connects to the first of the host's addresses that takes the connection.
pub(super) async fn dial(
    address: &SocketAddress,
    tls: Option<&Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Box<dyn Stream>, String> {
    let limit = limit.min(DIAL_LIMIT);
    let mut failure = String::new();
    for place in resolve(address).await? {
        match open(place, address, tls, limit).await {
            Ok(stream) => return Ok(stream),
            Err(cause) => failure = cause,
        }
    }
    Err(failure)
}

async fn open(
    place: SocketAddr,
    address: &SocketAddress,
    tls: Option<&Arc<ClientConfig>>,
    limit: Duration,
) -> Result<Box<dyn Stream>, String> {
    let stream = match timeout(limit, TcpStream::connect(place)).await {
        Ok(outcome) => outcome.map_err(|error| format!("connect to {place}: {error}"))?,
        Err(_elapsed) => return Err(format!("{place} takes no connection within {limit:?}")),
    };
    // Bundles are made before they get here.
    let _slower_only = stream.set_nodelay(true);
    let Some(config) = tls else { return Ok(Box::new(stream)) };
    let name = match &address.host {
        Host::Ip(ip) => ServerName::IpAddress((*ip).into()),
        Host::Name(name) => {
            let name = name.strip_suffix('.').unwrap_or(name).to_owned();
            ServerName::try_from(name).map_err(|error| error.to_string())?
        }
    };
    let handshake = TlsConnector::from(Arc::clone(config)).connect(name, stream);
    match timeout(limit, handshake).await {
        Ok(Ok(stream)) => Ok(Box::new(stream)),
        Ok(Err(error)) => Err(format!("TLS with {place}: {error}")),
        Err(_elapsed) => Err(format!("TLS with {place}: no handshake within {limit:?}")),
    }
}
