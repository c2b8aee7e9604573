use std::collections::HashMap;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use crate::{Component, OciRef};

/// Components that somebody still uses: an edit of the configuration compiles nothing, and reads no file
/// that has not changed. Forgets those that nobody uses.
#[derive(Debug, Default)]
pub(crate) struct Loaded {
    components: Mutex<HashMap<Place, Weak<Component>>>,
}

/// By what a component is found again.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Place {
    /// A name and the SHA-256 of the bytes.
    Bytes(String, [u8; 32]),
    /// A name and a file in the state it was read in.
    File(String, PathBuf, FileStamp),
    Reference(OciRef),
}

/// What changes when a file does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct FileStamp {
    modified: (i64, i64),
    length: u64,
    inode: u64,
}

impl Loaded {
    pub(crate) fn find(&self, place: &Place) -> Option<Arc<Component>> {
        let mut components = self.lock();
        components.retain(|_, component| component.strong_count() > 0);
        components.get(place)?.upgrade()
    }

    pub(crate) fn keep(&self, place: Place, component: &Arc<Component>) {
        self.lock().insert(place, Arc::downgrade(component));
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<Place, Weak<Component>>> {
        self.components.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl FileStamp {
    /// `None` for a file that is not there.
    pub(crate) fn of(file: &Path) -> Option<Self> {
        let metadata = std::fs::metadata(file).ok()?;
        Some(Self {
            modified: (metadata.mtime(), metadata.mtime_nsec()),
            length: metadata.len(),
            inode: metadata.ino(),
        })
    }
}
