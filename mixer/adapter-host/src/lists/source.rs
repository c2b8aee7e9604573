use std::fmt;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;

use crate::outbound::{Authorities, HttpUrl};
use crate::parameter_path::parameter;

/// What an adapter says about a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ListSpec {
    pub(crate) parameter: String,
    pub(crate) refresh: Duration,
    /// `None`: for ever.
    pub(crate) keep: Option<Duration>,
    pub(crate) max_bytes: u64,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Location {
    Http { url: HttpUrl, authorities: Option<Authorities> },
    File(PathBuf),
}

/// Who fetches more often wants a stream of changes, not a list.
const LEAST_REFRESH: Duration = Duration::from_secs(1);

/// As much as an instance of the component may have of memory, unless it is given more.
const MOST_BYTES: u64 = 64 << 20;

impl ListSpec {
    /// Finds the document's address in the handler's parameters and checks the rest.
    pub(super) fn locate(&self, parameters: &Value) -> Result<Location, String> {
        let text = match parameter(parameters, &self.parameter) {
            None => return Err("is needed: it is the URL of a document".to_owned()),
            Some(Value::String(text)) => text,
            Some(_) => return Err("is no text, must be a URL".to_owned()),
        };
        if self.refresh < LEAST_REFRESH {
            return Err(format!(
                "is to be fetched every {:?}, must be {LEAST_REFRESH:?} at least",
                self.refresh
            ));
        }
        if !(1..=MOST_BYTES).contains(&self.max_bytes) {
            return Err(format!(
                "is to have {} bytes at most, must be 1 to {MOST_BYTES}",
                self.max_bytes
            ));
        }
        if let Some(rest) = text.strip_prefix("file://") {
            return file(rest).map(Location::File);
        }
        let url = HttpUrl::parse(text, "")?;
        let authorities = url.is_https().then(|| Authorities::beside(parameters, &self.parameter));
        Ok(Location::Http { url, authorities: authorities.transpose()? })
    }
}

/// RFC 8089: the host may be left out or be this one.
fn file(rest: &str) -> Result<PathBuf, String> {
    let path = rest.strip_prefix("localhost").unwrap_or(rest);
    if !path.starts_with('/') {
        return Err("names no file of this host, must be file:///path".to_owned());
    }
    if path.contains(['?', '#']) {
        return Err("has a query or fragment, which files have not".to_owned());
    }
    let path: Vec<u8> = percent_decode_str(path).collect();
    if path.contains(&0) {
        return Err("names no file: it has a zero byte".to_owned());
    }
    Ok(std::ffi::OsString::from_vec(path).into())
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Http { url, .. } => url.fmt(f),
            Self::File(path) => write!(f, "file://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn locate(url: &str) -> Result<String, String> {
        let spec = ListSpec {
            parameter: "provider_url".to_owned(),
            refresh: LEAST_REFRESH,
            keep: None,
            max_bytes: 1,
        };
        let location = spec.locate(&json!({ "providerUrl": url }))?;
        Ok(location.to_string())
    }

    #[test]
    fn documents_are_on_web_servers_or_in_files() {
        assert_eq!(locate("http://u:p@h/a?k=v").unwrap(), "http://h/a?…");
        assert_eq!(locate("file:///etc/a%20b").unwrap(), "file:///etc/a b");
        assert_eq!(locate("file://localhost/etc/a").unwrap(), "file:///etc/a");
    }

    #[test]
    fn wrong_sources_are_refused_with_the_reason() {
        assert!(locate("file://other/etc/a").unwrap_err().contains("this host"));
        assert!(locate("file:///a#b").unwrap_err().contains("fragment"));
        assert!(locate("file:///a%00b").unwrap_err().contains("zero byte"));
        assert!(locate("ftp://h/a").unwrap_err().contains("must start with"));
        let spec = |refresh, max_bytes| ListSpec {
            parameter: "url".to_owned(),
            refresh: Duration::from_millis(refresh),
            keep: None,
            max_bytes,
        };
        let problem = |spec: ListSpec| spec.locate(&json!({ "url": "http://h/" })).unwrap_err();
        assert!(problem(spec(999, 1)).contains("every 999ms"));
        assert!(problem(spec(1000, 0)).contains("0 bytes"));
        assert!(problem(spec(1000, MOST_BYTES + 1)).contains("bytes at most"));
        assert!(spec(1000, 1).locate(&json!({ "url": 5 })).unwrap_err().contains("no text"));
        assert!(spec(1000, 1).locate(&json!({})).unwrap_err().contains("needed"));
    }
}
