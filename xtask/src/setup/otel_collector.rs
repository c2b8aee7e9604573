//! An OpenTelemetry Collector, built from its Go modules with the receiver for OTLP alone. Five minutes
//! on two cores, once; only its own test tier asks for it.

use std::process::Command;

use anyhow::{Result, ensure};
use testbed::{Layout, Part};

use super::go::{self, Program};
use crate::command::answer;
use crate::progress::{self, Step};

/// The version of `go.opentelemetry.io/collector/receiver/otlpreceiver` in
/// `tests/backends/otel-collector/go.mod`. Of later ones not all modules can be had.
const VERSION: &str = "0.150.0";

/// Builds the collector unless that is done.
///
/// # Errors
/// When there is no Go, or it does not build.
pub(crate) fn ensure_built(layout: &Layout) -> Result<()> {
    if Part::OtelCollector.is_present(layout) {
        progress::already("otel-collector");
        return Ok(());
    }
    let mut step = Step::begin(format!("otel-collector {VERSION}: go build (5 minutes)"));
    let program = Program { name: "otel-collector", package: ".", ldflags: "-s -w" };
    go::build(layout, &mut step, program, &layout.otel_collector(), |binary| {
        let built = answer(Command::new(binary).arg("--version").env("OUTPUT", "/dev/null"));
        let built = built.unwrap_or_default();
        ensure!(built.contains(VERSION), "the built collector says `{built}`");
        Ok(())
    })?;
    step.done("");
    Ok(())
}
