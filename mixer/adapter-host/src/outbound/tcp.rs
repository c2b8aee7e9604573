use std::sync::Arc;
use std::time::Duration;

use rustls::ClientConfig;
use tokio::time::sleep;

use super::address::SocketAddress;
use super::backoff::Backoff;
use super::connection::{Connection, End};
use super::dial::dial;
use super::health::Stage;
use super::lead::Lead;
use super::target::Target;

/// The least time between two connections when the first has worked: some peers close after each message.
const PAUSE: Duration = Duration::from_millis(50);

/// Sends a target's messages over one connection at a time, until its queue is closed and empty.
/// Connects when there is something to send.
pub(super) async fn run(
    target: Arc<Target>,
    address: SocketAddress,
    tls: Option<Arc<ClientConfig>>,
    lead: Option<Lead>,
    limit: Duration,
) {
    let Target { queue, health, .. } = &*target;
    let mut backoff = Backoff::of_target();
    while queue.is_due().await {
        health.is(Stage::Connecting);
        let stream = match dial(&address, tls.as_ref(), limit).await {
            Ok(stream) => stream,
            Err(cause) => {
                let pause = backoff.pause();
                health.failed(&cause, pause);
                sleep(pause).await;
                continue;
            }
        };
        health.is(Stage::Connected);
        let mut connection = Connection::new(stream, queue, health, lead.as_ref(), limit);
        let end = connection.serve().await;
        if connection.has_worked {
            backoff.reset();
        }
        let pause = if connection.has_worked { PAUSE } else { backoff.pause() };
        drop(connection);
        match end {
            End::Finished => break,
            End::Idle => health.is(Stage::Idle),
            End::Broken(cause) => health.failed(&cause, pause),
        }
        sleep(pause).await;
    }
    health.is(Stage::Closed);
}
