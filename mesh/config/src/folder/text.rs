use std::fs::{File, OpenOptions};
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use super::listing::{Stamp, unreadable};

/// Longest file read, ten times what Kubernetes lets one object have.
const MAX_BYTES: u64 = 16 << 20;

/// The text of a file with the stamp it had before and after it was read, or why it cannot be read.
pub(crate) struct FileText {
    pub(crate) before: Stamp,
    pub(crate) after: Stamp,
    pub(crate) text: Result<String, String>,
}

/// Reads the file at `path`. Never waits for another process, whatever the path leads to.
pub(crate) fn read_text(path: &Path) -> Result<FileText, String> {
    read(path).map_err(|error| unreadable(&error))
}

fn read(path: &Path) -> io::Result<FileText> {
    // Opening a pipe that took the file's place would wait for a writer.
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    let before = Stamp::of(&metadata);
    let text =
        if metadata.is_file() { bounded_text(&file)? } else { Err("is not a file".to_owned()) };
    let after = Stamp::of(&file.metadata()?);
    Ok(FileText { before, after, text })
}

fn bounded_text(file: &File) -> io::Result<Result<String, String>> {
    let mut bytes = Vec::new();
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Ok(Err(format!("is larger than {} MiB, the most that is read", MAX_BYTES >> 20)));
    }
    Ok(String::from_utf8(bytes).map_err(|error| {
        let good = error.utf8_error().valid_up_to();
        let line = 1 + error.as_bytes()[..good].iter().filter(|b| **b == b'\n').count();
        format!("is not UTF-8 at line {line}")
    }))
}
