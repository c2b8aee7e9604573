use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::command::{answer, run_logged};
use crate::progress::Step;

const LIMIT: Duration = Duration::from_secs(900);
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(300);

/// Whether packages can be installed without a question.
pub(crate) fn is_usable() -> bool {
    apt_get().is_some()
}

/// Brings the package lists up to date; a fresh machine has none.
///
/// # Errors
/// When there is no `apt-get`, no right to use it, or it fails.
pub(crate) fn update(step: &mut Step, log: &Path) -> Result<()> {
    run(step, &["update", "-qq"], log)
}

/// Installs packages of the distribution.
///
/// # Errors
/// As [`update`], or when there is no such package.
pub(crate) fn install(step: &mut Step, packages: &[&str], log: &Path) -> Result<()> {
    update(step, log)?;
    let install = ["install", "-y", "-qq", "--no-install-recommends"];
    run(step, &[&install, packages].concat(), log)
}

/// The packages that installing `package` would add to this machine, itself included.
///
/// # Errors
/// When there is no `apt-get`, or no such package.
pub(crate) fn lacking(package: &str) -> Result<Vec<String>> {
    let mut apt = Command::new("apt-get");
    apt.args(["install", "--simulate", "--no-install-recommends", package]);
    let plan = answer(&mut apt).with_context(|| format!("apt-get has no plan for {package}"))?;
    let added = plan.lines().filter_map(|line| line.strip_prefix("Inst ")?.split(' ').next());
    let added: Vec<String> = added.map(str::to_owned).collect();
    ensure!(!added.is_empty(), "{package} is installed already, but not where programs are");
    Ok(added)
}

/// Downloads packages and unpacks them into `folder`, which is emptied first. Nothing is installed, so
/// nothing runs as a service afterwards and no rights are needed.
///
/// # Errors
/// When there is no `apt-get`, or no such package.
pub(crate) fn unpack(step: &mut Step, packages: &[&str], folder: &Path, log: &Path) -> Result<()> {
    answer(Command::new("apt-get").arg("--version")).context("there is no apt-get")?;
    if folder.exists() {
        fs::remove_dir_all(folder)?;
    }
    fs::create_dir_all(folder)?;
    let mut download = || {
        let mut apt = Command::new("apt-get");
        apt.args(["download", "-qq"]).args(packages).current_dir(folder);
        run_logged(step, &mut apt, DOWNLOAD_LIMIT, log)
    };
    if let Err(cause) = download() {
        // A fresh machine has no package lists.
        update(&mut Step::begin("apt-get update"), log).map_err(|_| cause)?;
        download()?;
    }
    let mut unpacked = 0;
    for entry in fs::read_dir(folder)? {
        let package = entry?.path();
        if package.extension().is_some_and(|extension| extension == "deb") {
            let mut dpkg = Command::new("dpkg-deb");
            dpkg.arg("-x").arg(&package).arg(folder);
            run_logged(step, &mut dpkg, DOWNLOAD_LIMIT, log)?;
            unpacked += 1;
        }
    }
    ensure!(unpacked == packages.len(), "apt-get downloaded {unpacked} packages of {packages:?}");
    Ok(())
}

fn run(step: &mut Step, arguments: &[&str], log: &Path) -> Result<()> {
    let mut apt = apt_get().context("there is no apt-get, or no right to use it")?;
    run_logged(step, apt.args(arguments), LIMIT, log)
}

/// `apt-get`, by way of sudo unless this is root.
fn apt_get() -> Option<Command> {
    answer(Command::new("apt-get").arg("--version"))?;
    let mut command = if rustix::process::geteuid().is_root() {
        Command::new("env")
    } else {
        answer(Command::new("sudo").args(["-n", "true"]))?;
        let mut sudo = Command::new("sudo");
        sudo.args(["-n", "env"]);
        sudo
    };
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get"]);
    Some(command)
}
