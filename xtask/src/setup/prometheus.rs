//! Prometheus: that of the machine, else Debian's package unpacked below `target/` with what its pages are
//! made of.
//!
//! Debian's program reads its pages from `/usr/share`, whatever it is told. So what was unpacked is laid
//! over that folder, for Prometheus alone: in a mount namespace of its own. Where the system does not
//! allow that, Prometheus runs without pages; queries and scrapes need none.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::Result;
use testbed::{Layout, Part};

use crate::progress::Step;
use crate::setup::{apt, package};

const PACKAGE: &str = "prometheus";

/// Finds or unpacks Prometheus.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    package::ensure_installed(layout, Part::Prometheus, PACKAGE, &layout.prometheus(), || {
        unpack(layout)
    })
}

fn unpack(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.target().join(PACKAGE);
    let log = layout.setup().join("prometheus.log");
    let mut step = Step::begin("Prometheus: apt-get download (27 MB)");
    let lacking = apt::lacking(PACKAGE, &log)?;
    let packages: Vec<&str> = lacking.iter().map(String::as_str).collect();
    apt::unpack(&mut step, &packages, &folder, &log)?;
    let start = folder.join("start-prometheus");
    fs::write(&start, script(&folder))?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755))?;
    step.done("");
    Ok(start)
}

/// Starts the server with its pages in place, in the place of the shell.
fn script(folder: &Path) -> String {
    let (server, share) = (folder.join("usr/bin/prometheus"), folder.join("usr/share"));
    format!(
        r#"#!/bin/sh
server='{}'
share='{}'
lay='mount -t overlay overlay -o lowerdir="$0":/usr/share /usr/share'
if unshare --map-root-user --mount sh -c "$lay" "$share" 2>/dev/null; then
    exec unshare --map-root-user --mount sh -c "$lay"' && exec "$@"' "$share" "$server" "$@"
fi
exec "$server" "$@"
"#,
        server.display(),
        share.display()
    )
}
