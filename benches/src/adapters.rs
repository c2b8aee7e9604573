//! What a call of each adapter costs in the host and as native code, and how long a Mixer that uses all
//! adapters takes to start when they are compiled already.
//!
//! The component's calls are those of the adapter's `bench.yaml`, measured by `meshctl adapter bench`, as
//! an author would; the native ones are those of its `src/bench.rs`. The two take turns, and the figure is
//! the median of the turns: a machine changes its speed. The ratio is the price of the sandbox: the border
//! between host and component, and code that is checked. Aims are those of an adapter in Rust.

mod figure;
mod native;
mod start;

use std::fs;
use std::io::Write;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::Layout;

use self::figure::{Figure, Row};
use self::native::Natives;
use crate::effort::Effort;

/// Milliseconds until Mixer is ready with all adapters.
const START_MILLIS: f64 = 300.0;

/// In `adapters/`, but none of ours.
const OTHERS: [&str; 2] = ["sdk", "testing"];

/// Measures and prints them; writes them to `json` as well.
///
/// # Errors
/// When an adapter has no component or no figures, one of its calls fails, or Mixer does not start.
pub(crate) fn run(effort: &Effort, json: Option<fs::File>) -> Result<()> {
    let layout = Layout::of_checkout();
    let (turns, millis, starts) = if effort.is_believable { (5, 200, 9) } else { (1, 5, 1) };
    let adapters = adapters(&layout)?;
    let natives = Natives::build(&layout, &adapters, effort.is_believable)?;
    let mut figures = Vec::new();
    Row::print_head();
    for adapter in adapters {
        let (mut component, mut native) = (Vec::new(), Vec::new());
        for _ in 0..turns {
            component.push(of_component(&layout, &adapter, millis)?);
            native.push(natives.measure(&adapter, millis)?);
        }
        for row in Row::of(&adapter, &component, &native)? {
            row.print(effort.is_believable);
            figures.push(row.json());
        }
    }
    let times = start::measure(&layout, starts)?;
    let millis: Vec<f64> = times.iter().map(|time| time.as_secs_f64() * 1e3).collect();
    let (median, least, most) = (millis[starts / 2], millis[0], millis[starts - 1]);
    println!(
        "mixer ready with {} adapters compiled: {median:.0} ms, {least:.0} … {most:.0} (aim {START_MILLIS:.0})",
        start::ADAPTERS
    );
    figures.push(json!({
        "adapter": "all",
        "call": "start of mixer",
        "ms": median,
        "least": least,
        "most": most,
        "aim": START_MILLIS,
    }));
    if let Some(mut file) = json {
        serde_json::to_writer_pretty(&file, &figures).context("write the figures")?;
        file.write_all(b"\n").context("write the figures")?;
    }
    Ok(())
}

/// The folders of our adapters, sorted.
fn adapters(layout: &Layout) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(layout.root().join("adapters"))? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.path().join("Cargo.toml").exists() && !OTHERS.contains(&name.as_str()) {
            names.push(name);
        }
    }
    ensure!(
        names.len() == start::ADAPTERS,
        "adapters/ has {} adapters, and Mixer is started with {}: {names:?}",
        names.len(),
        start::ADAPTERS
    );
    names.sort();
    Ok(names)
}

fn of_component(layout: &Layout, adapter: &str, millis: u64) -> Result<Vec<Figure>> {
    let calls = layout.root().join("adapters").join(adapter).join("bench.yaml");
    ensure!(calls.is_file(), "{} is missing: what is to be measured?", calls.display());
    let output = Command::new(layout.binary("meshctl")?)
        .args(["adapter", "bench", "-o", "json", "--millis", &millis.to_string()])
        .arg(layout.adapters().join(format!("{adapter}.wasm")))
        .arg("--cases")
        .arg(calls)
        .output()?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "meshctl adapter bench {adapter}: {error}");
    String::from_utf8(output.stdout)?.lines().map(Figure::read).collect()
}
