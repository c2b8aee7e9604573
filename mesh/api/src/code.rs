//! The codes of `google.rpc.Code`: their names, and the HTTP status that Istio's proxy gives for each.

/// The code of an answer that lets a request pass.
pub const OK: i32 = 0;
/// Nobody has said what happened.
pub const UNKNOWN: i32 = 2;
/// The question was malformed.
pub const INVALID_ARGUMENT: i32 = 3;
/// Policy says no.
pub const PERMISSION_DENIED: i32 = 7;
/// A quota is used up.
pub const RESOURCE_EXHAUSTED: i32 = 8;
/// Something that must not happen has happened.
pub const INTERNAL: i32 = 13;
/// There is nobody to ask.
pub const UNAVAILABLE: i32 = 14;

/// Name and HTTP status of each code, in the codes' order.
pub const CODES: [(&str, u16); 17] = [
    ("OK", 200),
    ("CANCELLED", 499),
    ("UNKNOWN", 500),
    ("INVALID_ARGUMENT", 400),
    ("DEADLINE_EXCEEDED", 504),
    ("NOT_FOUND", 404),
    ("ALREADY_EXISTS", 409),
    ("PERMISSION_DENIED", 403),
    ("RESOURCE_EXHAUSTED", 429),
    ("FAILED_PRECONDITION", 400),
    ("ABORTED", 409),
    ("OUT_OF_RANGE", 400),
    ("UNIMPLEMENTED", 501),
    ("INTERNAL", 500),
    ("UNAVAILABLE", 503),
    ("DATA_LOSS", 500),
    ("UNAUTHENTICATED", 401),
];

/// Name and HTTP status of a code; those of UNKNOWN for codes that nobody has defined.
pub fn name_and_status(code: i32) -> (&'static str, u16) {
    let known = usize::try_from(code).ok().and_then(|index| CODES.get(index));
    known.copied().unwrap_or(CODES[UNKNOWN as usize])
}

/// The code as a gRPC status of a refusal: never OK, which would be an answer without a message.
pub fn refusal(code: i32) -> i32 {
    if (OK + 1..CODES.len() as i32).contains(&code) { code } else { UNKNOWN }
}
