//! The token that goes with each call, from a file that may change.

use std::io;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use mesh_config::TokenHeader;
use tokio::time::Instant;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue, MetadataMap};

use crate::tls;

/// How long a token is used before its file is read again. Kubernetes renews one when a fifth of its
/// life, ten minutes at least, is left.
const FRESH: Duration = Duration::from_secs(30);

/// A token and the header that it goes into.
#[derive(Debug)]
pub(crate) struct Token {
    path: PathBuf,
    header: AsciiMetadataKey,
    prefix: &'static str,
    known: Mutex<Option<(Instant, AsciiMetadataValue)>>,
}

impl Token {
    /// The token in the file at `path`, which is first read when it is needed.
    ///
    /// # Errors
    /// When the header's name is none.
    pub(crate) fn new(path: PathBuf, header: &TokenHeader) -> Result<Self, String> {
        let (name, prefix) = match header {
            TokenHeader::Plain => ("authorization", ""),
            TokenHeader::Bearer => ("authorization", "Bearer "),
            TokenHeader::Custom(name) => (name.value.as_str(), ""),
        };
        let header = name.to_ascii_lowercase();
        // What ends so is no text in gRPC.
        let is_text = !header.ends_with("-bin") && !header.starts_with("grpc-");
        let header = AsciiMetadataKey::from_bytes(header.as_bytes()).ok().filter(|_| is_text);
        let header =
            header.ok_or_else(|| format!("`{name}` is no header that can hold a token"))?;
        Ok(Self { path, header, prefix, known: Mutex::default() })
    }

    /// Adds the token to the headers of a call.
    ///
    /// # Errors
    /// When the file cannot be read or holds no token.
    pub(crate) async fn add(&self, headers: &mut MetadataMap) -> io::Result<()> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let value = match known {
            Some((read, value)) if read.elapsed() < FRESH => value,
            _ => {
                let value = self.read().await?;
                let known = Some((Instant::now(), value.clone()));
                *self.known.lock().unwrap_or_else(PoisonError::into_inner) = known;
                value
            }
        };
        headers.insert(self.header.clone(), value);
        Ok(())
    }

    async fn read(&self) -> io::Result<AsciiMetadataValue> {
        let path = self.path.clone();
        let bytes = tokio::task::spawn_blocking(move || tls::read(&path)).await??;
        let bad = || io::Error::new(io::ErrorKind::InvalidData, "the token's file holds no token");
        let token = std::str::from_utf8(&bytes).map_err(|_| bad())?.trim();
        let text = format!("{}{token}", self.prefix);
        let mut value = text.parse::<AsciiMetadataValue>().map_err(|_| bad())?;
        if token.is_empty() {
            return Err(bad());
        }
        value.set_sensitive(true);
        Ok(value)
    }
}
