use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{AdapterHost, BuildError, Component, Handler, HandlerSpec, Limits};
use anyhow::{Context, Result};
use mesh_config::Origin;
use tokio::time::{Instant, sleep};

use super::super::host::stream_to;
use super::Capture;
use super::mismatch::{Difference, Mismatch, list_differences};
use super::suite::{Case, Suite};

/// A tool's cases are not requests: a loaded machine must not fail them.
const CALL_DEADLINE: Duration = Duration::from_secs(5);
const SETUP_DEADLINE: Duration = Duration::from_secs(30);
/// How long lines may take from the adapter's stream to the file.
const LINES_LIMIT: Duration = Duration::from_secs(5);
const LINES_POLL: Duration = Duration::from_millis(5);

/// Runs cases against a component.
pub(crate) struct Runner {
    host: AdapterHost,
    component: Arc<Component>,
    capture: Capture,
    /// For the streams of handlers.
    scratch: tempfile::TempDir,
}

/// What came of a case.
#[derive(Debug)]
pub(crate) struct Ran {
    /// Empty: all came as expected.
    pub(crate) mismatches: Vec<Mismatch>,
    /// What the adapter said meanwhile.
    pub(crate) messages: Vec<String>,
}

impl Runner {
    /// # Errors
    /// When there is no place for the files of a test.
    pub(crate) fn new(
        host: AdapterHost,
        component: Arc<Component>,
        capture: Capture,
    ) -> Result<Self> {
        let scratch = tempfile::tempdir().context("make a temporary folder")?;
        Ok(Self { host, component, capture, scratch })
    }

    /// Runs a case; `number` tells its handler from those of the others.
    ///
    /// # Errors
    /// When the machine is at fault, not the adapter.
    pub(crate) async fn run(&self, suite: &Suite, case: &Case, number: usize) -> Result<Ran> {
        self.capture.take();
        let mut mismatches = Vec::new();
        let stream = self.scratch.path().join(format!("{number}.log"));
        let (servers, mut params) = suite.start(case).await?;
        stream_to(&self.component, &mut params, &stream);
        let spec = HandlerSpec {
            name: format!("case-{number}.default"),
            params,
            instances: suite.instances.iter().map(|instance| instance.decl.clone()).collect(),
            limits: Limits {
                check_deadline: CALL_DEADLINE,
                report_deadline: CALL_DEADLINE,
                setup_deadline: SETUP_DEADLINE,
                ..Limits::default_for(&self.component)
            },
        };
        match Handler::build(&self.host, Arc::clone(&self.component), spec).await {
            Err(error) => mismatches.extend(refused(case, &error)),
            Ok(handler) => {
                if let Some((origin, problems)) = &case.problems {
                    let differences = list_differences(problems, &[], true);
                    let what = "the configuration is taken".to_owned();
                    mismatches.push(Mismatch { origin: origin.clone(), what, differences });
                } else {
                    self.call(suite, case, &handler, &mut mismatches).await;
                }
                if let Some((origin, expected)) = &case.series {
                    let actual = self.series();
                    let differences = list_differences(expected, &actual, false);
                    mismatches.extend(listed(origin, "series", differences));
                }
                for (origin, server, expected) in &case.sent {
                    let actual = servers.received(server, expected.len()).await;
                    let differences = list_differences(expected, &actual, true);
                    mismatches.extend(listed(origin, &format!("sent to {server}"), differences));
                }
                handler.close().await;
                if let Some((origin, expected)) = &case.lines {
                    let actual = lines(&stream, expected.len()).await?;
                    let differences = list_differences(expected, &actual, true);
                    mismatches.extend(listed(origin, "lines", differences));
                }
            }
        }
        let messages = self.capture.take();
        if let Some((origin, expected)) = &case.messages {
            let differences = list_differences(expected, &messages, true);
            mismatches.extend(listed(origin, "messages", differences));
        }
        Ok(Ran { mismatches, messages })
    }

    async fn call(
        &self,
        suite: &Suite,
        case: &Case,
        handler: &Handler,
        mismatches: &mut Vec<Mismatch>,
    ) {
        for call in &case.calls {
            let instance = &suite.instances[call.instance.0 as usize];
            let outcome = call.make(handler, instance).await;
            let differences = call.expected.differences(&outcome);
            if !differences.is_empty() {
                let what = format!("{} {}", call.kind, instance.decl.name);
                mismatches.push(Mismatch { origin: call.origin.clone(), what, differences });
            }
        }
    }

    /// All series with their samples, without comments.
    fn series(&self) -> Vec<String> {
        let mut text = String::new();
        self.host.series().encode_text(&mut text);
        text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
    }
}

/// Holds the problems of a configuration against those expected.
fn refused(case: &Case, error: &BuildError) -> Option<Mismatch> {
    let found: Vec<String> = match error {
        BuildError::Refused { problems } => problems.iter().map(ToString::to_string).collect(),
        BuildError::Setup(error) => vec![error.to_string()],
    };
    match (&case.problems, error) {
        (Some((origin, expected)), BuildError::Refused { .. }) => {
            listed(origin, "problems", list_differences(expected, &found, false))
        }
        _ => {
            let origin = case.origin.clone();
            let what = "the configuration is refused".to_owned();
            let differences = vec![Difference::new("", "", &found.join("\n"))];
            Some(Mismatch { origin, what, differences })
        }
    }
}

fn listed(origin: &Origin, what: &str, differences: Vec<Difference>) -> Option<Mismatch> {
    let what = what.to_owned();
    (!differences.is_empty()).then(|| Mismatch { origin: origin.clone(), what, differences })
}

/// The lines of a handler's stream, once there are `expected` of them or the time is over.
async fn lines(stream: &Path, expected: usize) -> Result<Vec<String>> {
    let end = Instant::now() + LINES_LIMIT;
    loop {
        let text = match fs::read_to_string(stream) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error).with_context(|| format!("read {}", stream.display())),
        };
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        if lines.len() >= expected || Instant::now() > end {
            return Ok(lines);
        }
        sleep(LINES_POLL).await;
    }
}
