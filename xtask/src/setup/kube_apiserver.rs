//! The Kubernetes API server, built from its Go module: nobody packages it apart from a cluster. Ten
//! minutes on two cores, once; only its own test tier asks for it.

use std::fs;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::{Layout, Part};

use crate::command::{answer, program_on_path, run_logged};
use crate::progress::{self, Step};

/// The version that `tests/backends/kube-apiserver/go.mod` requires, which the server must be told.
const VERSION: (&str, &str, &str) = ("1", "37", "v1.37.2");
const LIMIT: Duration = Duration::from_secs(3600);

/// Builds the API server unless that is done.
///
/// # Errors
/// When there is no Go, or it does not build.
pub(crate) fn ensure_built(layout: &Layout) -> Result<()> {
    let (major, minor, version) = VERSION;
    if Part::KubeApiserver.is_present(layout) {
        progress::already("kube-apiserver");
        return Ok(());
    }
    program_on_path("go").context("there is no Go")?;
    let mut step = Step::begin(format!("kube-apiserver {version}: go build (10 minutes)"));
    let folder = layout.target().join("go");
    let binary = folder.join("kube-apiserver");
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    let flags = [
        "-s -w".to_owned(),
        set("gitVersion", version),
        set("gitMajor", major),
        set("gitMinor", minor),
    ];
    let mut go = Command::new("go");
    go.args(["build", "-trimpath", "-modcacherw", "-buildvcs=false", "-ldflags"])
        .arg(flags.join(" "))
        .arg("-o")
        .arg(&binary)
        .arg("k8s.io/kubernetes/cmd/kube-apiserver")
        .current_dir(layout.root().join("tests/backends/kube-apiserver"))
        .env("CGO_ENABLED", "0")
        .env("GOCACHE", folder.join("build"))
        .env("GOMODCACHE", folder.join("modules"));
    // A module that the proxy does not have would be waited for at its origin.
    if let Some(proxy) = answer(Command::new("go").args(["env", "GOPROXY"])) {
        go.env("GOPROXY", proxy.strip_suffix(",direct").unwrap_or(&proxy));
    }
    run_logged(&mut step, &mut go, LIMIT, &layout.setup().join("kube-apiserver.log"))?;
    let built = answer(Command::new(&binary).arg("--version")).unwrap_or_default();
    ensure!(built.contains(version), "the built API server says `{built}`");
    fs::rename(&binary, layout.kube_apiserver())?;
    // Four gigabytes that nothing needs any more.
    fs::remove_dir_all(&folder)?;
    step.done("");
    Ok(())
}
