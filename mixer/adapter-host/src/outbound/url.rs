use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use percent_encoding::percent_decode_str;

use super::address::host_and_port;

/// An `http://` or `https://` URL. What stands before its `@` becomes an authorization and is not part of
/// the URL any more: it appears neither in logs nor in debug pages, nor does the query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpUrl {
    pub(crate) uri: Uri,
    /// `Basic` of the URL's user and password.
    pub(crate) authorization: Option<HeaderValue>,
}

impl HttpUrl {
    /// Reads a URL; one without a path gets `default_path`, or `/` when that is empty.
    pub(crate) fn parse(text: &str, default_path: &str) -> Result<Self, String> {
        let (scheme, rest) = text
            .split_once("://")
            .filter(|(scheme, _)| matches!(*scheme, "http" | "https"))
            .ok_or("must start with http:// or https://")?;
        let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
        let (authority, path) = rest.split_at(end);
        if path.contains('#') {
            return Err("has a fragment (#), which is never sent".to_owned());
        }
        let (user, host) = match authority.rsplit_once('@') {
            Some((user, host)) => (Some(user), host),
            None => (None, authority),
        };
        host_and_port(host)?;
        let default_path = if default_path.is_empty() { "/" } else { default_path };
        let path = match path.as_bytes().first() {
            None => default_path.to_owned(),
            Some(b'?') => format!("{default_path}{path}"),
            Some(_) => path.to_owned(),
        };
        let uri = Uri::try_from(format!("{scheme}://{host}{path}"))
            .map_err(|error| format!("is no URL: {error}"))?;
        Ok(Self { uri, authorization: user.map(basic).transpose()? })
    }

    pub(crate) fn is_https(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

/// RFC 7617.
fn basic(user: &str) -> Result<HeaderValue, String> {
    let (name, password) = user.split_once(':').unwrap_or((user, ""));
    let mut pair: Vec<u8> = percent_decode_str(name).collect();
    if pair.contains(&b':') {
        return Err("has a colon in the user's name".to_owned());
    }
    pair.push(b':');
    pair.extend(percent_decode_str(password));
    let value = format!("Basic {}", STANDARD.encode(pair));
    let mut value = HeaderValue::try_from(value).map_err(|error| error.to_string())?;
    value.set_sensitive(true);
    Ok(value)
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.uri.scheme_str().unwrap_or_default();
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        let query = if self.uri.query().is_some() { "?…" } else { "" };
        write!(f, "{scheme}://{host}{}{query}", self.uri.path())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uri(text: &str, default_path: &str) -> String {
        HttpUrl::parse(text, default_path).unwrap().uri.to_string()
    }

    #[test]
    fn a_url_without_path_gets_the_default_one() {
        assert_eq!(uri("http://zipkin:9411", "/api/v2/spans"), "http://zipkin:9411/api/v2/spans");
        assert_eq!(uri("http://zipkin:9411/", "/api/v2/spans"), "http://zipkin:9411/");
        assert_eq!(uri("https://[::1]?a=b", "/x"), "https://[::1]/x?a=b");
        assert_eq!(uri("https://h/p?a=b", "/x"), "https://h/p?a=b");
        assert_eq!(uri("https://h", ""), "https://h/");
    }

    #[test]
    fn a_user_becomes_an_authorization_and_is_shown_nowhere() {
        let url = HttpUrl::parse("https://al%40a:s%C3%BC%3Ass@h:8/p?key=secret", "").unwrap();
        assert_eq!(url.to_string(), "https://h:8/p?…");
        let authorization = url.authorization.clone().unwrap();
        assert_eq!(authorization, format!("Basic {}", STANDARD.encode("al@a:sü:ss")));
        assert!(!format!("{url:?}").contains(&STANDARD.encode("al@a:sü:ss")));
    }

    #[test]
    fn wrong_urls_are_refused_with_the_reason_and_without_the_password() {
        for (text, reason) in [
            ("zipkin:9411", "must start with"),
            ("ftp://secret@h", "must start with"),
            ("http://", "names no host"),
            ("http://secret@", "names no host"),
            ("http://h:0/", "no port"),
            ("http://h/a b", "is no URL"),
            ("http://h/a#b", "fragment"),
            ("http://secret@a@b c/", "no host's name"),
            ("http://a%3Ab:secret@h", "colon"),
        ] {
            let refused = HttpUrl::parse(text, "").unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
            assert!(!refused.contains("secret"), "{refused}");
        }
    }
}
