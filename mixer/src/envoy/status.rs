/// google.rpc codes in order, with the HTTP status that Istio's proxy gives for each.
const CODES: [(&str, u16); 17] = [
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
pub(super) fn name_and_status(code: i32) -> (&'static str, u16) {
    let known = usize::try_from(code).ok().and_then(|index| CODES.get(index));
    known.copied().unwrap_or(("UNKNOWN", 500))
}

/// The code as a gRPC status of a refusal: never OK, which would be an answer without a message.
pub(super) fn refusal_code(code: i32) -> i32 {
    const UNKNOWN: i32 = 2;
    let is_refusal = usize::try_from(code).is_ok_and(|index| (1..CODES.len()).contains(&index));
    if is_refusal { code } else { UNKNOWN }
}
