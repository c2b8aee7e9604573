/// The code of an answer that lets a request pass.
pub(crate) const OK: i32 = 0;
/// Nobody has said what happened.
pub(crate) const UNKNOWN: i32 = 2;
/// The question was malformed.
pub(crate) const INVALID_ARGUMENT: i32 = 3;
/// A quota is used up.
pub(crate) const RESOURCE_EXHAUSTED: i32 = 8;
/// Something that must not happen has happened.
pub(crate) const INTERNAL: i32 = 13;
/// There is nobody to ask.
pub(crate) const UNAVAILABLE: i32 = 14;

/// The last code that is defined.
pub(crate) const LAST: i32 = CODES.len() as i32 - 1;

/// google.rpc codes in order, with the HTTP status that the old proxy gave for each.
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

/// Name and HTTP status of a code; those of UNKNOWN and INTERNAL for codes that nobody has defined.
pub(crate) fn name_and_status(code: i32) -> (&'static str, u16) {
    usize::try_from(code)
        .ok()
        .and_then(|index| CODES.get(index))
        .copied()
        .unwrap_or(("UNKNOWN", 500))
}
