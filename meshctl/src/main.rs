//! `meshctl`: asks and validates a mesh from the command line.

mod adapter;
mod attributes;
mod check;
mod explain;
mod expr;
mod load;
mod mixer;
mod output;
mod report;
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
    /// Ask a Mixer whether a request with these attributes may pass. Exits with 0 when it may, with 1 when
    /// it may not, with 2 when the command line is wrong, with 3 when there is no answer.
    Check(Box<check::Check>),
    /// Tell a Mixer that requests with these attributes were served. Exits with 0 when it took all, with 2
    /// when the command line is wrong, with 3 when it did not.
    Report(Box<report::Report>),
    /// Say what the rules make of a request: which match, what their handlers answer, and what the answer
    /// depends on. Exits with 0 when the request may pass, with 1 when it may not.
    Explain(Box<explain::Explain>),
    /// Evaluate an expression as Mixer does, and say what its value depends on.
    Expr(expr::Expr),
    /// Write, build, test and look at adapters.
    Adapter {
        #[command(subcommand)]
        what: adapter::Adapter,
    },
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

/// A call without an answer is told apart from an answer that says no, and from a wrong command line.
fn answered(result: anyhow::Result<ExitCode>) -> anyhow::Result<ExitCode> {
    result.or_else(|cause| {
        eprintln!("Error: {cause:#}");
        let is_wrong = cause.is::<mixer::WrongArguments>();
        Ok(if is_wrong { mixer::WRONG_ARGUMENTS } else { mixer::CALL_FAILED }.into())
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<ExitCode> {
    match Cli::parse().command {
        Command::Validate(validate) => validate.run().await,
        Command::Check(check) => answered(check.run().await),
        Command::Report(report) => answered(report.run().await),
        Command::Explain(explain) => explain.run().await,
        Command::Expr(expr) => expr.run(),
        Command::Adapter { what } => what.run().await,
        Command::Watch { what: Watched::Generations(generations) } => generations.run().await,
    }
}
