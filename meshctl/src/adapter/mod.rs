//! `meshctl adapter`: what an author of adapters needs, from an empty folder to a component that Mixer
//! runs.

mod bench;
mod build;
mod case;
mod check;
mod contract;
mod doctor;
mod host;
mod inspect;
pub(crate) mod lang;
mod new;
mod parameters;
mod probe;
mod project;
mod scaffold;
mod test;
mod vendored;

use std::process::ExitCode;

use anyhow::Result;
use clap::Subcommand;

#[derive(Debug, Subcommand)]
pub(crate) enum Adapter {
    /// Make the project of a new adapter, which builds as it is.
    New(new::New),
    /// Compile a project to a component, `NAME.wasm` in its folder.
    Build(build::Build),
    /// Run an adapter's cases in the host that Mixer runs adapters in. Exits with 1 when one fails.
    Test(test::Test),
    /// Say what a component is: templates, imports, parameters, size, limits.
    Inspect(inspect::Inspect),
    /// Hold a component against the contract of adapters. Exits with 1 when it breaks a MUST.
    Check(check::Check),
    /// Measure the calls of an adapter's cases, reports in batches of 1 and 100.
    Bench(bench::Bench),
    /// Say which languages' tools are there, and how to get those that are missing.
    Doctor(doctor::Doctor),
}

impl Adapter {
    pub(crate) async fn run(self) -> Result<ExitCode> {
        match self {
            Self::New(new) => new.run(),
            Self::Build(build) => build.run(),
            Self::Test(test) => test.run().await,
            Self::Inspect(inspect) => inspect.run(),
            Self::Check(check) => check.run().await,
            Self::Bench(bench) => bench.run().await,
            Self::Doctor(doctor) => doctor.run(),
        }
    }
}
