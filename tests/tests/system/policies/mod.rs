//! The adapters that decide by policies, in a real Mixer, asked over gRPC.

mod access;
mod document_server;
mod lists;
mod rego;

use std::fs;

use anyhow::{Context, Result, ensure};
use mesh_api::mixer::v1::CheckRequest;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::mixer_client::MixerClient;
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::encode_check_request;
use prost::Message;
use serde_json::Value;
use testbed::{Layout, Mixer, TestMesh, http};
use tokio::runtime::Runtime;
use tonic::transport::{Channel, Endpoint};

const OK: i32 = 0;
const PERMISSION_DENIED: i32 = 7;
const UNAVAILABLE: i32 = 14;

/// A Mixer without a cache of its own, and a connection to it.
struct Asked {
    mixer: Mixer,
    runtime: Runtime,
    channel: Channel,
}

impl Asked {
    fn start(config: &str) -> Result<Self> {
        let mesh = TestMesh::new()?.with_file("policy.yaml", config)?;
        let uncached = ["--check-cache-bytes".to_owned(), "0".to_owned()];
        let mixer = mesh.with(|mesh| mesh.mixer().flags.extend(uncached)).start_mixer()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let endpoint = Endpoint::new(format!("http://{}", mixer.grpc()))?;
        let channel = runtime.block_on(endpoint.connect())?;
        Ok(Self { mixer, runtime, channel })
    }

    /// What Mixer answers to a request with these attributes to a service of namespace `default`.
    fn ask(&self, bag: AttributeBag) -> Result<PreconditionResult> {
        let bag = bag
            .with("context.reporter.kind", "inbound")
            .with("context.protocol", "http")
            .with("destination.namespace", "default");
        let mut bytes = Vec::new();
        encode_check_request(&bag, "", &[], &mut bytes);
        let request = CheckRequest::decode(bytes.as_slice())?;
        let mut client = MixerClient::new(self.channel.clone());
        let answer = self.runtime.block_on(client.check(request))?.into_inner();
        answer.precondition.context("an answer without a precondition")
    }

    /// The code of the answer and its message.
    fn decides(&self, bag: AttributeBag) -> Result<(i32, String)> {
        let status = self.ask(bag)?.status.unwrap_or_default();
        Ok((status.code, status.message))
    }

    /// What is wrong with its configuration.
    fn problems(&self) -> Result<Vec<String>> {
        let page = http::get(&format!("{}/debug/config", self.mixer.http_url()))?.require_ok()?;
        let config: Value = serde_json::from_slice(&page.body)?;
        let problems = config["problems"].as_array().context("no list of problems")?;
        Ok(problems.iter().filter_map(Value::as_str).map(str::to_owned).collect())
    }
}

/// The configuration in an adapter's README.
fn example(adapter: &str) -> Result<String> {
    let path = Layout::of_checkout().root().join(format!("adapters/{adapter}/README.md"));
    let text = fs::read_to_string(&path).with_context(|| path.display().to_string())?;
    let example = text.split("```yaml\n").nth(1).and_then(|rest| rest.split("```").next());
    Ok(example.context("a README without an example")?.to_owned())
}

/// An instance and a rule that send requests to the handler `policy`.
fn rule(template: &str, params: &str) -> String {
    format!(
        "---\napiVersion: config.istio.io/v1alpha2\nkind: instance\n\
         metadata: {{ name: asked, namespace: default }}\n\
         spec:\n  compiledTemplate: {template}\n  params: {params}\n\
         ---\napiVersion: config.istio.io/v1alpha2\nkind: rule\n\
         metadata: {{ name: asked, namespace: default }}\n\
         spec: {{ actions: [ {{ handler: policy, instances: [ asked ] }} ] }}\n"
    )
}

/// The handler `policy`, with its parameters in YAML, indented by four.
fn handler(adapter: &str, params: &str) -> String {
    format!(
        "apiVersion: config.istio.io/v1alpha2\nkind: handler\n\
         metadata: {{ name: policy, namespace: default }}\n\
         spec:\n  compiledAdapter: {adapter}\n  params:\n{params}\n"
    )
}

#[test]
fn the_examples_of_the_readmes_are_taken_as_they_are() -> Result<()> {
    for adapter in ["authz", "list", "opa"] {
        let asked = Asked::start(&example(adapter)?)?;
        let problems = asked.problems()?;
        ensure!(problems.is_empty(), "{adapter}: {problems:#?}");
    }
    Ok(())
}
