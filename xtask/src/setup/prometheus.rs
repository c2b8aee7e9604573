//! Prometheus: that of the machine, else Debian's package unpacked below `target/`.

use anyhow::Result;
use testbed::{Layout, Part};

use crate::setup::package;

/// Finds or unpacks Prometheus.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    package::ensure_installed(layout, Part::Prometheus, "prometheus", &layout.prometheus(), || {
        Ok(package::unpack(layout, "prometheus", "19 MB")?.join("usr/bin/prometheus"))
    })
}
