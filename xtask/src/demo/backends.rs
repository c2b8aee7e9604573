use std::path::Path;

use anyhow::Result;
use testbed::{Layout, MeshOptions, Part, Prometheus, Zipkin};

/// What shows the mesh's series and spans, where the machine has it.
#[derive(Debug)]
pub(crate) struct Backends {
    prometheus: Option<Prometheus>,
    zipkin: Option<Zipkin>,
}

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

    /// Prints what they show of the first phase's `requests`.
    ///
    /// # Errors
    /// When they do not show it.
    pub(crate) fn show(&self, requests: u64) -> Result<()> {
        if let Some(prometheus) = &self.prometheus {
            println!("Prometheus at {}\n  {QUERY}", prometheus.url());
            #[expect(clippy::cast_precision_loss, reason = "a demo sends some hundred requests")]
            for (labels, value) in prometheus.wait_for_sum(QUERY, requests as f64)? {
                println!("    {labels} {value}");
            }
            println!();
        }
        if let Some(zipkin) = &self.zipkin {
            let trace = zipkin.wait_for_trace_of(["greeter", "mixer"])?;
            println!(
                "Zipkin at {0}/zipkin/\n  Envoy and Mixer in one trace: {0}/zipkin/traces/{trace}\n",
                zipkin.url()
            );
        }
        for (part, runs) in
            [(Part::Prometheus, self.prometheus.is_some()), (Part::Zipkin, self.zipkin.is_some())]
        {
            if !runs {
                println!("{} does not run here; to get it, {}\n", part.name(), part.how_to_get());
            }
        }
        Ok(())
    }

    /// The URL of Prometheus, where it runs.
    pub(crate) fn prometheus_url(&self) -> Option<String> {
        self.prometheus.as_ref().map(Prometheus::url)
    }

    /// The URL of Zipkin, where it runs.
    pub(crate) fn zipkin_url(&self) -> Option<String> {
        self.zipkin.as_ref().map(Zipkin::url)
    }
}
