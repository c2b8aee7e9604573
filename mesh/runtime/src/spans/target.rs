use std::fmt;
use std::str::FromStr;

use http::Uri;

/// Where a collector takes OTLP over HTTP, when only its address is given (OTLP specification).
const OTLP_PATH: &str = "/v1/traces";
/// Where Zipkin takes spans.
const ZIPKIN_PATH: &str = "/api/v2/spans";

/// Where spans go, and in which format: `zipkin=URL` or `otlp=URL`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpanTarget {
    /// Zipkin v2, JSON.
    Zipkin(Uri),
    /// OpenTelemetry's protocol over HTTP, protobuf.
    Otlp(Uri),
}

/// The text names no place for spans.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanTargetError {
    /// It does not begin with a format.
    #[error(
        "`{0}` does not say a format: expected zipkin=URL such as zipkin=http://127.0.0.1:9411/api/v2/spans, \
         or otlp=URL such as otlp=http://127.0.0.1:4318"
    )]
    Format(String),
    /// What follows is no URL that can be posted to.
    #[error(
        "`{0}` is no URL such as http://127.0.0.1:4318 (https needs a sidecar or local collector)"
    )]
    Url(String),
}

impl FromStr for SpanTarget {
    type Err = SpanTargetError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unknown = || SpanTargetError::Format(text.to_owned());
        let (format, url) = text.split_once('=').ok_or_else(unknown)?;
        match format {
            "zipkin" => Ok(Self::Zipkin(collector(url, ZIPKIN_PATH)?)),
            "otlp" => Ok(Self::Otlp(collector(url, OTLP_PATH)?)),
            _ => Err(unknown()),
        }
    }
}

impl fmt::Display for SpanTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Zipkin(url) => write!(f, "zipkin={url}"),
            Self::Otlp(url) => write!(f, "otlp={url}"),
        }
    }
}

/// An address alone gets the path that the format's specification gives it.
fn collector(url: &str, path: &str) -> Result<Uri, SpanTargetError> {
    let wrong = || SpanTargetError::Url(url.to_owned());
    let uri: Uri = url.parse().map_err(|_| wrong())?;
    if uri.scheme_str() != Some("http") || uri.host().is_none_or(str::is_empty) {
        return Err(wrong());
    }
    if uri.path() != "/" || uri.query().is_some() {
        return Ok(uri);
    }
    format!("{}{path}", url.trim_end_matches('/')).parse().map_err(|_| wrong())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_alone_gets_the_path_of_its_format() {
        for (text, is) in [
            ("zipkin=http://a:9411", "zipkin=http://a:9411/api/v2/spans"),
            ("zipkin=http://a:9411/other", "zipkin=http://a:9411/other"),
            ("otlp=http://127.0.0.1:4318/", "otlp=http://127.0.0.1:4318/v1/traces"),
        ] {
            assert_eq!(text.parse::<SpanTarget>().unwrap().to_string(), is);
        }
    }

    #[test]
    fn what_is_no_target_is_refused_with_an_example() {
        for text in ["", "http://a:9411", "jaeger=http://a", "otlp=", "otlp=a b", "otlp=https://a"]
        {
            let told = text.parse::<SpanTarget>().unwrap_err().to_string();
            assert!(told.contains("http://127.0.0.1"), "{text}: {told}");
        }
    }
}
