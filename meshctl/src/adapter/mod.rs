//! `meshctl adapter`: what an author of adapters needs, from an empty folder to a component that Mixer
//! runs.

mod build;
pub(crate) mod lang;
mod new;
mod project;
mod scaffold;
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
}

impl Adapter {
    pub(crate) fn run(self) -> Result<ExitCode> {
        match self {
            Self::New(new) => new.run(),
            Self::Build(build) => build.run(),
        }
    }
}
