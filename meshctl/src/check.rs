use std::collections::{BTreeMap, HashMap};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use mesh_api::mixer::v1::check_response::{PreconditionResult, QuotaResult};
use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::mixer::v1::mixer_client::MixerClient;
use mesh_api::mixer::v1::{CheckRequest, HeaderOperation, RouteDirective};
use mesh_attributes::wire::{QuotaRequest, encode_check_request, resolve_references};
use mesh_attributes::{AttributeBag, Condition};
use prost::Message;
use serde_json::{Value, json};
use tonic::Request;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};
use tonic::transport::Channel;

use crate::attributes::{Attributes, quotas};
use crate::load::Load;
use crate::mixer::{CALL_FAILED, TIMEOUT, WrongArguments, call_headers, connect, refusal};
use crate::output::Output;

/// Ask a Mixer whether a request with these attributes may pass.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Mixer's gRPC port, host:port or unix:///path.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9091")]
    mixer: String,

    #[command(flatten)]
    attributes: Attributes,

    /// Quotas asked for, best effort: name=amount, separated by commas.
    #[arg(long, short, value_name = "NAME=AMOUNT")]
    quotas: Vec<String>,

    /// Headers of the calls, such as a trace to join: traceparent=00-…-01. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,

    #[command(flatten)]
    load: Load,

    /// Print each answer of a repeated check, not only the summary.
    #[arg(long)]
    print_response: bool,

    /// How the answer is printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Check {
    /// Exits with 0 when every call said that the request may pass, with 1 when one said that it may not
    /// or that a quota is used up, with 3 when one was not answered.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let quotas = quotas(&self.quotas).context(WrongArguments)?;
        let bag = self.attributes.bag().context(WrongArguments)?;
        let headers = call_headers(&self.header).context(WrongArguments)?;
        let client = MixerClient::new(connect(&self.mixer).await?);
        let print = (self.print_response || self.load.is_single()).then_some(self.output);
        let call = move |number| {
            let (client, headers) = (client.clone(), headers.clone());
            let request = request(&bag, &quotas, number);
            async move { ask(client, request?, headers, print).await }
        };
        let summary = self.load.run(call).await?;
        if !self.load.is_single() {
            match self.output {
                Output::Json => println!("{}", summary.json()),
                Output::Text => println!("{}", summary.text()),
            }
        }
        Ok(if summary.others(&[PASSED, DENIED, EXHAUSTED]) > 0 {
            CALL_FAILED.into()
        } else if summary.count(DENIED) + summary.count(EXHAUSTED) > 0 {
            ExitCode::FAILURE
        } else {
            ExitCode::SUCCESS
        })
    }
}

/// What an answer says.
const PASSED: &str = "passed";
const DENIED: &str = "denied";
/// A quota that was asked for granted nothing.
const EXHAUSTED: &str = "over quota";

/// Each call is a request of its own, also for quotas.
fn request(bag: &AttributeBag, quotas: &[(String, i64)], number: u32) -> Result<CheckRequest> {
    let quotas: Vec<QuotaRequest<'_>> = quotas
        .iter()
        .map(|(name, amount)| QuotaRequest { name, amount: *amount, best_effort: true })
        .collect();
    let id = match quotas.is_empty() {
        true => String::new(),
        false => format!("meshctl-{}-{number}", std::process::id()),
    };
    let mut bytes = Vec::new();
    encode_check_request(bag, &id, &quotas, &mut bytes);
    Ok(CheckRequest::decode(bytes.as_slice())?)
}

/// One call; its outcome is what the answer says, or the status of a call without one.
async fn ask(
    mut client: MixerClient<Channel>,
    request: CheckRequest,
    headers: MetadataMap,
    print: Option<Output>,
) -> Result<String> {
    let mut request = Request::new(request);
    *request.metadata_mut() = headers;
    request.set_timeout(TIMEOUT);
    request.metadata_mut().insert(
        "mixmesh-filter",
        AsciiMetadataValue::from_static(concat!("meshctl-", env!("CARGO_PKG_VERSION"))),
    );
    let response = match client.check(request).await {
        Ok(response) => response,
        Err(status) => {
            if print.is_some() {
                eprintln!("{}", refusal(&status));
            }
            return Ok(format!("{:?}", status.code()));
        }
    };
    let (metadata, response, _) = response.into_parts();
    let precondition = response.precondition.context("Mixer's answer has no precondition")?;
    let code = precondition.status.as_ref().map_or(0, |status| status.code);
    if let Some(output) = print {
        let mut answer = describe(&precondition, &metadata)?;
        if !response.quotas.is_empty() {
            answer["quotas"] = granted(&response.quotas);
        }
        match output {
            Output::Json => println!("{answer}"),
            Output::Text => println!("{answer:#}"),
        }
    }
    let spent = response.quotas.values().any(|quota| quota.granted_amount == 0);
    let outcome = match code {
        0 if spent => EXHAUSTED,
        0 => PASSED,
        _ => DENIED,
    };
    Ok(outcome.to_owned())
}

fn granted(quotas: &HashMap<String, QuotaResult>) -> Value {
    let sorted: BTreeMap<_, _> = quotas
        .iter()
        .map(|(name, result)| {
            let code = result.status.as_ref().map_or(0, |status| status.code);
            let granted = json!({ "granted": result.granted_amount, "code": code });
            (name, granted)
        })
        .collect();
    json!(sorted)
}

fn describe(precondition: &PreconditionResult, metadata: &MetadataMap) -> Result<Value> {
    let text = |key: &str| metadata.get(key).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let status = precondition.status.clone().unwrap_or_default();
    let valid = precondition.valid_duration.unwrap_or_default();
    let valid_ms = valid.seconds.saturating_mul(1000) + i64::from(valid.nanos) / 1_000_000;
    Ok(json!({
        "status": { "code": status.code, "message": status.message },
        "valid_ms": valid_ms,
        "uses": precondition.valid_use_count,
        "referenced": referenced(precondition)?,
        "headers": headers(precondition.route_directive.as_ref()),
        "namespace": text("mixmesh-namespace"),
        "generation": text("mixmesh-generation"),
        "cache": text("mixmesh-cache"),
    }))
}

fn referenced(precondition: &PreconditionResult) -> Result<Vec<Value>> {
    let list = precondition.referenced_attributes.clone().unwrap_or_default();
    let matches = list.attribute_matches.iter().map(|m| (m.name, m.condition, m.map_key));
    let references = resolve_references(&list.words, matches)?;
    let described = references.iter().map(|(name, key, condition)| {
        let condition = match condition {
            Condition::Absence => "ABSENCE",
            Condition::Exact => "EXACT",
            Condition::Regex => "REGEX",
        };
        let mut reference = json!({ "name": name.as_str(), "condition": condition });
        if let Some(key) = key {
            reference["key"] = key.into();
        }
        reference
    });
    Ok(described.collect())
}

fn headers(directive: Option<&RouteDirective>) -> Vec<Value> {
    let Some(directive) = directive else { return Vec::new() };
    let describe = |on: &str, header: &HeaderOperation| {
        let operation = match header.operation() {
            Operation::Replace => "REPLACE",
            Operation::Remove => "REMOVE",
            Operation::Append => "APPEND",
        };
        json!({ "on": on, "name": header.name, "value": header.value, "operation": operation })
    };
    let request = directive.request_header_operations.iter().map(|h| describe("request", h));
    let response = directive.response_header_operations.iter().map(|h| describe("response", h));
    request.chain(response).collect()
}
