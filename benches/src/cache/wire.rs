//! Reading and writing a request's attributes: what every check and every miss pays.

use anyhow::Result;
use mesh_api::mixer::v1 as api;
use mesh_attributes::wire::{CheckRequest, encode_check_request};
use prost::Message;

use crate::effort::Effort;
use crate::figures::Figures;
use crate::measure::measure;
use crate::request::{self, NAMESPACE, Scattered};
use crate::subject::{Promise, Subject};

/// Our codec and the generated one.
pub(crate) fn run(effort: &Effort) -> Result<Vec<Figures>> {
    let message = |i| request::check_request(i, NAMESPACE);
    let (mut read, mut read_by_prost) = (Scattered::new(message), Scattered::new(message));
    let mut bags = Scattered::new(|i| request::attributes(i, NAMESPACE));
    let mut out = Vec::new();
    measure(
        vec![
            Subject::new("attributes_decode", move || {
                Ok(CheckRequest::decode(read.next())?.attributes.skipped())
            })
            .allocates(Promise::Never)
            .elsewhere("29 µs a set in a report: Istio 1.4 Mixer"),
            Subject::new("attributes_decode_by_prost", move || {
                Ok(api::CheckRequest::decode(read_by_prost.next().as_slice())?)
            }),
            Subject::new("attributes_encode", move || {
                out.clear();
                encode_check_request(bags.next(), "check", &[], &mut out);
                Ok(out.len())
            }),
        ],
        effort,
    )
}
