use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use super::case::{Capture, Runner, Suite};
use super::host::{cache, cases_of, component_of, load};

/// Runs an adapter's cases.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// The project's folder, which is built first, or a component.
    #[arg(default_value = ".", value_name = "DIR|FILE.wasm")]
    target: PathBuf,

    /// The cases; `cases.yaml` of the project by default.
    #[arg(long, short, value_name = "FILE")]
    cases: Option<PathBuf>,

    /// Only cases whose name has this text in it.
    #[arg(long, short, value_name = "TEXT", default_value = "")]
    only: String,
}

impl Test {
    pub(crate) async fn run(&self) -> Result<ExitCode> {
        let cases = cases_of(&self.target, self.cases.as_deref())?;
        let suite = Suite::read(&cases)?;
        let loaded = load(&component_of(&self.target)?, cache())?;
        let runner = Runner::new(loaded.host, loaded.component, Capture::install())?;
        let (mut passed, mut failed) = (0, 0);
        for (number, case) in (1..).zip(&suite.cases) {
            if !case.name.contains(&self.only) {
                continue;
            }
            let ran = runner.run(&suite, case, number).await?;
            let is_right = ran.mismatches.is_empty();
            println!("{} {}", if is_right { "✓" } else { "✗" }, case.name);
            for message in &ran.messages {
                println!("    it says: {message}");
            }
            for mismatch in &ran.mismatches {
                println!("{mismatch}");
            }
            if is_right { passed += 1 } else { failed += 1 }
        }
        println!("{passed} passed, {failed} failed");
        let all_right = failed == 0 && passed > 0;
        if passed + failed == 0 {
            println!("no case has `{}` in its name", self.only);
        }
        Ok(if all_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}
