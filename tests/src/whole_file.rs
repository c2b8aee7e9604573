use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// Writes a file so that no reader sees half of it.
///
/// # Errors
/// When the file system refuses.
pub fn write_at_once(path: &Path, bytes: &[u8]) -> Result<()> {
    let folder = path.parent().context("a file is in a folder")?;
    // Hidden, so that nobody takes the unfinished file for one of theirs.
    let mut fresh = NamedTempFile::with_prefix_in(".", folder)?;
    fresh.write_all(bytes)?;
    fresh.persist(path).with_context(|| format!("write {}", path.display()))?;
    Ok(())
}
