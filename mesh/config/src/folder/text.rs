use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use rustix::fs::OFlags;

use super::listing::{Stamp, unreadable};

/// Longest file read; Kubernetes lets one object have about 1.5 MiB.
pub(super) const MAX_BYTES: u64 = 4 << 20;

/// Opens the file at `path` for reading. Does not wait for another process, whatever is there.
pub(super) fn open(path: &Path) -> io::Result<File> {
    // Opening a pipe that took the file's place would wait for a writer.
    let no_waiting = OFlags::NONBLOCK.bits().cast_signed();
    OpenOptions::new().read(true).custom_flags(no_waiting).open(path)
}

/// Reads the text of the file at `path`, or says why it cannot be read.
pub(crate) fn read_text(path: &Path) -> Result<String, String> {
    let file = open(path).map_err(|error| unreadable(&error))?;
    text_of(&file)
}

/// The stamp of an open file.
pub(super) fn stamp_of(file: &File) -> io::Result<Stamp> {
    file.metadata().map(|metadata| Stamp::of(&metadata))
}

/// The text of an open file, or why it has none.
pub(super) fn text_of(file: &File) -> Result<String, String> {
    let bytes = bytes_of(file).map_err(|error| unreadable(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("is larger than {} MiB, the most that is read", MAX_BYTES >> 20));
    }
    String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count();
        format!("is not UTF-8 text: line {line} has other bytes")
    })
}

fn bytes_of(file: &File) -> io::Result<Vec<u8>> {
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
    }
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}
