//! Zipkin: the server from Maven Central. Java and Maven are the machine's, or installed when that was
//! asked for.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path, run_logged};
use crate::progress::{self, Step};
use crate::setup::apt;

const VERSION: &str = "3.6.1";
/// What that version is compiled for.
const JAVA: u32 = 17;
const PACKAGES: [&str; 2] = ["openjdk-17-jre-headless", "maven"];
const LIMIT: Duration = Duration::from_secs(900);

/// Fetches Zipkin's server; installs Java and Maven from the distribution if `with_java`.
///
/// # Errors
/// When Java, Maven or the server cannot be had.
pub(crate) fn ensure_installed(layout: &Layout, with_java: bool) -> Result<()> {
    if Part::Zipkin.is_present(layout) {
        progress::already(&format!("Zipkin {VERSION}"));
        return Ok(());
    }
    if with_java && !(java_runs() && program_on_path("mvn").is_some()) {
        let mut step = Step::begin(format!("apt-get install {}", PACKAGES.join(" ")));
        apt::install(&mut step, &PACKAGES, &layout.setup().join("java.log"))?;
        step.done("");
    }
    ensure!(java_runs(), "there is no Java {JAVA} or newer");
    program_on_path("mvn").context("there is no Maven")?;
    fetch(layout)
}

fn fetch(layout: &Layout) -> Result<()> {
    let mut step = Step::begin(format!("Zipkin {VERSION}: Maven (86 MB)"));
    let folder = layout.target().join("zipkin");
    let mut maven = Command::new("mvn");
    maven
        .args(["-q", "-B", "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy"])
        .arg(format!("-Dartifact=io.zipkin:zipkin-server:{VERSION}:jar:slim"))
        .arg(format!("-DoutputDirectory={}", folder.display()));
    run_logged(&mut step, &mut maven, LIMIT, &layout.setup().join("zipkin.log"))?;
    let jar = folder.join(format!("zipkin-server-{VERSION}-slim.jar"));
    ensure!(jar.exists(), "Maven left no {}", jar.display());
    fs::rename(jar, layout.zipkin_jar())?;
    step.done("");
    Ok(())
}

/// The first line is `openjdk version "17.0.15" …`, on standard error unless asked so.
fn java_runs() -> bool {
    let version = answer(Command::new("java").arg("--version"));
    let number = version.as_deref().and_then(|text| text.split_whitespace().nth(1));
    number.and_then(|v| v.split('.').next()?.parse::<u32>().ok()).is_some_and(|major| major >= JAVA)
}
