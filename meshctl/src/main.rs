//! `meshctl`: asks and validates a mesh from the command line.

mod check;
mod expr;
mod mixer;
mod output;
mod validate;
mod watch;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Asks and validates a mesh from the command line.
#[derive(Debug, Parser)]
#[command(name = "meshctl", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Say every mistake in configuration files, by the code that Mixer itself runs. Exits with 1 when
    /// there is one.
    Validate(validate::Validate),
    /// Ask a Mixer whether a request with these attributes may pass.
    Check(check::Check),
    /// Evaluate an expression as Mixer does, and say what its value depends on.
    Expr(expr::Expr),
    /// Follow what a Mixer announces.
    Watch {
        #[command(subcommand)]
        what: Watched,
    },
}

#[derive(Debug, Subcommand)]
enum Watched {
    /// The check generation of every namespace, a line for each change. Namespace `*` stands for those
    /// that are not listed.
    Generations(watch::Generations),
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Validate(validate) => validate.run().await,
        Command::Check(check) => check.run().await,
        Command::Expr(expr) => expr.run(),
        Command::Watch { what: Watched::Generations(generations) } => generations.run().await,
    }
}
