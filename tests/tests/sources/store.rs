use std::path::Path;

use anyhow::Result;
use tempfile::TempDir;
use testbed::{Etcd, Layout};

use crate::following::{Followed, Line};

/// An etcd for one test, with its data in a folder that goes with it.
pub(crate) struct Store {
    pub(crate) etcd: Etcd,
    folder: TempDir,
}

impl Store {
    pub(crate) fn start() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        Ok(Self { etcd: Etcd::start(&Layout::of_checkout(), folder.path())?, folder })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn with(self, key: &str, value: &str) -> Result<Self> {
        self.etcd.put(key, value)?;
        Ok(self)
    }

    /// Follows the keys below `/mesh/`.
    pub(crate) async fn follow(&self) -> Result<Followed> {
        Followed::of(&format!("etcd://{}/mesh", self.etcd.address())).await
    }

    /// As [`Store::follow`], over a line of the test's.
    pub(crate) async fn follow_over_line(&self) -> Result<(Followed, Line)> {
        let line = Line::to(self.etcd.address()).await?;
        Ok((Followed::of(&format!("etcd://{}/mesh", line.address())).await?, line))
    }
}
