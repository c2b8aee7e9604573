use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rustix::process::{Pid, Signal, kill_process};

use super::chance::Chance;
use super::history::History;
use super::policy::Policy;
use crate::{Mesh, resident_bytes};

/// How often the sidecar's memory is looked at.
const SAMPLE: Duration = Duration::from_millis(500);

/// Injects faults, one after the other.
pub(super) struct Faults<'a> {
    history: &'a History,
    envoy: u32,
    chance: Chance,
    report: FaultReport,
    sampled: Option<Instant>,
}

/// What was done to the mesh.
#[derive(Debug, Default)]
pub(super) struct FaultReport {
    pub(super) edits: u64,
    pub(super) kills: u64,
    pub(super) pauses: u64,
    /// Bytes that the sidecar held, from time to time.
    pub(super) resident: Vec<u64>,
}

impl<'a> Faults<'a> {
    pub(super) fn new(history: &'a History, envoy: u32) -> Self {
        let (chance, report) = (Chance::new(99), FaultReport::default());
        Self { history, envoy, chance, report, sampled: None }
    }

    /// Goes on until `end`, with Mixer there at the end.
    pub(super) fn run(&mut self, mesh: &mut Mesh, end: Instant) -> Result<()> {
        while Instant::now() < end {
            match self.chance.below(10) {
                0 => self.kill(mesh)?,
                1 => self.pause(mesh)?,
                _ => self.edit(mesh)?,
            }
            let rest = Duration::from_millis(200 + self.chance.below(1300));
            self.wait(rest)?;
        }
        Ok(())
    }

    pub(super) fn into_report(self) -> FaultReport {
        self.report
    }

    fn edit(&mut self, mesh: &Mesh) -> Result<()> {
        let yaml = Policy::numbered(self.history.newest() + 1).yaml();
        mesh.write_config("policy.yaml", &yaml)?;
        self.history.save(&yaml);
        self.report.edits += 1;
        Ok(())
    }

    fn kill(&mut self, mesh: &mut Mesh) -> Result<()> {
        self.history.outage_begins();
        mesh.mixer_mut().kill()?;
        let away = Duration::from_millis(self.chance.below(3000));
        self.wait(away)?;
        mesh.mixer_mut().restart()?;
        self.history.outage_ends();
        self.report.kills += 1;
        Ok(())
    }

    fn pause(&mut self, mesh: &Mesh) -> Result<()> {
        let mixer = mesh.mixer().id().context("Mixer runs")?;
        self.history.outage_begins();
        signal(mixer, Signal::STOP)?;
        let away = Duration::from_millis(100 + self.chance.below(4000));
        let waited = self.wait(away);
        signal(mixer, Signal::CONT)?;
        self.history.outage_ends();
        self.report.pauses += 1;
        waited
    }

    fn wait(&mut self, time: Duration) -> Result<()> {
        let end = Instant::now() + time;
        loop {
            if self.sampled.is_none_or(|at| at.elapsed() >= SAMPLE) {
                self.sampled = Some(Instant::now());
                self.report.resident.push(resident_bytes(self.envoy)?);
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(());
            }
            thread::sleep(left.min(SAMPLE));
        }
    }
}

fn signal(process: u32, signal: Signal) -> Result<()> {
    let pid = i32::try_from(process).ok().and_then(Pid::from_raw).context("a process id")?;
    kill_process(pid, signal).context("signal Mixer")
}
