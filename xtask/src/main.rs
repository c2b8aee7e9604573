//! Set-up, demo, test, bench and lint of this checkout: `cargo xtask …`.

mod adapters;
mod command;
mod preflight;
mod progress;
mod setup;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use testbed::Layout;

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    about = "Set up, show, test and measure mixmesh",
    disable_help_subcommand = true
)]
struct Xtask {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what the demo and the tests need, below target/
    Setup(setup::Options),
    /// Build the adapters to WebAssembly components, into target/adapters
    Adapters,
}

fn main() -> ExitCode {
    match run(Xtask::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(cause) => {
            eprintln!("error: {cause:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> anyhow::Result<()> {
    let layout = Layout::of_checkout();
    match command {
        Command::Setup(options) => setup::run(&layout, &options),
        Command::Adapters => adapters::run(&layout),
    }
}
