use std::io::{self, Write};

use flate2::Compression;
use flate2::write::GzEncoder;
use tokio::task::spawn_blocking;

/// Compresses on a thread of its own: a megabyte takes some ten milliseconds.
pub(super) async fn gzip(body: Vec<u8>) -> io::Result<Vec<u8>> {
    let compress = move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&body)?;
        encoder.finish()
    };
    spawn_blocking(compress).await.map_err(io::Error::other)?
}
