//! `mixer`: decides on requests and takes their telemetry, for all sidecars of a mesh.

use clap::{Parser, Subcommand};
use mixer::Options;

/// Decides on requests and takes their telemetry, for all sidecars of a mesh.
#[derive(Debug, Parser)]
#[command(name = "mixer", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve until SIGTERM or SIGINT.
    Serve(Box<Options>),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let Command::Serve(options) = Cli::parse().command;
    mesh_runtime::start_logs(options.log_format);
    mixer::serve(*options).await
}
