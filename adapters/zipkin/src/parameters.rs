use adapter_sdk::Problems;
use schemars::JsonSchema;
use serde::Deserialize;

/// What a handler of this adapter is configured with.
#[derive(Debug, Deserialize, JsonSchema)]
pub struct Parameters {
    /// Where spans are posted to, such as `http://zipkin:9411/api/v2/spans`. A URL without a path means
    /// `/api/v2/spans`; `https://` encrypts. Version 1 of the format is not spoken.
    url: String,
    /// Which share of all traces is sent, 0 to 1. Whole traces: the trace's id decides, by the rule of
    /// Zipkin's own collector, so that all who send parts of a trace agree. 0 by default, as in Istio: no
    /// spans are sent.
    #[serde(default)]
    pub(crate) sample_probability: f64,
    /// Whether bodies are compressed. true by default.
    #[serde(default = "yes")]
    pub(crate) gzip: bool,
    /// A file of certificates, in PEM, of the authorities to trust for `https://`. The system's by
    /// default.
    #[serde(default)]
    #[expect(dead_code, reason = "the host reads it")]
    ca_file: String,
}

fn yes() -> bool {
    true
}

impl Parameters {
    /// Notes what is wrong, as far as the host does not see it.
    pub(crate) fn check(&self, problems: &mut Problems) {
        if !(0.0..=1.0).contains(&self.sample_probability) {
            let message = format!("{} is not between 0 and 1", self.sample_probability);
            problems.add("sample_probability", message);
        }
        if self.url.trim_end_matches('/').ends_with("/api/v1/spans") {
            let url = self.url.replace("/api/v1/spans", "/api/v2/spans");
            let message = format!("spans are sent in version 2 of the format: use {url}");
            problems.add("url", message);
        }
    }
}
