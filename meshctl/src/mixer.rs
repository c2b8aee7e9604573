use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use tonic::Status;
use tonic::metadata::{AsciiMetadataKey, MetadataMap};
use tonic::transport::{Channel, Endpoint};

/// Marks mistakes of whoever wrote the command line: the process exits as clap does for those it finds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct WrongArguments;

/// How the process exits then.
pub(crate) const WRONG_ARGUMENTS: u8 = 2;

impl fmt::Display for WrongArguments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the command line is wrong")
    }
}

/// A Mixer that does not answer within this time is taken for away.
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// How the process exits when Mixer gives no answer.
pub(crate) const CALL_FAILED: u8 = 3;

/// Metadata of calls: `name=value` each.
///
/// # Errors
/// For the first that is not of that form, or that no header can carry.
pub(crate) fn call_headers(arguments: &[String]) -> Result<MetadataMap> {
    let mut headers = MetadataMap::new();
    for argument in arguments {
        let (name, value) = argument
            .split_once('=')
            .with_context(|| format!("--header {argument}: expected NAME=VALUE"))?;
        let key: AsciiMetadataKey =
            name.parse().map_err(|_| anyhow!("--header {name}: no header has such a name"))?;
        let value = value.parse().map_err(|_| anyhow!("--header {name}: no text for a header"))?;
        headers.append(key, value);
    }
    Ok(headers)
}

/// Why Mixer gave no answer, and when it wants to be asked again.
pub(crate) fn refusal(status: &Status) -> String {
    let mut text = format!("Mixer refused the call: {}: {}", status.code(), status.message());
    let again = status.metadata().get("grpc-retry-pushback-ms");
    if let Some(millis) = again.and_then(|again| again.to_str().ok()) {
        text.push_str(&format!(" (again in {millis} ms)"));
    }
    text
}

/// A connection to the Mixer at `address`, host:port or unix:///path.
pub(crate) async fn connect(address: &str) -> Result<Channel> {
    let url = match address.strip_prefix("unix://") {
        Some(path) => format!("unix:{path}"),
        None => format!("http://{address}"),
    };
    Endpoint::new(url)
        .with_context(|| format!("--mixer {address}: expected host:port or unix:///path"))?
        .connect_timeout(TIMEOUT)
        .connect()
        .await
        .with_context(|| format!("no Mixer answers at {address}"))
}
