//! Taking a remote adapter's answers, which are bytes from somebody else: what makes no sense is an error
//! of the adapter, what is too large is trimmed as with components.

use std::borrow::Cow;

use adapter_host::{CallError, CheckResult, DirectResponse, Fault, QuotaGrant};
use bytes::Bytes;
use mesh_api::adapter_model as model;
use mesh_api::policy::DirectHttpResponse;
use mesh_attributes::OwnedValue;
use prost::Message;
use prost_reflect::MessageDescriptor;

use crate::output;

/// The answer of a check with output: the same for all templates but for the output's own fields.
#[derive(Clone, PartialEq, Message)]
struct CheckWithOutput {
    #[prost(message, optional, tag = "1")]
    result: Option<model::CheckResult>,
    #[prost(bytes = "bytes", tag = "2")]
    output: Bytes,
}

/// The name of a direct response among the details of a status.
const DIRECT_RESPONSE: &str = "istio.policy.v1beta1.DirectHttpResponse";

/// The decision in an answer. `output` is the template's, if it has one.
pub(crate) fn check(
    answer: Bytes,
    output: Option<&MessageDescriptor>,
) -> Result<CheckResult, CallError> {
    let (result, values) = match output {
        None => {
            (model::CheckResult::decode(answer).map_err(|cause| no_answer(&cause))?, Vec::new())
        }
        Some(message) => {
            let answer = CheckWithOutput::decode(answer).map_err(|cause| no_answer(&cause))?;
            (answer.result.unwrap_or_default(), values(message, &answer.output)?)
        }
    };
    let status = result.status.unwrap_or_default();
    let response = status.details.iter().find_map(direct_response);
    Ok(CheckResult {
        code: status.code,
        message: status.message,
        valid_duration_ns: nanos(result.valid_duration),
        valid_use_count: result.valid_use_count,
        direct_response: response.filter(|_| status.code != 0),
        output: values,
    })
}

/// What a generator made.
pub(crate) fn values(
    output: &MessageDescriptor,
    answer: &[u8],
) -> Result<Vec<(Cow<'static, str>, OwnedValue)>, CallError> {
    output::decode(output, answer).map_err(refused)
}

/// The grant for `instance` in an answer.
pub(crate) fn quota(answer: Bytes, instance: &str) -> Result<QuotaGrant, CallError> {
    let mut answer = model::QuotaResult::decode(answer).map_err(|cause| no_answer(&cause))?;
    let Some(result) = answer.quotas.remove(instance) else {
        return Err(refused(format!("it granted nothing for {instance}, not even 0")));
    };
    let status = result.status.unwrap_or_default();
    Ok(QuotaGrant {
        code: status.code,
        message: status.message,
        // Who could not look at the quota did not grant it.
        amount: if status.code == 0 { result.granted_amount } else { 0 },
        valid_duration_ns: nanos(result.valid_duration),
    })
}

/// An answer that says nothing more.
pub(crate) fn report(answer: Bytes) -> Result<(), CallError> {
    model::ReportResult::decode(answer).map(drop).map_err(|cause| no_answer(&cause))
}

/// A message of another service than the template's.
pub(crate) fn message<M: Message + Default>(answer: Bytes) -> Result<M, CallError> {
    M::decode(answer).map_err(|cause| no_answer(&cause))
}

fn no_answer(cause: &prost::DecodeError) -> CallError {
    refused(format!("its answer is no such message: {cause}"))
}

fn refused(message: String) -> CallError {
    CallError::Refused { fault: Fault::Adapter, retry: false, message }
}

fn direct_response(detail: &prost_types::Any) -> Option<DirectResponse> {
    let name = detail.type_url.rsplit('/').next()?;
    if name != DIRECT_RESPONSE {
        return None;
    }
    let DirectHttpResponse { code, body, headers } =
        DirectHttpResponse::decode(detail.value.as_slice()).ok()?;
    let mut headers: Vec<_> = headers.into_iter().collect();
    headers.sort();
    // One that is out of range is trimmed like that of a component.
    Some(DirectResponse { code: u16::try_from(code).unwrap_or(u16::MAX), body, headers })
}

/// A negative time is none.
fn nanos(duration: Option<prost_types::Duration>) -> u64 {
    let duration = duration.unwrap_or_default();
    let nanos =
        duration.seconds.saturating_mul(1_000_000_000).saturating_add(i64::from(duration.nanos));
    u64::try_from(nanos).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_answer_are_the_adapters_fault() {
        for garbage in [&b"\xff\xff\xff"[..], b"\x0a\x7f", b"\x08"] {
            for answered in [
                check(Bytes::from_static(garbage), None).map(drop),
                quota(Bytes::from_static(garbage), "i").map(drop),
            ] {
                let refused =
                    matches!(answered, Err(CallError::Refused { fault: Fault::Adapter, .. }));
                assert!(refused, "{answered:?}");
            }
        }
        let missing = quota(Bytes::new(), "i.instance.ns").unwrap_err().to_string();
        assert!(missing.contains("granted nothing for i.instance.ns"), "{missing}");
    }

    #[test]
    fn times_out_of_all_range_are_held_at_its_ends() {
        let nanos = |seconds, nanos| super::nanos(Some(prost_types::Duration { seconds, nanos }));
        assert_eq!(nanos(5, 1), 5_000_000_001);
        assert_eq!(nanos(-1, 0), 0);
        assert_eq!(nanos(i64::MAX, i32::MAX), i64::MAX as u64);
        assert_eq!(super::nanos(None), 0);
    }

    #[test]
    fn unknown_fields_and_details_are_nobodys_business() {
        let status = mesh_api::rpc::Status {
            code: 7,
            message: "no".to_owned(),
            details: vec![prost_types::Any { type_url: "x/y".to_owned(), value: vec![255] }],
        };
        let result = model::CheckResult { status: Some(status), ..Default::default() };
        let mut bytes = result.encode_to_vec();
        bytes.extend_from_slice(&[0xfa, 0x01, 0x01, 0x00]);
        let taken = check(bytes.into(), None).unwrap();
        assert_eq!((taken.code, taken.direct_response), (7, None));
    }
}
