//! TLS served from files that others renew.
//!
//! The files are read once a second and compared with what was read before: that finds renamed files,
//! swapped links and files written in place alike, on any file system, for a few kilobytes of reading.
//! What is read is built aside, and takes the place of the old when certificate and key fit and have not
//! expired. Else the last good ones stay in use; that is counted, and logged once for each content. Files
//! are replaced one after the other, so a pair that does not fit is often just half renewed: the next
//! second settles it.
//!
//! Connections that stand are not touched: they keep the certificates of their handshake.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::ArcSwap;
use tokio::net::TcpStream;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tracing::{info, warn};

use crate::certificate::Facts;
use crate::tls_files::{Built, Contents};
use crate::{HandshakeError, IdentityError, SpiffeId, TlsFiles, TlsMetrics};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(1);

/// The TLS of a server.
#[derive(Debug)]
pub struct ServerTls {
    files: TlsFiles,
    metrics: TlsMetrics,
    built: ArcSwap<Built>,
    /// What was read at the start; the follower knows what came later.
    first: Contents,
}

/// A connection after its handshake.
#[derive(Debug)]
pub struct Handshaken {
    /// The connection.
    pub stream: TlsStream<TcpStream>,
    /// Who the client is, if it showed a certificate with one SPIFFE id.
    pub peer: Option<SpiffeId>,
}

impl ServerTls {
    /// Reads the files.
    ///
    /// # Errors
    /// When they are no identity that can be served.
    pub fn open(files: TlsFiles, metrics: TlsMetrics) -> Result<Self, IdentityError> {
        let first = files.read()?;
        let built = files.build(&first, SystemTime::now())?;
        export(&built, &metrics);
        Ok(Self { files, metrics, built: ArcSwap::from_pointee(built), first })
    }

    /// Takes up renewed files until `end` resolves.
    pub async fn follow(&self, end: impl Future<Output = ()>) {
        let mut seen = None;
        let mut ticks = interval(LOOK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut end = std::pin::pin!(end);
        let mut unreadable = false;
        loop {
            tokio::select! {
                _ = ticks.tick() => {}
                () = &mut end => return,
            }
            let files = self.files.clone();
            let read = tokio::task::spawn_blocking(move || files.read()).await;
            // It was cancelled: the process ends.
            let Ok(read) = read else { return };
            match read {
                Err(cause) => {
                    if !std::mem::replace(&mut unreadable, true) {
                        self.refuse(&cause);
                    }
                }
                Ok(contents) => {
                    unreadable = false;
                    if seen.as_ref().unwrap_or(&self.first) != &contents {
                        self.take(&contents);
                        seen = Some(contents);
                    }
                }
            }
        }
    }

    /// Makes the handshake with a client, within `limit`.
    ///
    /// # Errors
    /// Why it failed; it is counted.
    pub async fn handshake(
        &self,
        stream: TcpStream,
        limit: Duration,
    ) -> Result<Handshaken, HandshakeError> {
        let acceptor = TlsAcceptor::from(Arc::clone(&self.built.load().config));
        let shaken = match timeout(limit, acceptor.accept(stream)).await {
            Err(_elapsed) => Err(HandshakeError::Timeout),
            Ok(shaken) => shaken.map_err(HandshakeError::from),
        };
        let result = shaken.as_ref().map_or_else(HandshakeError::reason, |_| "ok");
        self.metrics.handshakes.with_label_values(&[result]).inc();
        let stream = shaken?;
        let leaf = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let facts = leaf.and_then(|leaf| Facts::read(leaf).ok());
        Ok(Handshaken { stream, peer: facts.and_then(|facts| facts.identity) })
    }

    fn take(&self, contents: &Contents) {
        match self.files.build(contents, SystemTime::now()) {
            Ok(built) => {
                export(&built, &self.metrics);
                self.metrics.reloads.with_label_values(&["taken"]).inc();
                info!(
                    certificate = %self.files.certificate.display(),
                    not_after = built.facts.not_after.as_secs(),
                    "renewed certificates are in use"
                );
                self.built.store(Arc::new(built));
            }
            Err(cause) => self.refuse(&cause),
        }
    }

    fn refuse(&self, cause: &IdentityError) {
        self.metrics.reloads.with_label_values(&["refused"]).inc();
        warn!(%cause, "changed files of TLS are not taken, the last good ones stay in use");
    }
}

fn export(built: &Built, metrics: &TlsMetrics) {
    let seconds = built.facts.not_after.as_secs();
    metrics.expiry.set(i64::try_from(seconds).unwrap_or(i64::MAX));
}
