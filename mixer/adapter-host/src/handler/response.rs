use http::{HeaderName, HeaderValue, header};

use super::taken::{MAX_EXACT, Whole};
use crate::bindings::mixmesh::adapter::types;

/// Headers of a direct response that are taken; an adapter that sends more is broken.
const MAX_HEADERS: usize = 64;

/// These say where the message ends, or belong to one connection: the proxy's, not an adapter's.
const OF_THE_CONNECTION: [HeaderName; 7] = [
    header::CONNECTION,
    header::CONTENT_LENGTH,
    header::HOST,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// An HTTP response in the place of the service's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DirectResponse {
    /// The HTTP status, 200 to 599; 0 is the one that goes with the code.
    pub code: u16,
    /// The body.
    pub body: String,
    /// Headers by lower-case name; valid ones, none of the connection's.
    pub headers: Vec<(String, String)>,
}

impl DirectResponse {
    pub(super) fn take(response: types::DirectResponse, whole: &mut Whole) -> Self {
        let types::DirectResponse { code, body, headers } = response;
        let headers = headers.into_iter().map(|header| (header.name, header.value)).collect();
        Self { code, body, headers }.bounded(whole)
    }

    /// What can be made of it.
    pub(super) fn bounded(self, whole: &mut Whole) -> Self {
        let Self { code, body, headers } = self;
        let known = code == 0 || (200..600).contains(&code);
        whole.is_whole(known && headers.len() <= MAX_HEADERS);
        let mut taken = Vec::with_capacity(headers.len().min(MAX_HEADERS));
        for (written, value) in headers.into_iter().take(MAX_HEADERS) {
            match name(&written, &value) {
                Some(name) => taken.push((name.as_str().to_owned(), value)),
                None => whole.is_whole(false),
            }
        }
        Self { code: if known { code } else { 0 }, body: whole.text(body), headers: taken }
    }
}

/// The name of a header that can be sent as it is.
fn name(written: &str, value: &str) -> Option<HeaderName> {
    let name = HeaderName::from_bytes(written.as_bytes()).ok()?;
    let fits = name.as_str().len() + value.len() <= MAX_EXACT;
    let sound = fits && HeaderValue::from_bytes(value.as_bytes()).is_ok();
    (sound && !OF_THE_CONNECTION.contains(&name)).then_some(name)
}
