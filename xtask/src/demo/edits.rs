//! The second phase: a rule is edited while its answers are in both caches.

use std::fs;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use testbed::http::Connection;
use testbed::{Mesh, WORKERS, wait_until};

const EDITS: usize = 10;
const FILE: &str = "deny.yaml";
/// What the rule says, and what it says after the edit.
const NARROW: &str = r#"request.path.startsWith("/admin")"#;
const WIDE: &str = r#"request.path.startsWith("/admin") || request.path == "/greet""#;
/// The request that the edit is about.
const PATH: &str = "/greet";
/// Ten times what an edit may take, so that a slow one is measured rather than given up.
const LIMIT: Duration = Duration::from_secs(10);

/// Edits the rule ten times there and back. Returns the longest time from a finished write until every
/// connection, on both workers, gets the new verdict.
///
/// # Errors
/// When an edit is not enforced at all.
pub(crate) fn run(mesh: &Mesh) -> Result<Duration> {
    println!("Edits of {FILE}, while the answers are cached");
    let original = fs::read_to_string(mesh.config().join(FILE)).context("read the rule")?;
    let edited = original.replacen(NARROW, WIDE, 1);
    ensure!(original != edited, "{FILE} does not say {NARROW} any more");
    let mut connections: Vec<Connection> =
        (0..2 * WORKERS).map(|_| mesh.connect()).collect::<Result<_>>()?;
    let mut times = Vec::with_capacity(2 * EDITS);
    await_status(&mut connections, 200)?;
    for _ in 0..EDITS {
        for (text, status) in [(&edited, 403), (&original, 200)] {
            mesh.write_config(FILE, text)?;
            let written = Instant::now();
            await_status(&mut connections, status)?;
            times.push(written.elapsed());
        }
    }
    times.sort_unstable();
    let (median, worst) = (times[EDITS], times[2 * EDITS - 1]);
    println!(
        "  {EDITS} edits there and back, enforced on both workers after {} ms (median), {} ms (worst)\n",
        median.as_millis(),
        worst.as_millis()
    );
    Ok(worst)
}

fn await_status(connections: &mut [Connection], status: u16) -> Result<()> {
    let mut new = 0;
    wait_until(&format!("GET {PATH} to answer {status} on every worker"), LIMIT, || {
        while let Some(connection) = connections.get_mut(new) {
            let answer = connection.get(PATH, &[])?;
            ensure!(answer.status == status, "connection {new} still gets {}", answer.status);
            new += 1;
        }
        Ok(())
    })
}
