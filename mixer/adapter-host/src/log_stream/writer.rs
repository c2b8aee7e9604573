use std::fs::{File, OpenOptions};
use std::io::{self, Write};
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

#[derive(Debug)]
pub(super) struct LogFile {
    path: PathBuf,
    file: File,
    bytes: u64,
    /// Shared with the stream: handlers that come later may set it anew.
    rotation: Arc<Mutex<Option<Rotation>>>,
}

impl LogFile {
    /// Opens the file to append to it.
    pub(super) fn open(path: &Path, rotation: &Arc<Mutex<Option<Rotation>>>) -> io::Result<Self> {
        let file = OpenOptions::new().append(true).create(true).open(path)?;
        let bytes = file.metadata()?.len();
        Ok(Self { path: path.to_owned(), file, bytes, rotation: Arc::clone(rotation) })
    }

    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        let added = lines.len() as u64;
        let rotation = self.rotation.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(rotation) = rotation
            && self.bytes > 0
            && self.bytes.saturating_add(added) > rotation.max_bytes
        {
            rotation.put_aside(&self.path, SystemTime::now())?;
            *self = Self::open(&self.path, &self.rotation)?;
        }
        self.file.write_all(lines)?;
        self.bytes = self.bytes.saturating_add(added);
        Ok(())
    }
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
