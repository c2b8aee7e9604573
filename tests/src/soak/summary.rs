use std::fmt;
use std::time::Duration;

use anyhow::{Result, ensure};

use super::faults::FaultReport;
use super::load::Tally;
use crate::EnvoyStats;

/// The longest that a replaced policy may be enforced while Mixer comes and goes: answers count for two
/// seconds after the watch died, which takes three to notice, and a restarted Mixer needs time to read.
const LONGEST_BEHIND: Duration = Duration::from_secs(10);

/// What a sidecar may grow by after its caches are full.
const GROWTH: f64 = 1.10;
const GROWTH_BYTES: u64 = 16 << 20;

/// What a soak came to.
#[derive(Debug)]
pub struct Summary {
    elapsed: Duration,
    tally: Tally,
    faults: FaultReport,
    reports: Reports,
    checks: Vec<(&'static str, u64)>,
    panics: u64,
}

/// What became of the sidecar's reports.
#[derive(Debug)]
struct Reports {
    made: u64,
    sent: u64,
    dropped: u64,
    lost: u64,
    unknown: u64,
}

impl Summary {
    pub(super) fn new(
        elapsed: Duration,
        tally: Tally,
        faults: FaultReport,
        stats: &EnvoyStats,
    ) -> Self {
        let value = |name: &str| stats.value(&format!("mixmesh.{name}"));
        let checks = ["check_l1_hits", "check_calls", "check_waited", "check_retries"];
        Self {
            elapsed,
            tally,
            faults,
            reports: Reports {
                made: value("reports"),
                sent: value("reports_sent"),
                dropped: value("reports_dropped"),
                lost: value("reports_lost"),
                unknown: value("reports_unknown"),
            },
            checks: checks.map(|name| (name, value(name))).to_vec(),
            panics: value("panics"),
        }
    }

    /// Holds the figures against what is promised.
    ///
    /// # Errors
    /// When a promise is broken.
    pub(super) fn verify(&self) -> Result<()> {
        let Tally { passed, refused, lost, wrong, behind, behind_shaken, .. } = &self.tally;
        ensure!(*wrong == 0, "{wrong} requests were wrongly answered");
        ensure!(*lost == 0, "{lost} requests were lost");
        ensure!(*passed > 0 && *refused > 0, "nothing was decided");
        ensure!(self.panics == 0, "the filter panicked {} times", self.panics);
        let longest = (*behind).max(*behind_shaken);
        ensure!(longest < LONGEST_BEHIND, "a replaced policy was enforced for {longest:?}");
        let Reports { made, sent, dropped, lost, unknown } = &self.reports;
        ensure!(
            *made == sent + dropped + lost + unknown,
            "of {made} reports {sent} were sent, {dropped} dropped, {lost} lost, {unknown} unknown"
        );
        let (early, late) = self.resident();
        ensure!(
            late as f64 <= early as f64 * GROWTH + GROWTH_BYTES as f64,
            "the sidecar grew from {early} to {late} bytes"
        );
        Ok(())
    }

    /// What the sidecar held in the second quarter of the run and in the last, in bytes.
    fn resident(&self) -> (u64, u64) {
        let samples = &self.faults.resident;
        let quarter = samples.len() / 4;
        let median = |part: &[u64]| {
            let mut part = part.to_vec();
            part.sort_unstable();
            part.get(part.len() / 2).copied().unwrap_or(0)
        };
        (median(&samples[quarter..2 * quarter]), median(&samples[3 * quarter..]))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tally { passed, refused, no_verdict, aborted, lost, wrong, .. } = &self.tally;
        let FaultReport { edits, kills, pauses, .. } = &self.faults;
        writeln!(f, "soak of {:.0} s", self.elapsed.as_secs_f64())?;
        writeln!(
            f,
            "  faults: {edits} edits, Mixer killed {kills} and paused {pauses} times, {aborted} clients gone early"
        )?;
        writeln!(
            f,
            "  requests: {passed} passed, {refused} refused, {no_verdict} without a verdict while Mixer was away"
        )?;
        writeln!(f, "  lost: {lost}, wrong: {wrong}")?;
        writeln!(
            f,
            "  a replaced policy was enforced for {:.3} s at most, {:.3} s while Mixer came and went",
            self.tally.behind.as_secs_f64(),
            self.tally.behind_shaken.as_secs_f64()
        )?;
        let checks: Vec<String> =
            self.checks.iter().map(|(name, count)| format!("{name} {count}")).collect();
        writeln!(f, "  checks: {}", checks.join(", "))?;
        let Reports { made, sent, dropped, lost, unknown } = &self.reports;
        writeln!(
            f,
            "  reports: {made} = {sent} sent + {dropped} dropped + {lost} lost + {unknown} unknown"
        )?;
        let (early, late) = self.resident();
        writeln!(
            f,
            "  the sidecar held {:.1} MiB early and {:.1} MiB late",
            early as f64 / 1048576.0,
            late as f64 / 1048576.0
        )?;
        for example in &self.tally.examples {
            writeln!(f, "  for example: {example}")?;
        }
        Ok(())
    }
}
