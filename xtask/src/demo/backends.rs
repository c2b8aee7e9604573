use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use testbed::{Layout, MeshOptions, Part, Prometheus, Zipkin, write_at_once};

/// Spans of one request in Zipkin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Trace {
    /// Its id.
    pub(crate) id: String,
    /// All of them.
    pub(crate) spans: usize,
    /// Of those, Mixer's own.
    pub(crate) mixer: usize,
    /// Of those, made of what was reported, by the adapter.
    pub(crate) mesh: usize,
}

impl Trace {
    fn of(id: &str, spans: &[Value]) -> Self {
        let count = |is_meant: fn(&&Value) -> bool| spans.iter().filter(is_meant).count();
        Self {
            id: id.to_owned(),
            spans: spans.len(),
            mixer: count(|span| span["localEndpoint"]["serviceName"] == "mixer"),
            mesh: count(|span| span["tags"]["mesh.service"].is_string()),
        }
    }
}

/// What shows the mesh's series and spans, where the machine has it.
#[derive(Debug)]
pub(crate) struct Backends {
    prometheus: Option<Prometheus>,
    zipkin: Option<Zipkin>,
}

/// What the demo's configuration takes for Zipkin's address.
const USUAL_ZIPKIN: &str = "127.0.0.1:9411";

/// What a user asks Prometheus first.
const QUERY: &str = "sum by (response_code) (istio_requests_total)";

impl Backends {
    /// Starts what is there, and tells the mesh to be where it looks.
    ///
    /// # Errors
    /// When something that is there does not start.
    pub(crate) fn start(layout: &Layout, folder: &Path, mesh: &mut MeshOptions) -> Result<Self> {
        let mut zipkin = None;
        if Part::Zipkin.is_present(layout) {
            zipkin = Some(Zipkin::spawn(layout, folder)?);
        }
        direct_spans(&folder.join("config/tracing.yaml"), zipkin.as_ref())?;
        let mut prometheus = None;
        if Part::Prometheus.is_present(layout) {
            let admin = mesh.envoy_addresses().admin;
            let mixer = mesh.mixer();
            let targets = [
                ("adapters", format!("http://{}/metrics", mixer.prometheus)),
                ("mixer", format!("http://{}/metrics", mixer.http)),
                ("envoy", format!("http://{admin}/stats/prometheus")),
            ];
            prometheus = Some(Prometheus::start(layout, &targets, folder)?);
        }
        if let Some(zipkin) = &mut zipkin {
            zipkin.wait_until_ready()?;
            mesh.spans_to(zipkin.address());
        }
        Ok(Self { prometheus, zipkin })
    }

    /// Prints what they show of the first phase's `requests`, and returns the trace of one of them, if
    /// traces are kept here.
    ///
    /// # Errors
    /// When they do not show it.
    pub(crate) fn show(&self, requests: u64) -> Result<Option<Trace>> {
        let mut trace = None;
        if let Some(prometheus) = &self.prometheus {
            println!("Prometheus at {}\n  {QUERY}", prometheus.url());
            #[expect(clippy::cast_precision_loss, reason = "a demo sends some hundred requests")]
            for (labels, value) in prometheus.wait_for_sum(QUERY, requests as f64)? {
                println!("    {labels} {value}");
            }
            println!();
        }
        if let Some(zipkin) = &self.zipkin {
            let id = zipkin.wait_for_trace(
                "a trace with spans of Envoy, Mixer and the mesh",
                |spans| {
                    let trace = Trace::of("", spans);
                    trace.mesh > 0 && trace.mixer > 0 && trace.mesh + trace.mixer < trace.spans
                },
            )?;
            println!(
                "Zipkin at {0}/zipkin/\n  Envoy, Mixer and the adapter zipkin in one trace: {0}/zipkin/traces/{id}\n",
                zipkin.url()
            );
            trace = Some(Trace::of(&id, &zipkin.trace(&id)?));
        }
        for (part, runs) in
            [(Part::Prometheus, self.prometheus.is_some()), (Part::Zipkin, self.zipkin.is_some())]
        {
            if !runs {
                println!("{} does not run here; to get it, {}\n", part.name(), part.how_to_get());
            }
        }
        Ok(trace)
    }

    /// The URL of Prometheus, where it runs.
    pub(crate) fn prometheus_url(&self) -> Option<String> {
        self.prometheus.as_ref().map(Prometheus::url)
    }

    /// Zipkin, where it runs.
    pub(crate) fn zipkin(&self) -> Option<&Zipkin> {
        self.zipkin.as_ref()
    }

    /// The URL of Zipkin, where it runs.
    pub(crate) fn zipkin_url(&self) -> Option<String> {
        self.zipkin.as_ref().map(Zipkin::url)
    }
}

/// Has the mesh's spans go to this Zipkin; without one there are none.
fn direct_spans(config: &Path, zipkin: Option<&Zipkin>) -> Result<()> {
    let named = || format!("{}", config.display());
    let Some(zipkin) = zipkin else { return fs::remove_file(config).with_context(named) };
    let text = fs::read_to_string(config).with_context(named)?;
    ensure!(text.contains(USUAL_ZIPKIN), "{} does not name {USUAL_ZIPKIN}", config.display());
    write_at_once(config, text.replace(USUAL_ZIPKIN, &zipkin.address().to_string()).as_bytes())
}
