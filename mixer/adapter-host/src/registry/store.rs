use std::fs;
use std::io::{self, Read, Write};
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokio::task::spawn_blocking;

use crate::compile_cache::{hex, new_file};

/// Files by the digest of their content. Nothing is ever removed: an operator may, at any time.
#[derive(Debug, Clone)]
pub(super) struct Store {
    folder: PathBuf,
}

impl Store {
    pub(super) fn new(folder: PathBuf) -> Self {
        Self { folder }
    }

    /// The content with this digest, if it is there and is what it should be.
    pub(super) async fn read(&self, digest: [u8; 32], limit: u64) -> Option<Vec<u8>> {
        let file = self.file(&digest);
        let read = move || {
            let mut content = Vec::new();
            match fs::File::open(&file) {
                Ok(opened) => opened.take(limit + 1).read_to_end(&mut content).ok()?,
                Err(_) => return None,
            };
            let found: [u8; 32] = Sha256::digest(&content).into();
            if found != digest {
                tracing::warn!(file = %file.display(), "a component that was kept is not what it was and is pulled again");
                return None;
            }
            Some(content)
        };
        spawn_blocking(read).await.ok().flatten()
    }

    /// Keeps the content; failing that, it is pulled again at the next start.
    pub(super) async fn keep(&self, digest: [u8; 32], content: Vec<u8>) {
        let (folder, file) = (self.folder.clone(), self.file(&digest));
        let write = move || -> io::Result<()> {
            fs::create_dir_all(&folder)?;
            let part = file.with_extension(format!("{}.part", std::process::id()));
            new_file(&part)?.write_all(&content)?;
            fs::rename(part, &file)
        };
        if let Ok(Err(why)) = spawn_blocking(write).await {
            tracing::warn!(folder = %self.folder.display(), %why, "a component that was pulled cannot be kept");
        }
    }

    fn file(&self, digest: &[u8; 32]) -> PathBuf {
        self.folder.join(format!("sha256-{}", hex(digest)))
    }
}
