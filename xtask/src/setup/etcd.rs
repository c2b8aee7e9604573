//! etcd: that of the machine, else Debian's package unpacked below `target/`.

use anyhow::Result;
use testbed::{Layout, Part};

use crate::setup::package;

/// Finds or unpacks etcd.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    package::ensure_installed(layout, Part::Etcd, "etcd", &layout.etcd(), || {
        Ok(package::unpack(layout, "etcd-server", "8 MB")?.join("usr/bin/etcd"))
    })
}
