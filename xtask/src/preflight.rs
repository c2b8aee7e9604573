//! What this machine must have, looked at all at once, so that nobody installs one thing only to be
//! told of the next.

use std::process::Command;

use anyhow::{Result, ensure};
use testbed::Layout;

use crate::command::answer;
use crate::setup::{envoy, wasm_std};

/// The Envoy wheel is built against this glibc.
const GLIBC: (u32, u32) = (2, 31);
/// Envoy, the adapters and one development build of everything, with room for a few rebuilds.
const DISK_GB: u64 = 6;
const DISK_GB_ONCE_SET_UP: u64 = 1;

/// One requirement: what was found, or what to do about it.
struct Requirement {
    name: &'static str,
    found: Result<String, String>,
    only_for_envoy: bool,
}

impl Requirement {
    fn new(name: &'static str, found: Result<String, String>) -> Self {
        Self { name, found, only_for_envoy: false }
    }
}

/// What the caller makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To show what was found.
    Setup,
    /// To run the mesh.
    Mesh,
    /// To run what can be run: Envoy may be missing.
    Tests,
}

/// Checks everything, and prints it when that is the purpose or something is missing.
///
/// # Errors
/// When something is missing that the purpose needs; the text says what to install.
pub(crate) fn check(layout: &Layout, purpose: Purpose) -> Result<()> {
    let all = [machine(), glibc(), c_linker(), python(layout), wasm(), disk(layout)];
    let missing: Vec<_> = all.iter().filter(|requirement| requirement.found.is_err()).collect();
    if purpose == Purpose::Setup || !missing.is_empty() {
        for Requirement { name, found, .. } in &all {
            match found {
                Ok(found) => eprintln!("  ✓ {name}: {found}"),
                Err(advice) => eprintln!("  ✗ {name}: {advice}"),
            }
        }
    }
    let blocks = |one: &&Requirement| purpose != Purpose::Tests || !one.only_for_envoy;
    let blocking = missing.into_iter().filter(blocks).count();
    ensure!(
        blocking == 0,
        "{blocking} requirements are missing, see above; then run the same command again"
    );
    Ok(())
}

fn machine() -> Requirement {
    let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
    let found = if (os, arch) == ("linux", "x86_64") {
        Ok(format!("{os} {arch}"))
    } else {
        Err(format!("this is {os} {arch}; Envoy is installed for Linux on x86_64 only"))
    };
    Requirement::new("machine", found)
}

fn glibc() -> Requirement {
    let (major, minor) = GLIBC;
    let version = answer(Command::new("getconf").arg("GNU_LIBC_VERSION"));
    let found = match version.as_deref().and_then(parse_glibc) {
        Some(found) if found >= GLIBC => Ok(format!("{}.{}", found.0, found.1)),
        Some(found) => Err(format!(
            "{}.{} is too old for Envoy, which needs {major}.{minor}",
            found.0, found.1
        )),
        None => Err(format!("not found (musl?); Envoy needs glibc {major}.{minor}")),
    };
    Requirement { only_for_envoy: true, ..Requirement::new("glibc", found) }
}

/// From `glibc 2.36`.
fn parse_glibc(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.split('.').next()?.parse().ok()?))
}

fn c_linker() -> Requirement {
    let found = answer(Command::new("cc").arg("--version"))
        .and_then(|text| text.lines().next().map(str::to_owned))
        .ok_or_else(|| {
            "no `cc`; install a C compiler (Debian: apt-get install gcc libc6-dev)".to_owned()
        });
    Requirement::new("C linker", found)
}

fn python(layout: &Layout) -> Requirement {
    let found = if envoy::is_installed(layout) {
        Ok("no longer needed, Envoy is installed".to_owned())
    } else {
        envoy::way().map(str::to_owned).ok_or_else(|| {
            "no way to install Envoy; install Python 3 with venv and pip (Debian: apt-get install python3-venv)"
                .to_owned()
        })
    };
    Requirement { only_for_envoy: true, ..Requirement::new("Python", found) }
}

fn wasm() -> Requirement {
    let found = wasm_std::way().map(str::to_owned).ok_or_else(|| {
        format!(
            "no way to compile adapters; install rustup, then `rustup target add {}`",
            wasm_std::TARGET
        )
    });
    Requirement::new("WebAssembly", found)
}

fn disk(layout: &Layout) -> Requirement {
    let needed = if envoy::is_installed(layout) { DISK_GB_ONCE_SET_UP } else { DISK_GB };
    let found = match rustix::fs::statvfs(layout.root()) {
        Ok(disk) => {
            let free = disk.f_bavail.saturating_mul(disk.f_frsize) / 1_000_000_000;
            if free >= needed {
                Ok(format!("{free} GB free"))
            } else {
                Err(format!("{free} GB free; make it {needed} GB at least"))
            }
        }
        Err(cause) => Err(format!("cannot be read: {cause}")),
    };
    Requirement::new("disk", found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_version_of_glibc() {
        assert_eq!(parse_glibc("glibc 2.36"), Some((2, 36)));
        assert_eq!(parse_glibc("glibc 2.5.1"), Some((2, 5)));
        assert_eq!(parse_glibc("musl 1.2"), None);
    }
}
