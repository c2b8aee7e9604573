//! From the listener to connections that speak HTTP/2.
//!
//! A client costs nothing that is not bounded before its first call: connections are counted, all and for
//! each address, and those above are closed at once. TLS and the first words of HTTP/2 must come within a
//! few seconds. Handshakes wait side by side, so a slow one holds nobody up; when there are too many, the
//! oldest is closed, since those of honest clients are over in milliseconds. Once a connection stands,
//! pings find out whether its client still lives.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use mesh_identity::ServerTls;
use mesh_runtime::Drain;
use prometheus::IntCounterVec;
use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::{sleep, timeout};
use tracing::{debug, warn};

use super::connection::{Connection, Peer, Transport};
use super::connection_limits::{ConnectionLimits, Place};
use crate::listener::{Accepted, Listener};

/// How long to wait when the system gives no connections, which is when files have run out.
const PAUSE: Duration = Duration::from_millis(50);

/// Takes connections from a listener.
#[derive(Debug, Clone)]
pub(super) struct Acceptor {
    pub(super) tls: Option<Arc<ServerTls>>,
    pub(super) limits: Arc<ConnectionLimits>,
    pub(super) handshake_limit: Duration,
    pub(super) max_handshakes: usize,
    pub(super) refused: IntCounterVec,
}

impl Acceptor {
    /// Sends connections to `out` until the process drains or nobody takes them.
    pub(super) async fn run(self, listener: Listener, out: mpsc::Sender<Connection>, drain: Drain) {
        let mut handshakes = JoinSet::new();
        let mut oldest_first = VecDeque::new();
        loop {
            tokio::select! {
                accepted = listener.accept() => match accepted {
                    Ok(client) => {
                        let Some(place) = self.place(&client) else { continue };
                        self.make_room(&mut oldest_first);
                        let handshake = self.clone().shake(client, place, out.clone());
                        oldest_first.push_back(handshakes.spawn(handshake));
                    }
                    Err(cause) => {
                        self.refuse("accept");
                        warn!(%cause, "a connection to the gRPC port could not be taken; are there too many open files?");
                        sleep(PAUSE).await;
                    }
                },
                Some(_) = handshakes.join_next() => {}
                () = out.closed() => return,
                () = drain.signaled() => return,
            }
        }
    }

    fn place(&self, client: &Accepted) -> Option<Place> {
        let address = match client {
            Accepted::Tcp(_, address) => Some(address.ip().to_canonical()),
            Accepted::Unix(_) => None,
        };
        let place = self.limits.enter(address);
        place.inspect_err(|reason| self.refuse(reason)).ok()
    }

    /// Forgets handshakes that are over, and closes the oldest when there are too many.
    fn make_room(&self, oldest_first: &mut VecDeque<AbortHandle>) {
        if oldest_first.len() < self.max_handshakes {
            return;
        }
        oldest_first.retain(|handshake| !handshake.is_finished());
        if oldest_first.len() >= self.max_handshakes
            && let Some(oldest) = oldest_first.pop_front()
        {
            oldest.abort();
            self.refuse("handshakes");
        }
    }

    async fn shake(self, client: Accepted, place: Place, out: mpsc::Sender<Connection>) {
        let Some((mut transport, peer)) = self.secure(client).await else { return };
        match timeout(self.handshake_limit, Connection::greeted(&mut transport)).await {
            Err(_elapsed) => return self.refuse("slow"),
            // It asked nothing and went, as probes of a port do.
            Ok(Err(_gone)) => return,
            Ok(Ok(false)) => return self.refuse("not_http2"),
            Ok(Ok(true)) => {}
        }
        // When nobody takes it, the process ends.
        let _ends = out.send(Connection::new(transport, peer, place)).await;
    }

    /// Makes the handshake of TLS, if it is served; a socket in the file system needs none.
    async fn secure(&self, client: Accepted) -> Option<(Transport, Peer)> {
        let (stream, address) = match client {
            Accepted::Unix(stream) => {
                return Some((Transport::Unix(stream), Peer { address: None, identity: None }));
            }
            Accepted::Tcp(stream, address) => (stream, address),
        };
        // Answers are small; waiting to fill a packet would only delay them.
        if let Err(cause) = stream.set_nodelay(true) {
            debug!(%cause, "a connection takes no options");
        }
        let address = Some(address);
        let Some(tls) = &self.tls else {
            return Some((Transport::Tcp(stream), Peer { address, identity: None }));
        };
        match tls.handshake(stream, self.handshake_limit).await {
            Ok(shaken) => {
                let peer = Peer { address, identity: shaken.peer.map(Arc::new) };
                Some((Transport::Tls(Box::new(shaken.stream)), peer))
            }
            Err(cause) => {
                self.refuse("tls");
                debug!(?address, %cause, "a client was refused");
                None
            }
        }
    }

    fn refuse(&self, reason: &str) {
        self.refused.with_label_values(&[reason]).inc();
    }
}
