use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use anyhow::{Context, Result};

/// A listener inside this process, with a thread for each connection. Dropped, it ends them all.
#[derive(Debug)]
pub(crate) struct Connections {
    address: SocketAddr,
    shared: Arc<Mutex<Shared>>,
    accepting: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    connections: Vec<(TcpStream, JoinHandle<()>)>,
    closing: bool,
}

impl Connections {
    /// Listens for `what` and has each connection served until `serve` returns. An error of it says that
    /// the connection has ended, here or there.
    ///
    /// # Errors
    /// When somebody listens there.
    pub(crate) fn serve(
        address: SocketAddr,
        what: &str,
        serve: impl Fn(TcpStream) -> Result<()> + Send + Sync + 'static,
    ) -> Result<Self> {
        let listener = TcpListener::bind(address).with_context(|| format!("listen for {what}"))?;
        let address = listener.local_addr()?;
        let shared = Arc::<Mutex<Shared>>::default();
        let accepting = thread::spawn({
            let shared = Arc::clone(&shared);
            move || accept(&listener, &shared, &Arc::new(serve))
        });
        Ok(Self { address, shared, accepting: Some(accepting) })
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }
}

impl Drop for Connections {
    fn drop(&mut self) {
        lock(&self.shared).closing = true;
        // Wakes the accepting thread. Where it cannot be reached, it has ended.
        drop(TcpStream::connect(self.address));
        drop(self.accepting.take().map(JoinHandle::join));
        let connections = std::mem::take(&mut lock(&self.shared).connections);
        for (stream, reading) in connections {
            // An error says that the other side was first.
            drop(stream.shutdown(Shutdown::Both));
            drop(reading.join());
        }
    }
}

/// What threads share, also after one of them has panicked.
pub(crate) fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn accept(
    listener: &TcpListener,
    shared: &Mutex<Shared>,
    serve: &Arc<impl Fn(TcpStream) -> Result<()> + Send + Sync + 'static>,
) {
    for stream in listener.incoming() {
        if lock(shared).closing {
            return;
        }
        let Ok(stream) = stream else { continue };
        let Ok(reading) = stream.try_clone() else { continue };
        let serve = Arc::clone(serve);
        let thread = thread::spawn(move || drop(serve(reading)));
        lock(shared).connections.push((stream, thread));
    }
}
