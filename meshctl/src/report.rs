use std::process::ExitCode;

use anyhow::{Context, Result, ensure};
use clap::{Args, ValueEnum};
use mesh_api::mixer::v1::mixer_client::MixerClient;
use mesh_api::mixer::v1::report_request::RepeatedAttributesSemantics;
use mesh_api::mixer::v1::{CompressedAttributes, ReportRequest};
use mesh_attributes::AttributeBag;
use mesh_attributes::wire::ReportEncoder;
use prost::Message;
use tonic::Request;

use crate::attributes::Attributes;
use crate::load::Load;
use crate::mixer::{CALL_FAILED, TIMEOUT, WrongArguments, call_headers, connect, refusal};
use crate::output::Output;

/// Reports larger than this are refused by a Mixer with its defaults.
const MAX_BATCH: i64 = 10_000;

/// Tell a Mixer that requests with these attributes were served. Exits with 0 when it took all reports,
/// with 2 when the command line is wrong, with 3 when it did not.
#[derive(Debug, Args)]
pub(crate) struct Report {
    /// Mixer's gRPC port, host:port or unix:///path.
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:9091")]
    mixer: String,

    #[command(flatten)]
    attributes: Attributes,

    /// Headers of the calls, such as a trace to join: traceparent=00-…-01. May be repeated.
    #[arg(long, value_name = "NAME=VALUE")]
    header: Vec<String>,

    #[command(flatten)]
    load: Load,

    /// Requests told of in one report.
    #[arg(long, value_name = "COUNT", default_value_t = 1,
          value_parser = clap::value_parser!(u32).range(1..=MAX_BATCH))]
    batch_size: u32,

    /// How the requests of one report are written.
    #[arg(long, value_enum, default_value_t = Encoding::Delta)]
    encoding: Encoding,

    /// Print what Mixer says to each report, not only the summary.
    #[arg(long)]
    print_response: bool,

    /// How answers are printed.
    #[arg(long, short, value_enum, default_value_t = Output::Text)]
    output: Output,
}

/// How the requests of one report are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Encoding {
    /// Each says what changed since the one before, as proxies of Istio do.
    Delta,
    /// Each stands alone.
    Independent,
}

impl Report {
    /// Makes the reports.
    pub(crate) async fn run(self) -> Result<ExitCode> {
        let bag = self.attributes.bag().context(WrongArguments)?;
        let headers = call_headers(&self.header).context(WrongArguments)?;
        let request = request(&bag, self.batch_size, self.encoding).context(WrongArguments)?;
        let client = MixerClient::new(connect(&self.mixer).await?);
        let print = self.print_response || self.load.is_single();
        let call = move |_| {
            let (mut client, mut request) = (client.clone(), Request::new(request.clone()));
            *request.metadata_mut() = headers.clone();
            async move {
                request.set_timeout(TIMEOUT);
                match client.report(request).await {
                    Ok(_) => {
                        if print {
                            println!("OK");
                        }
                        Ok("OK".to_owned())
                    }
                    Err(status) => {
                        if print {
                            eprintln!("{}", refusal(&status));
                        }
                        Ok(format!("{:?}", status.code()))
                    }
                }
            }
        };
        let summary = self.load.run(call).await?;
        if !self.load.is_single() {
            match self.output {
                Output::Json => println!("{}", summary.json()),
                Output::Text => println!("{}", summary.text()),
            }
        }
        let failed = summary.others(&["OK"]);
        Ok(if failed == 0 { ExitCode::SUCCESS } else { CALL_FAILED.into() })
    }
}

/// A report of `batch` requests with the attributes of `bag`.
fn request(bag: &AttributeBag, batch: u32, encoding: Encoding) -> Result<ReportRequest> {
    let mut encoder = ReportEncoder::new();
    let elements = if encoding == Encoding::Delta { 1 } else { batch };
    for _ in 0..elements {
        ensure!(encoder.push(bag), "the attributes have more words than one report may list");
    }
    let bytes = encoder.finish().unwrap_or_default();
    let mut request = ReportRequest::decode(bytes.as_slice())?;
    if encoding == Encoding::Delta {
        // All requests are alike: nothing changes after the first.
        request.attributes.resize(batch as usize, CompressedAttributes::default());
        request.set_repeated_attributes_semantics(RepeatedAttributesSemantics::DeltaEncoding);
    }
    Ok(request)
}

#[cfg(test)]
mod tests {
    use mesh_attributes::{Bag, Value};

    use super::*;

    #[test]
    fn every_element_of_either_encoding_has_the_attributes() {
        let bag = AttributeBag::new().with("request.path", "/").with("a.word", "new");
        for encoding in [Encoding::Delta, Encoding::Independent] {
            let bytes = request(&bag, 3, encoding).unwrap().encode_to_vec();
            let report = mesh_attributes::wire::ReportRequest::decode(&bytes).unwrap();
            let mut bags = report.bags();
            let mut count = 0;
            while let Some(bag) = bags.next_bag() {
                let value = bag.unwrap().get(&mesh_attributes::AttributeName::new("a.word"));
                assert!(matches!(value, Some(Value::String("new"))), "{encoding:?}");
                count += 1;
            }
            assert_eq!(count, 3);
        }
    }
}
