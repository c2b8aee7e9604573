//! Redis: that of the machine, else Debian's package unpacked below `target/` with the libraries that a
//! machine without Redis lacks.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use testbed::{Layout, Part};

use crate::progress::Step;
use crate::setup::{apt, package};

/// The server is in the package of the tools; the other one has a link to it.
const PACKAGES: [&str; 5] =
    ["redis-server", "redis-tools", "libjemalloc2", "liblzf1", "libatomic1"];

/// Finds or unpacks Redis.
///
/// # Errors
/// When there is no way to it.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    package::ensure_installed(layout, Part::Redis, "redis-server", &layout.redis(), || {
        unpack(layout)
    })
}

fn unpack(layout: &Layout) -> Result<PathBuf> {
    let folder = layout.target().join("redis");
    let mut step = Step::begin("Redis: apt-get download (1.5 MB)");
    apt::unpack(&mut step, &PACKAGES, &folder, &layout.setup().join("redis.log"))?;
    let start = folder.join("start-redis-server");
    fs::write(&start, script(&folder)?)?;
    fs::set_permissions(&start, fs::Permissions::from_mode(0o755))?;
    step.done("");
    Ok(start)
}

/// Starts the server with the unpacked libraries, in the place of the shell.
fn script(folder: &Path) -> Result<String> {
    let libraries = folder.join("usr/lib");
    let machine = fs::read_dir(&libraries)?.flatten().map(|entry| entry.path());
    let machine = machine.filter(|path| path.is_dir()).find(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().ends_with("-linux-gnu"))
    });
    let machine = machine.with_context(|| format!("no libraries in {}", libraries.display()))?;
    let server = folder.join("usr/bin/redis-server");
    Ok(format!(
        "#!/bin/sh\nLD_LIBRARY_PATH='{}' exec '{}' \"$@\"\n",
        machine.display(),
        server.display()
    ))
}
