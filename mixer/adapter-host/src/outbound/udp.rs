use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::UdpSocket;
use tokio::time::{Instant, sleep};

use super::address::{Host, SocketAddress};
use super::backoff::Backoff;
use super::dial::resolve;
use super::health::Stage;
use super::queue::Taken;
use super::status::Reason;
use super::target::Target;

/// How long a name's address is used before it is looked up again: nothing else tells that a datagram's
/// receiver has moved.
const RESOLVE_AGAIN: Duration = Duration::from_secs(30);

/// A receiver that was refused counts as back when nothing was refused for so long.
const QUIET: Duration = Duration::from_secs(1);

struct Socket {
    socket: UdpSocket,
    opened: Instant,
}

/// Sends a target's messages as datagrams, until its queue is closed and empty. They stay in the queue
/// only while there is no address to send them to.
pub(super) async fn run(target: Arc<Target>, address: SocketAddress) {
    let Target { queue, health, .. } = &*target;
    let mut backoff = Backoff::of_target();
    let mut socket: Option<Socket> = None;
    let mut attempt = 0;
    let mut refused: Option<Instant> = None;
    while queue.is_due().await {
        let is_name = matches!(address.host, Host::Name(_));
        if socket.as_ref().is_some_and(|s| is_name && s.opened.elapsed() > RESOLVE_AGAIN) {
            socket = None;
        }
        let connected = match socket.take() {
            Some(connected) => connected,
            None => match open(&address, attempt).await {
                Ok(connected) => connected,
                Err(cause) => {
                    let pause = backoff.pause();
                    health.failed(&cause, pause);
                    sleep(pause).await;
                    continue;
                }
            },
        };
        let Some(taken) = queue.take().await else { break };
        match send(&connected.socket, taken).await {
            Ok(()) => {
                backoff.reset();
                if refused.is_none_or(|since| since.elapsed() > QUIET) {
                    refused = None;
                    health.works();
                }
                socket = Some(connected);
            }
            Err(error) => {
                // The next one goes to another of the name's addresses, if there is one.
                attempt += 1;
                refused = Some(Instant::now());
                health.failed(&format!("send a datagram: {error}"), Duration::ZERO);
            }
        }
    }
    health.is(Stage::Closed);
}

/// Sends one datagram. An error may be that of the one before: the peer's host said that nobody listens.
/// Then this one is sent nevertheless.
async fn send(socket: &UdpSocket, taken: Taken) -> io::Result<()> {
    let datagram = taken.bundle();
    let mut outcome = socket.send(&datagram).await;
    let mut earlier = None;
    if let Err(error) = &outcome
        && error.kind() == ErrorKind::ConnectionRefused
    {
        earlier = outcome.err();
        outcome = socket.send(&datagram).await;
    }
    match outcome {
        Ok(_) => taken.sent(),
        Err(error) => {
            taken.lost(Reason::Unsendable);
            return Err(error);
        }
    }
    earlier.map_or(Ok(()), Err)
}

async fn open(address: &SocketAddress, attempt: usize) -> Result<Socket, String> {
    let places = resolve(address).await?;
    let place = places[attempt % places.len()];
    let any: SocketAddr = match place {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let failed = |error: io::Error| format!("no datagrams can be sent to {place}: {error}");
    let socket = UdpSocket::bind(any).await.map_err(failed)?;
    socket.connect(place).await.map_err(failed)?;
    Ok(Socket { socket, opened: Instant::now() })
}
