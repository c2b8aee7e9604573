//! Set-up, demo, test, bench and lint of this checkout: `cargo xtask …`.

mod adapters;
mod arrows;
mod bench;
mod build;
mod command;
mod demo;
mod lint;
mod preflight;
mod progress;
mod setup;
mod soak;
mod test;

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
    /// Build what users run, optimised, into target/release and target/adapters
    Build,
    /// Show the whole mesh with real traffic, until Ctrl-C or once
    Demo(demo::Options),
    /// Set up and run the tests, those with the real Envoy included
    Test(test::Options),
    /// Make docs/screenshots anew: the demo's telemetry in Prometheus and Zipkin, by a real browser
    Screenshots,
    /// Measure, in an optimised build
    Bench(bench::Options),
    /// Run the mesh under load and faults, and judge every answer
    Soak(soak::Options),
    /// Check formatting, lints and who depends on whom
    Lint,
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
        Command::Build => build::release(&layout),
        Command::Demo(options) => demo::run(&layout, &options),
        Command::Test(options) => test::run(&layout, &options),
        Command::Screenshots => demo::screenshots::run(&layout),
        Command::Bench(options) => bench::run(&layout, &options),
        Command::Soak(options) => soak::run(&layout, &options),
        Command::Lint => lint::run(&layout),
    }
}
