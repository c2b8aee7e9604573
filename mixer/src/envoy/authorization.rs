use mesh_api::code::{INVALID_ARGUMENT, OK, PERMISSION_DENIED, name_and_status, refusal};
use mesh_api::envoy::config::core::v3::HeaderValueOption;
use mesh_api::envoy::config::core::v3::header_value_option::HeaderAppendAction;
use mesh_api::envoy::service::auth::v3::check_response::HttpResponse;
use mesh_api::envoy::service::auth::v3::{CheckResponse, DeniedHttpResponse, OkHttpResponse};
use mesh_api::envoy::r#type::v3::HttpStatus;
use mesh_api::mixer::v1::RouteDirective;
use mesh_api::mixer::v1::check_response::PreconditionResult;
use mesh_api::rpc::Status;
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::header_operations::{HeaderChanges, option};

/// Below its own name, Envoy's filter keeps what is said here as dynamic metadata.
pub(super) const AUTHORIZATION_FILTER: &str = "envoy.filters.http.ext_authz";
/// What the facts about an answer are called in dynamic metadata.
pub(super) const METADATA: &str = "mixmesh.check";

/// What is known of an answer besides its message.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Answered<'a> {
    /// The namespace whose policy decided.
    pub(crate) namespace: &'a str,
    /// The generation of that policy.
    pub(crate) generation: &'a str,
    /// Where the answer came from: `l2`, `miss` or `stale`.
    pub(crate) cache: &'a str,
    /// Whether the request asked about is a gRPC call.
    pub(crate) is_grpc: bool,
}

/// Mixer's verdict as Envoy's filter reads it, and how many header operations it cannot be told.
///
/// An answer without a verdict is a refusal.
pub(crate) fn respond(
    precondition: Option<&PreconditionResult>,
    answered: Answered<'_>,
) -> (CheckResponse, usize) {
    let status = precondition.and_then(|p| p.status.clone());
    let status = match (precondition, status) {
        (None, _) => Status {
            code: INVALID_ARGUMENT,
            message: "Mixer's answer has no precondition".to_owned(),
            details: Vec::new(),
        },
        (Some(_), status) => status.unwrap_or_default(),
    };
    let directive = precondition.and_then(|p| p.route_directive.as_ref());
    let direct = directive.filter(|directive| directive.direct_response_code != 0);
    let metadata = metadata(&status, answered);
    let mut untold = 0;
    let (code, response) = if let Some(direct) = direct {
        let code = if status.code == OK { PERMISSION_DENIED } else { status.code };
        (code, HttpResponse::DeniedResponse(direct_response(direct, code, &mut untold)))
    } else if status.code == OK {
        (OK, HttpResponse::OkResponse(passed(directive, &mut untold)))
    } else {
        let mut denied = denied(&status);
        if answered.is_grpc {
            denied.headers.push(grpc_status(status.code));
        }
        (refusal(status.code), HttpResponse::DeniedResponse(denied))
    };
    let response = CheckResponse {
        status: Some(Status { code, message: status.message, details: Vec::new() }),
        http_response: Some(response),
        dynamic_metadata: Some(metadata),
    };
    (response, untold)
}

/// The request passes, with the header operations of policy. Envoy can be told to remove a request's
/// header but not a response's.
fn passed(directive: Option<&RouteDirective>, untold: &mut usize) -> OkHttpResponse {
    let Some(directive) = directive else { return OkHttpResponse::default() };
    let request = HeaderChanges::of(&directive.request_header_operations);
    let response = HeaderChanges::of(&directive.response_header_operations);
    *untold += response.removed.len();
    OkHttpResponse {
        headers: request.options,
        headers_to_remove: request.removed,
        response_headers_to_add: response.options,
        ..OkHttpResponse::default()
    }
}

fn denied(status: &Status) -> DeniedHttpResponse {
    let (name, http_status) = name_and_status(status.code);
    DeniedHttpResponse {
        status: Some(HttpStatus { code: http_status.into() }),
        headers: Vec::new(),
        body: format!("{name}:{}", status.message),
    }
}

/// The answer that policy wrote itself.
fn direct_response(direct: &RouteDirective, code: i32, untold: &mut usize) -> DeniedHttpResponse {
    let changes = HeaderChanges::of(&direct.response_header_operations);
    *untold += changes.removed.len();
    // What is no status of a final response would make Envoy fail the stream.
    let asked = i32::try_from(direct.direct_response_code).ok();
    let http_status = asked.filter(|status| (200..=599).contains(status));
    DeniedHttpResponse {
        status: Some(HttpStatus {
            code: http_status.unwrap_or_else(|| name_and_status(code).1.into()),
        }),
        headers: changes.options,
        body: direct.direct_response_body.clone(),
    }
}

/// Envoy would make a gRPC status of the HTTP status, which loses the code.
fn grpc_status(code: i32) -> HeaderValueOption {
    let code = refusal(code).to_string();
    option("grpc-status", &code, HeaderAppendAction::OverwriteIfExistsOrAdd)
}

fn metadata(status: &Status, answered: Answered<'_>) -> Struct {
    let text = |text: &str| Value { kind: Some(Kind::StringValue(text.to_owned())) };
    let fields = [
        ("code", Value { kind: Some(Kind::NumberValue(status.code.into())) }),
        ("message", text(&status.message)),
        ("namespace", text(answered.namespace)),
        ("generation", text(answered.generation)),
        ("cache", text(answered.cache)),
    ];
    let fields = fields.map(|(name, value)| (name.to_owned(), value)).into();
    let facts = Value { kind: Some(Kind::StructValue(Struct { fields })) };
    Struct { fields: [(METADATA.to_owned(), facts)].into() }
}

#[cfg(test)]
mod tests;
