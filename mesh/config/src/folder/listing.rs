use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::ConfigError;

/// Bounds of a folder. Ten thousand rules in one file each are far more than Mixer is used with.
const MAX_FILES: usize = 10_000;
const MAX_ENTRIES: usize = 100_000;
const MAX_DEPTH: usize = 16;
/// Most bytes of all files together. Resources take some twenty times as much memory as their text.
const MAX_TOTAL_BYTES: u64 = 64 << 20;

/// What identifies one state of a file's content without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) identity: Identity,
    pub(crate) size: u64,
    /// Nanoseconds since 1970; the second is set by the system on each change of the file and cannot
    /// be chosen by who changes it.
    pub(crate) modified: u64,
    pub(crate) changed: u64,
}

/// Which file or folder it is, whatever its name: device and inode.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Identity(u64, u64);

impl Stamp {
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            identity: Identity(metadata.dev(), metadata.ino()),
            size: metadata.len(),
            modified: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }
}

/// Times before 1970 and after 2554 do not occur.
fn nanos(seconds: i64, nanos: i64) -> u64 {
    let seconds = u64::try_from(seconds).unwrap_or(0);
    seconds.saturating_mul(1_000_000_000).saturating_add(u64::try_from(nanos).unwrap_or(0))
}

/// A file to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListedFile {
    /// Where it really is, symbolic links followed.
    pub(crate) path: PathBuf,
    pub(crate) stamp: Stamp,
}

/// The files of a folder at one moment. Names are relative to it, parted by `/`.
#[derive(Debug, Default)]
pub(crate) struct Listing {
    pub(crate) files: BTreeMap<Arc<str>, ListedFile>,
    /// What should be readable and is not: files, and folders with a `/` at the end. Nothing is known
    /// about what is inside those; the folder itself is the empty name.
    pub(crate) refused: BTreeMap<Arc<str>, String>,
    /// All folders that were listed, where they really are.
    pub(crate) folders: BTreeMap<PathBuf, Identity>,
    /// The newest modification time of those folders, in nanoseconds since 1970.
    pub(crate) newest_folder: u64,
}

impl Listing {
    /// Whether the listing can say that `name` is not there.
    pub(crate) fn knows(&self, name: &str) -> bool {
        !self.refused.keys().any(|refused| {
            refused.is_empty()
                || &**refused == name
                || (refused.ends_with('/') && name.starts_with(&**refused))
        })
    }

    /// The newest modification time of files and folders, in nanoseconds since 1970.
    pub(crate) fn newest(&self) -> u64 {
        let files = self.files.values().map(|file| file.stamp.modified);
        files.fold(self.newest_folder, u64::max)
    }

    fn refuse(&mut self, name: &str, message: impl Into<String>) {
        self.refused.insert(name.into(), message.into());
    }
}

/// Lists the configuration files in `root` and the folders in it. Names that begin with a dot are left
/// out: editors and Kubernetes keep their working copies under such names.
pub(crate) fn list(root: &Path) -> Result<Listing, ConfigError> {
    let failed = |source| ConfigError::ListFolder { path: root.to_owned(), source };
    let metadata = fs::metadata(root).map_err(failed)?;
    if !metadata.is_dir() {
        return Err(ConfigError::NotAFolder { path: root.to_owned() });
    }
    let path = fs::canonicalize(root).map_err(failed)?;
    let mut walk =
        Walk { listing: Listing::default(), seen: BTreeSet::new(), entries: 0, bytes: 0 };
    walk.folder(&path, "", &metadata, 0).map_err(failed)?;
    Ok(walk.listing)
}

/// Whether a file of that name holds configuration.
pub(super) fn is_config_file(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    name.ends_with(b".yaml") || name.ends_with(b".yml")
}

struct Walk {
    listing: Listing,
    seen: BTreeSet<Identity>,
    entries: usize,
    bytes: u64,
}

impl Walk {
    fn folder(
        &mut self,
        path: &Path,
        name: &str,
        metadata: &Metadata,
        depth: usize,
    ) -> io::Result<()> {
        let stamp = Stamp::of(metadata);
        if !self.seen.insert(stamp.identity) {
            let message = "leads to a folder that is already read, is it a loop of symbolic links?";
            self.listing.refuse(name, message);
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in fs::read_dir(path)? {
            self.entries += 1;
            if self.entries > MAX_ENTRIES {
                let message = format!("more than {MAX_ENTRIES} entries, the rest is not read");
                self.listing.refuse("", message);
                break;
            }
            entries.push(entry?.file_name());
        }
        entries.sort();
        self.listing.newest_folder = self.listing.newest_folder.max(stamp.modified);
        self.listing.folders.insert(path.to_owned(), stamp.identity);
        for entry in entries {
            if entry.as_encoded_bytes().starts_with(b".") {
                continue;
            }
            let Some(text) = entry.to_str() else {
                let shown = format!("{name}{}", entry.to_string_lossy());
                self.listing.refuse(&shown, "the file's name is not UTF-8");
                continue;
            };
            self.entry(path.join(&entry), &format!("{name}{text}"), depth);
        }
        Ok(())
    }

    fn entry(&mut self, path: PathBuf, name: &str, depth: usize) {
        let is_config = is_config_file(OsStr::new(name));
        let metadata = match fs::metadata(&path) {
            Ok(metadata) => metadata,
            // Gone since the folder was listed.
            Err(_) if fs::symlink_metadata(&path).is_err() => return,
            Err(error) => {
                if is_config {
                    self.listing.refuse(name, unreadable(&error));
                }
                return;
            }
        };
        let path = match fs::symlink_metadata(&path) {
            Ok(own) if own.is_symlink() => fs::canonicalize(&path).unwrap_or(path),
            _ => path,
        };
        if metadata.is_dir() {
            if is_config {
                self.listing.refuse(&format!("{name}/"), "is a folder, its name is that of a file");
            } else if depth >= MAX_DEPTH {
                let message = format!("folders more than {MAX_DEPTH} deep are not read");
                self.listing.refuse(&format!("{name}/"), message);
            } else {
                let name = format!("{name}/");
                if let Err(error) = self.folder(&path, &name, &metadata, depth + 1) {
                    self.listing.refuse(&name, unreadable(&error));
                }
            }
        } else if is_config && !metadata.is_file() {
            self.listing.refuse(name, "is neither a file nor a folder");
        } else if is_config && self.listing.files.len() >= MAX_FILES {
            self.listing.refuse("", format!("more than {MAX_FILES} files, the rest is not read"));
        } else if is_config {
            let stamp = Stamp::of(&metadata);
            self.bytes = self.bytes.saturating_add(stamp.size);
            if self.bytes > MAX_TOTAL_BYTES {
                let limit = MAX_TOTAL_BYTES >> 20;
                let message =
                    format!("is not read: the files up to here have more than {limit} MiB");
                self.listing.refuse(name, message);
                return;
            }
            self.listing.files.insert(name.into(), ListedFile { path, stamp });
        }
    }
}

/// What keeps a file from being read, for a message.
pub(crate) fn unreadable(error: &io::Error) -> String {
    let cause = match error.kind() {
        io::ErrorKind::NotFound => "; does a symbolic link lead nowhere?",
        io::ErrorKind::PermissionDenied => "; may this user read it?",
        _ => "",
    };
    format!("cannot be read: {error}{cause}")
}
