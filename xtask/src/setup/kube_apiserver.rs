//! The Kubernetes API server, built from its Go module: nobody packages it apart from a cluster. Ten
//! minutes on two cores, once; only its own test tier asks for it.

use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use super::go::{self, Program};
use crate::command::answer;
use crate::progress::{self, Step};

/// The version that `tests/backends/kube-apiserver/go.mod` requires, which the server must be told.
const VERSION: (&str, &str, &str) = ("1", "37", "v1.37.2");

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
    let mut step = Step::begin(format!("kube-apiserver {version}: go build (10 minutes)"));
    let set = |name: &str, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    let flags = [
        "-s -w".to_owned(),
        set("gitVersion", version),
        set("gitMajor", major),
        set("gitMinor", minor),
    ];
    let program = Program {
        name: "kube-apiserver",
        package: "k8s.io/kubernetes/cmd/kube-apiserver",
        ldflags: &flags.join(" "),
    };
    go::build(layout, &mut step, program, &layout.kube_apiserver(), |binary| {
        let built = answer(Command::new(binary).arg("--version")).unwrap_or_default();
        ensure!(built.contains(version), "the built API server says `{built}`");
        Ok(())
    })?;
    step.done("");
    Ok(())
}
