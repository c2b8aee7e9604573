//! Messages of the forward protocol: entries of one tag, packed or compressed.

use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use rmp::encode;
use sha2::{Digest, Sha256};

/// Writing to memory does not fail.
const IN_MEMORY: &str = "memory takes what is written";

/// A message for `size` entries that are written one behind the other. With a `chunk`, the server
/// acknowledges it by that.
pub(crate) fn message(
    tag: &str,
    entries: &[u8],
    size: u32,
    gzip: bool,
    chunk: Option<&str>,
) -> Vec<u8> {
    let compressed = gzip.then(|| compress(entries));
    let entries = compressed.as_deref().unwrap_or(entries);
    let mut out = Vec::with_capacity(entries.len() + tag.len() + 128);
    encode::write_array_len(&mut out, 3).expect(IN_MEMORY);
    encode::write_str(&mut out, tag).expect(IN_MEMORY);
    encode::write_bin(&mut out, entries).expect(IN_MEMORY);
    let options = 1 + u32::from(gzip) + u32::from(chunk.is_some());
    encode::write_map_len(&mut out, options).expect(IN_MEMORY);
    encode::write_str(&mut out, "size").expect(IN_MEMORY);
    encode::write_uint(&mut out, u64::from(size)).expect(IN_MEMORY);
    if gzip {
        encode::write_str(&mut out, "compressed").expect(IN_MEMORY);
        encode::write_str(&mut out, "gzip").expect(IN_MEMORY);
    }
    if let Some(chunk) = chunk {
        encode::write_str(&mut out, "chunk").expect(IN_MEMORY);
        encode::write_str(&mut out, chunk).expect(IN_MEMORY);
    }
    out
}

/// Names for messages that nothing else has: of their content, the time, and their number in this
/// instance of the component.
#[derive(Debug, Default)]
pub(crate) struct Chunks(u64);

impl Chunks {
    pub(crate) fn next(&mut self, entries: &[u8], now: i64, monotonic: u64) -> String {
        self.0 += 1;
        let hash = Sha256::new()
            .chain_update(now.to_le_bytes())
            .chain_update(monotonic.to_le_bytes())
            .chain_update(self.0.to_le_bytes())
            .chain_update(entries)
            .finalize();
        STANDARD.encode(&hash[..16])
    }
}

fn compress(entries: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(entries).expect(IN_MEMORY);
    encoder.finish().expect(IN_MEMORY)
}
