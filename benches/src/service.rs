//! What Mixer costs as a service: a process of its own that clients call over loopback gRPC.
//!
//! Goal: figures that an operator can plan with, and ratios that hold. So the server's processor time is
//! read from outside, from what Linux has counted for its threads: the client's share, which is as large,
//! does not blur it. Servers that are compared run side by side and take turns of half a second, and the
//! median turn counts: machines change their speed by a factor of two while they run. The client hands
//! over bytes that were made before.
//!
//! Two yardsticks stand beside Mixer in the same run: a bare tonic server that decodes the same request
//! with prost and answers a constant, which is what gRPC and protobuf cost alone, and Istio's Mixer when
//! its program is given. Without it the figures that were recorded elsewhere are shown, and said to be so.
//!
//! A Report is answered when its instances are queued. A turn therefore ends with a while without calls,
//! in which the queues are worked off, and what was lost or refused is counted and shown: a server that
//! drops its work must not look fast.

mod aims;
mod bare;
mod checks;
mod client;
mod contest;
mod dispatch;
mod pace;
mod page;
mod policies;
mod quota;
mod rate;
mod report_request;
mod reports;
mod resident;
mod server;
mod usage;

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde::Serialize;

pub(crate) use self::bare::serve as serve_bare;
use self::contest::Row;
use self::pace::Pace;
use self::resident::Quantity;
use self::server::Servers;
pub(crate) use self::usage::Usage;
use crate::effort::Effort;
use crate::figures::Figures;
use crate::policy;

/// All that was measured, as `--json` writes it.
#[derive(Debug, Serialize)]
pub(crate) struct Measured {
    /// Without gRPC, in the bench's own process.
    dispatch: Vec<Figures>,
    /// Over gRPC.
    calls: Vec<Row>,
    /// Of the process.
    process: Vec<Quantity>,
    #[serde(skip)]
    is_believable: bool,
}

/// Measures all of it and prints the table.
///
/// # Errors
/// When a part is missing, a server fails or an answer is not what the name of its bench says.
pub(crate) fn run(effort: &Effort, peer: Option<PathBuf>, json: Option<File>) -> Result<()> {
    // Told at once, not when the first bench needs them.
    policy::adapters()?;
    let pace = Pace::new(effort);
    let servers = Servers::new(peer)?;
    let dispatch = dispatch::run(effort)?;
    let mut calls = checks::run(&servers, &pace)?;
    calls.extend(quota::run(&servers, &pace)?);
    calls.extend(reports::run(&servers, &pace)?);
    let mut process = rate::run(&servers, &pace)?;
    process.extend(resident::run(&servers, &pace)?);
    let measured = Measured { dispatch, calls, process, is_believable: effort.is_believable };
    print!("{}", page::render(&measured));
    if let Some(file) = json {
        serde_json::to_writer_pretty(file, &measured).context("write the figures")?;
    }
    Ok(())
}
