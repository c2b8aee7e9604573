//! Codes of `google.rpc.Code` that Mixer itself answers, and the HTTP status of a direct response of each.

pub(crate) use mesh_api::code::{INVALID_ARGUMENT, UNAVAILABLE};

/// The HTTP status of a direct response that names none, as in Istio.
pub(crate) const fn http_status(code: i32) -> u32 {
    match code {
        0 => 200,
        1 => 408,
        3 | 11 => 400,
        4 => 504,
        5 => 404,
        6 | 10 => 409,
        7 => 403,
        8 => 429,
        9 => 412,
        12 => 501,
        14 => 503,
        16 => 401,
        _ => 500,
    }
}
