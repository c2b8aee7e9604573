//! `mixer`: decides on requests and takes their telemetry, for all sidecars of a mesh.

use std::net::SocketAddr;
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
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
    /// Ask a running Mixer whether it serves; for probes that start a program. Exits with 0 when it does,
    /// else with 1.
    Probe(Probe),
}

#[derive(Debug, Args)]
struct Probe {
    /// Mixer's HTTP port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9093")]
    http: SocketAddr,

    /// Ask only whether the process answers, not whether it is ready.
    #[arg(long)]
    liveness: bool,
}

fn main() -> anyhow::Result<ExitCode> {
    let arguments = match mixer::serve_arguments(std::env::args_os().collect()) {
        Ok(arguments) => arguments,
        Err(cause) => {
            eprintln!("{cause}");
            // As clap does for a command line that it does not understand.
            return Ok(ExitCode::from(2));
        }
    };
    match Cli::parse_from(arguments).command {
        Command::Serve(options) => serve(*options).map(|()| ExitCode::SUCCESS),
        Command::Probe(probe) => Ok(ask(&probe)),
    }
}

fn serve(options: Options) -> anyhow::Result<()> {
    let log = mesh_runtime::start_logs(options.log_format, &options.log_level())?;
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(options.threads())
        .enable_all()
        .build()
        .context("the threads that serve cannot be started")?
        .block_on(mixer::serve(options, Some(log)))
}

fn ask(probe: &Probe) -> ExitCode {
    let path = if probe.liveness { "/healthz" } else { "/readyz" };
    match mesh_runtime::probe(&probe.http.to_string(), path) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("{cause}");
            ExitCode::FAILURE
        }
    }
}
