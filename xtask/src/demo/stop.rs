use std::path::Path;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread;

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::endpoints;

/// What a shell reports of a program that Ctrl-C ended.
const INTERRUPTED: i32 = 130;

/// The wish to stop: Ctrl-C, or a signal that asks for the same.
#[derive(Debug)]
pub(crate) struct Stop {
    awaited: Arc<AtomicBool>,
    asked: Receiver<()>,
}

impl Stop {
    /// Listens for it. Until somebody waits for it, it ends this program at once; the watchdog then
    /// stops what was started.
    ///
    /// # Errors
    /// When signals cannot be listened for.
    pub(crate) fn on_signals(folder: &Path) -> Result<Self> {
        let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listen for Ctrl-C")?;
        let awaited = Arc::new(AtomicBool::new(false));
        let (ask, asked) = sync_channel(1);
        let folder = folder.to_owned();
        let is_awaited = Arc::clone(&awaited);
        thread::spawn(move || {
            for _ in signals.forever() {
                // A second Ctrl-C finds nobody waiting any more.
                if is_awaited.swap(false, Ordering::Relaxed) && ask.send(()).is_ok() {
                    continue;
                }
                if let Err(cause) = endpoints::remove(&folder) {
                    eprintln!("error: {cause:#}");
                }
                process::exit(INTERRUPTED);
            }
        });
        Ok(Self { awaited, asked })
    }

    /// Waits for it.
    ///
    /// # Errors
    /// When nothing listens any more.
    pub(crate) fn wait(&self) -> Result<()> {
        self.awaited.store(true, Ordering::Relaxed);
        self.asked.recv().context("nothing listens for Ctrl-C")
    }
}
