use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ::mixer::DEFAULT_ROOT_NAMESPACE;
use anyhow::{Context, Result, bail};
use clap::Args;
use mesh_attributes::bag_to_json;
use serde_json::Value;

use crate::attributes::Attributes;
use crate::output::Output;

/// How long a Mixer may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Say what the rules make of a request with these attributes: which match, what their instances are,
/// what each handler answers, and what the answer depends on. Nothing is spent, cached or reported.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    /// HTTP port of a running Mixer, host:port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9093")]
    http: String,

    /// Ask no running Mixer but compile these files, or folders of them, here.
    #[arg(long, value_name = "FILES", num_args = 1..)]
    config: Vec<PathBuf>,

    /// With --config: folder of adapters, one `NAME.wasm` each. The default is `../adapters` from the
    /// executable.
    #[arg(long, value_name = "DIR", requires = "config")]
    adapters: Option<PathBuf>,

    /// With --config: the namespace whose rules hold for all namespaces.
    #[arg(long, value_name = "NAME", default_value = DEFAULT_ROOT_NAMESPACE)]
    root_namespace: String,

    #[command(flatten)]
    attributes: Attributes,

    /// How the explanation is printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Explain {
    /// Exits with 0 when the request may pass, with 1 when it may not.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let bag = self.attributes.bag()?;
        let explanation = if self.config.is_empty() {
            ask(&self.http, &bag_to_json(&bag)?)?
        } else {
            let root = &self.root_namespace;
            let explained = ::mixer::explain(&self.config, self.adapters, root, &bag).await?;
            for problem in &explained.problems {
                eprintln!("{problem}");
            }
            explained.explanation
        };
        match self.output {
            Output::Json => println!("{explanation}"),
            Output::Text => print!("{}", text(&explanation)),
        }
        let passes = explanation["answer"]["code"] == 0;
        Ok(if passes { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn ask(http: &str, attributes: &Value) -> Result<Value> {
    let config = ureq::Agent::config_builder()
        .timeout_global(Some(TIMEOUT))
        .http_status_as_error(false)
        .build();
    let url = format!("http://{http}/debug/explain");
    let mut response = ureq::Agent::new_with_config(config)
        .post(&url)
        .send_json(attributes)
        .with_context(|| format!("ask {url}; is --http the HTTP port of a running Mixer?"))?;
    if !response.status().is_success() {
        let body = response.body_mut().read_to_string().unwrap_or_default();
        bail!("{url} answered {}: {}", response.status(), body.trim());
    }
    response.body_mut().read_json().with_context(|| format!("{url} did not answer with JSON"))
}

/// The explanation for people.
fn text(explanation: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let mut out = format!(
        "namespace {} (generation {})\n",
        word(&explanation["namespace"]),
        word(&explanation["generation"])
    );
    let generated = &explanation["generated"];
    if generated.as_object().is_some_and(|generated| !generated.is_empty()) {
        out.push_str(&format!("generated: {generated}\n"));
    }
    for rule in explanation["rules"].as_array().into_iter().flatten() {
        let matches = match &rule["matches"] {
            Value::Bool(true) => "matches".to_owned(),
            Value::Bool(false) => "does not match".to_owned(),
            error => format!("does not match: {}", word(&error["error"])),
        };
        out.push_str(&format!(
            "{} rule {}: {matches}\n",
            word(&rule["variety"]),
            word(&rule["rule"])
        ));
        for call in rule["calls"].as_array().into_iter().flatten() {
            out.push_str(&format!(
                "  {} for {} ({}): {}\n",
                word(&call["instance"]),
                word(&call["handler"]),
                word(&call["adapter"]),
                call["values"]
            ));
            for error in call["errors"].as_array().into_iter().flatten() {
                out.push_str(&format!("    cannot be made: {}\n", word(error)));
            }
            if !call["answer"].is_null() {
                out.push_str(&format!("    answers {}\n", call["answer"]));
            }
        }
    }
    let answer = &explanation["answer"];
    out.push_str(&format!(
        "answer: code {} {}, valid {} ms, {} uses\n",
        answer["code"],
        word(&answer["message"]),
        answer["valid_ms"],
        answer["uses"]
    ));
    for side in ["request_headers", "response_headers"] {
        for operation in answer[side].as_array().into_iter().flatten() {
            out.push_str(&format!("  {side}: {operation}\n"));
        }
    }
    if !answer["direct_response"].is_null() {
        out.push_str(&format!("  direct response: {}\n", answer["direct_response"]));
    }
    for reference in answer["depends_on"].as_array().into_iter().flatten() {
        let key = reference["key"].as_str().map_or(String::new(), |key| format!("[{key:?}]"));
        let (name, condition) = (word(&reference["name"]), word(&reference["condition"]));
        out.push_str(&format!("  depends on {name}{key}: {condition}\n"));
    }
    out
}
