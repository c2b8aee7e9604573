use std::io;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use wasmtime::Engine;

/// How long a component may run before the thread's other tasks get a turn (DESIGN.md section 5).
const TICK: Duration = Duration::from_millis(1);

/// The thread that advances the engine's epoch; stopped and joined on drop.
#[derive(Debug)]
pub(crate) struct Ticker {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    pub(crate) fn spawn(engine: &Engine) -> io::Result<Self> {
        let engine = engine.weak();
        let (stop, stopped) = sync_channel::<()>(1);
        let thread = thread::Builder::new().name("wasm-epoch".to_owned()).spawn(move || {
            while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(TICK) {
                let Some(engine) = engine.upgrade() else { return };
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that limits the run time of adapters has panicked");
        }
    }
}
