use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use clap::Args;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::mixer::v1::header_operation::Operation;
use mesh_api::mixer::v1::mixer_client::MixerClient;
use mesh_api::mixer::v1::{CheckRequest, HeaderOperation, RouteDirective};
use mesh_attributes::wire::{encode_check_request, resolve_references};
use mesh_attributes::{AttributeBag, Condition, bag_from_json};
use prost::Message;
use serde_json::{Value, json};
use tonic::Request;
use tonic::metadata::{AsciiMetadataValue, MetadataMap};

use crate::mixer::{TIMEOUT, connect};
use crate::output::Output;

/// Ask a Mixer whether a request with these attributes may pass.
#[derive(Debug, Args)]
pub(crate) struct Check {
    /// Mixer's gRPC port, host:port.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9091")]
    mixer: String,

    /// The attributes, as JSON such as {"request.path":{"t":"STRING","v":"/"}}, or @FILE to read them
    /// from a file.
    #[arg(long, short, value_name = "JSON|@FILE", default_value = "{}")]
    attributes: String,

    /// How the answer is printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

impl Check {
    /// Exits with 0 when the request may pass, with 1 when it may not.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let bag = read_attributes(&self.attributes)?;
        let mut bytes = Vec::new();
        encode_check_request(&bag, "", &[], &mut bytes);
        let mut request = Request::new(CheckRequest::decode(bytes.as_slice())?);
        request.set_timeout(TIMEOUT);
        request.metadata_mut().insert(
            "mixmesh-filter",
            AsciiMetadataValue::from_static(concat!("meshctl-", env!("CARGO_PKG_VERSION"))),
        );
        let channel = connect(&self.mixer).await?;
        let response = MixerClient::new(channel).check(request).await.map_err(|status| {
            anyhow!("Mixer refused the call: {}: {}", status.code(), status.message())
        })?;
        let (metadata, response, _) = response.into_parts();
        let precondition = response.precondition.context("Mixer's answer has no precondition")?;
        let code = precondition.status.as_ref().map_or(0, |status| status.code);
        let answer = describe(&precondition, &metadata)?;
        match self.output {
            Output::Json => println!("{answer}"),
            Output::Text => println!("{answer:#}"),
        }
        Ok(if code == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn read_attributes(argument: &str) -> Result<AttributeBag> {
    let text = match argument.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(Path::new(file))
            .with_context(|| format!("attributes file {file}"))?,
        None => argument.to_owned(),
    };
    let json = serde_json::from_str(&text).context("--attributes is not JSON")?;
    Ok(bag_from_json(&json)?)
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
