use std::time::Duration;

use anyhow::{Context, Result};
use tonic::transport::{Channel, Endpoint};

/// A Mixer that does not answer within this time is taken for away.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How the process exits when Mixer gives no answer.
pub(crate) const CALL_FAILED: u8 = 3;

/// A connection to the Mixer at `address`, host:port.
pub(crate) async fn connect(address: &str) -> Result<Channel> {
    Endpoint::new(format!("http://{address}"))
        .with_context(|| format!("--mixer {address}: expected host:port"))?
        .connect_timeout(TIMEOUT)
        .connect()
        .await
        .with_context(|| format!("no Mixer answers at {address}"))
}
