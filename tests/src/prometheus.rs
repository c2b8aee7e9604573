use std::fs;
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use crate::{Launch, Layout, Process, free_address, http, wait_until};

const READY: Duration = Duration::from_secs(30);
/// Prometheus finds its targets 5 s after its start, whatever the interval is.
const FIRST_SAMPLES: Duration = Duration::from_secs(30);

/// A real Prometheus that scrapes once a second.
#[derive(Debug)]
pub struct Prometheus {
    address: SocketAddr,
    _process: Process,
}

impl Prometheus {
    /// Starts it on `targets`, each a job's name and a `http://…` URL, and waits until it answers.
    ///
    /// # Errors
    /// When it is not there or does not become ready.
    pub fn start(layout: &Layout, targets: &[(&str, String)], folder: &Path) -> Result<Self> {
        Self::start_with(layout, targets, folder, &[])
    }

    /// As [`Self::start`], with features that must be enabled, such as `native-histograms`. Its files are
    /// in `folder`, where there can be one.
    ///
    /// # Errors
    /// As there.
    pub fn start_with(
        layout: &Layout,
        targets: &[(&str, String)],
        folder: &Path,
        features: &[&str],
    ) -> Result<Self> {
        let address = free_address()?;
        let jobs: Vec<Value> = targets.iter().map(job).collect::<Result<_>>()?;
        let config = json!({
            "global": { "scrape_interval": "1s", "scrape_timeout": "1s" },
            "scrape_configs": jobs,
        });
        // JSON is YAML.
        let path = folder.join("prometheus.json");
        fs::write(&path, serde_json::to_vec_pretty(&config)?)?;
        let data = folder.join("prometheus-data");
        if data.exists() {
            fs::remove_dir_all(&data)?;
        }
        let flag = |name: &str, value: &Path| format!("--{name}={}", value.display());
        let mut process = Launch::new("prometheus", layout.prometheus(), folder)
            .arg(flag("config.file", &path))
            .arg(flag("storage.tsdb.path", &data))
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--enable-feature={}", features.join(",")))
            .arg("--log.level=warn")
            .start()?;
        let ready = format!("http://{address}/-/ready");
        process.wait_until("Prometheus to be ready", READY, || http::get(&ready)?.require_ok())?;
        Ok(Self { address, _process: process })
    }

    /// Its URL, without a slash at the end.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The answer to a PromQL query: labels and value of each series.
    ///
    /// # Errors
    /// When Prometheus does not answer or refuses the query.
    pub fn query(&self, query: &str) -> Result<Vec<(Value, f64)>> {
        let url = format!("{}/api/v1/query?query={}", self.url(), percent_encoded(query));
        let answer: Value = serde_json::from_slice(&http::get(&url)?.require_ok()?.body)?;
        let series = answer["data"]["result"].as_array().context("the answer has no result")?;
        series
            .iter()
            .map(|one| {
                let value = one["value"][1].as_str().context("a series has no value")?;
                Ok((one["metric"].clone(), value.parse()?))
            })
            .collect()
    }

    /// The exemplars of the series that match, of the last hour: the labels of each.
    ///
    /// # Errors
    /// When Prometheus does not answer or refuses the query.
    pub fn exemplars(&self, query: &str) -> Result<Vec<Value>> {
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_secs();
        let url = format!(
            "{}/api/v1/query_exemplars?query={}&start={}&end={}",
            self.url(),
            percent_encoded(query),
            now - 3600,
            now + 60,
        );
        let answer: Value = serde_json::from_slice(&http::get(&url)?.require_ok()?.body)?;
        let series = answer["data"].as_array().context("the answer has no data")?;
        let exemplars = series.iter().filter_map(|one| one["exemplars"].as_array()).flatten();
        Ok(exemplars.map(|exemplar| exemplar["labels"].clone()).collect())
    }

    /// Waits until the sum over the answers to `query` is `expected`.
    ///
    /// # Errors
    /// When that does not happen; the text has the last sum.
    pub fn wait_for_sum(&self, query: &str, expected: f64) -> Result<Vec<(Value, f64)>> {
        wait_until(&format!("Prometheus to answer {expected} to {query}"), FIRST_SAMPLES, || {
            let series = self.query(query)?;
            let sum: f64 = series.iter().map(|(_, value)| value).sum();
            ensure!((sum - expected).abs() < 0.5, "it answers {sum}");
            Ok(series)
        })
    }
}

/// What Prometheus' own linter has to say to a page in the text format; nothing, when all is well.
///
/// # Errors
/// When it cannot be run.
pub fn lint_series(layout: &Layout, text: &str) -> Result<String> {
    // It comes with Prometheus: in the same folder, or in that of the unpacked package.
    let program = layout.prometheus().canonicalize()?;
    let unpacked = program.with_file_name("usr").join("bin/promtool");
    let promtool = if unpacked.exists() { unpacked } else { program.with_file_name("promtool") };
    let mut lint = Command::new(&promtool)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", promtool.display()))?;
    lint.stdin.take().context("its input")?.write_all(text.as_bytes())?;
    let output = lint.wait_with_output()?;
    let said = [output.stdout, output.stderr].concat();
    Ok(String::from_utf8_lossy(&said).into_owned())
}

fn job((name, url): &(&str, String)) -> Result<Value> {
    let rest = url.strip_prefix("http://").with_context(|| format!("`{url}` is no http:// URL"))?;
    let (target, path) = rest.split_once('/').unwrap_or((rest, ""));
    Ok(json!({
        "job_name": name,
        "metrics_path": format!("/{path}"),
        "static_configs": [{ "targets": [target] }],
    }))
}

/// As a value in the query part of a URL.
pub(crate) fn percent_encoded(text: &str) -> String {
    text.bytes().fold(String::with_capacity(text.len()), |mut encoded, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                encoded.push(byte.into());
            }
            other => encoded.push_str(&format!("%{other:02X}")),
        }
        encoded
    })
}
