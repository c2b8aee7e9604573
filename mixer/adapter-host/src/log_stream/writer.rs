use std::fmt;
use std::fs::{self, File, Metadata, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use super::rotation::Rotation;

/// The end of a stream where bytes leave.
#[derive(Debug)]
pub(super) enum Writer {
    Stdout,
    Stderr,
    File(LogFile),
}

/// A file by its path: what is written goes to the file that has the name then. One that was moved away,
/// removed or could not be written is opened anew.
#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    open: Option<OpenFile>,
    /// Shared with the stream: handlers that come later may set it anew.
    rotation: Arc<Mutex<Option<Rotation>>>,
}

#[derive(Debug)]
struct OpenFile {
    file: File,
    bytes: u64,
    /// Device and inode.
    identity: (u64, u64),
}

impl LogFile {
    /// Opens the file to append to it.
    pub(super) fn open(path: &Path, rotation: &Arc<Mutex<Option<Rotation>>>) -> io::Result<Self> {
        let open = Some(OpenFile::open(path)?);
        Ok(Self { path: path.to_owned(), open, rotation: Arc::clone(rotation) })
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let mut open = match self.open.take() {
            Some(open) if open.is_still_at(&self.path) => open,
            _ => OpenFile::open(&self.path)?,
        };
        let added = lines.len() as u64;
        let rotation = self.rotation.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(rotation) = rotation
            && open.bytes > 0
            && open.bytes.saturating_add(added) > rotation.max_bytes
        {
            let now = SystemTime::now();
            Rotation::put_aside(&self.path, now)?;
            if let Err(error) = rotation.remove_old(&self.path, now) {
                let path = self.path.display();
                tracing::warn!(%path, %error, "log files put aside cannot be removed");
            }
            open = OpenFile::open(&self.path)?;
        }
        if let Err(error) = open.file.write_all(lines) {
            // A full disk takes a part, and half a line would spoil the next one. What is no regular file
            // has no length to set.
            let _ = open.file.set_len(open.bytes);
            return Err(error);
        }
        open.bytes = open.bytes.saturating_add(added);
        self.open = Some(open);
        Ok(())
    }
}

impl OpenFile {
    fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let metadata = file.metadata()?;
        Ok(Self { file, bytes: metadata.len(), identity: identity(&metadata) })
    }

    fn is_still_at(&self, path: &Path) -> bool {
        fs::metadata(path).is_ok_and(|metadata| identity(&metadata) == self.identity)
    }
}

fn identity(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Writer {
    /// Writes whole lines, so that those of other writers do not fall between.
    pub(super) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        match self {
            Self::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(lines)?;
                stdout.flush()
            }
            Self::Stderr => io::stderr().lock().write_all(lines),
            Self::File(file) => file.write(lines),
        }
    }
}

impl fmt::Display for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdout => f.write_str("standard output"),
            Self::Stderr => f.write_str("standard error"),
            Self::File(file) => file.path.display().fmt(f),
        }
    }
}
