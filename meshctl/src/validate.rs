use std::path::PathBuf;
use std::process::ExitCode;

use ::mixer::DEFAULT_ROOT_NAMESPACE;
use anyhow::Result;
use clap::Args;

/// Say every mistake in configuration files.
#[derive(Debug, Args)]
pub(crate) struct Validate {
    /// Files, or folders of them. They are read as one configuration.
    #[arg(required = true, value_name = "FILES")]
    files: Vec<PathBuf>,

    /// Folder of adapters, one `NAME.wasm` each: handlers' parameters are judged by their adapters. The
    /// default is `../adapters` from the executable.
    #[arg(long, value_name = "DIR")]
    adapters: Option<PathBuf>,

    /// The namespace whose rules hold for all namespaces.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ROOT_NAMESPACE)]
    root_namespace: String,
}

impl Validate {
    /// Exits with 1 when there is a mistake.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let problems = ::mixer::validate(&self.files, self.adapters, &self.root_namespace).await?;
        for problem in &problems {
            println!("{problem}");
        }
        if problems.is_empty() {
            println!("valid");
            return Ok(ExitCode::SUCCESS);
        }
        Ok(ExitCode::FAILURE)
    }
}
