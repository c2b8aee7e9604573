use std::future::Future;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tracing::{error, warn};

/// Owns a process's long-running tasks: nothing is detached, and all end when the process drains.
#[derive(Debug)]
pub struct Tasks {
    set: JoinSet<&'static str>,
    drain: watch::Sender<bool>,
}

/// Tells a task that the process is going down. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Drain(watch::Receiver<bool>);

impl Default for Tasks {
    fn default() -> Self {
        Self { set: JoinSet::new(), drain: watch::Sender::new(false) }
    }
}

impl Tasks {
    /// An owner without tasks.
    pub fn new() -> Self {
        Self::default()
    }

    /// A signal for tasks that this owner drains.
    pub fn drain_signal(&self) -> Drain {
        Drain(self.drain.subscribe())
    }

    /// Starts `task`; `name` is what logs call it.
    pub fn start(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        self.set.spawn(async move {
            task.await;
            name
        });
    }

    /// Waits until `stop` resolves, or until a task ends before its time, which is logged as an error.
    pub async fn run_until(&mut self, stop: impl Future<Output = ()>) {
        tokio::select! {
            () = stop => {}
            ended = self.set.join_next(), if !self.set.is_empty() => match ended {
                Some(Ok(name)) => error!(task = name, "a task ended before the process was told to stop"),
                Some(Err(cause)) => error!(%cause, "a task panicked"),
                None => {}
            },
        }
    }

    /// Tells all tasks to end and waits for them at most `limit`; those still running are then aborted.
    pub async fn drain(mut self, limit: Duration) {
        self.drain.send_replace(true);
        let all = async { while self.set.join_next().await.is_some() {} };
        if tokio::time::timeout(limit, all).await.is_err() {
            warn!(
                seconds = limit.as_secs_f64(),
                left = self.set.len(),
                "tasks did not end in time and are aborted"
            );
            self.set.shutdown().await;
        }
    }
}

impl Drain {
    /// Resolves once the process drains. Also resolves when the owner is gone.
    pub async fn signaled(&self) {
        let mut drain = self.0.clone();
        let _owner_gone = drain.wait_for(|drains| *drains).await;
    }

    /// Whether the process drains.
    pub fn is_draining(&self) -> bool {
        *self.0.borrow()
    }
}

/// Resolves at SIGTERM or SIGINT.
///
/// # Errors
/// When the process may not install signal handlers.
pub async fn until_terminated() -> std::io::Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn drain_ends_tasks_that_listen_and_aborts_those_that_do_not() {
        let mut tasks = Tasks::new();
        let drain = tasks.drain_signal();
        let (ended, mut listener_ended) = watch::channel(false);
        tasks.start("listens", async move {
            drain.signaled().await;
            ended.send_replace(true);
        });
        tasks.start("deaf", std::future::pending());
        tasks.drain(Duration::from_secs(1)).await;
        assert!(listener_ended.wait_for(|e| *e).await.is_ok());
    }

    #[tokio::test]
    async fn a_task_that_ends_early_ends_the_run() {
        let mut tasks = Tasks::new();
        tasks.start("short", async {});
        tasks.run_until(std::future::pending()).await;
    }
}
