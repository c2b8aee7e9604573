use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// A host as it stands in an address: a name or an IP address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Host {
    Name(String),
    Ip(IpAddr),
}

/// Where a socket connects to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SocketAddress {
    pub(super) host: Host,
    pub(super) port: u16,
    pub(super) tls: bool,
}

/// The longest name that DNS has.
const MAX_NAME: usize = 253;

impl SocketAddress {
    /// Reads `host:port` or `tls://host:port`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let (tls, rest) = match text.strip_prefix("tls://") {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        if let Some((scheme, _)) = rest.split_once("://") {
            return Err(format!("has scheme {scheme:?}, must be host:port or tls://host:port"));
        }
        match host_and_port(rest)? {
            (host, Some(port)) => Ok(Self { host, port, tls }),
            (_, None) => Err("has no port, must be host:port".to_owned()),
        }
    }
}

/// Reads `host`, `host:port`, `[v6]` or `[v6]:port`.
pub(super) fn host_and_port(text: &str) -> Result<(Host, Option<u16>), String> {
    if let Some(bracketed) = text.strip_prefix('[') {
        let (ip, rest) = bracketed.split_once(']').ok_or("has no ] after its [")?;
        let ip: Ipv6Addr = ip.parse().map_err(|_| "has no IPv6 address between [ and ]")?;
        let port = match rest {
            "" => None,
            _ => {
                Some(port(rest.strip_prefix(':').ok_or("has something else than :port after ]")?)?)
            }
        };
        return Ok((Host::Ip(ip.into()), port));
    }
    let (name, port) = match text.split_once(':') {
        None => (text, None),
        Some((_, rest)) if rest.contains(':') => {
            return Err("has several colons: an IPv6 address must be in brackets".to_owned());
        }
        Some((name, digits)) => (name, Some(port(digits)?)),
    };
    Ok((host(name)?, port))
}

fn host(name: &str) -> Result<Host, String> {
    if let Ok(ip) = name.parse() {
        return Ok(Host::Ip(ip));
    }
    let label = |label: &str| {
        let letters = label.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        (1..=63).contains(&label.len()) && letters
    };
    // One dot may stand at the end: the name is complete then.
    let labels = name.strip_suffix('.').unwrap_or(name);
    if name.is_empty() {
        return Err("names no host".to_owned());
    }
    if name.len() > MAX_NAME || !labels.split('.').all(label) {
        return Err(format!("has {:?}, which is no host's name", shown(name)));
    }
    // The resolver would read 127.1 or 0x7f000001 as addresses: what was meant is not clear.
    let is_number = |last: &str| match last.strip_prefix("0x") {
        Some(digits) => digits.bytes().all(|b| b.is_ascii_hexdigit()),
        None => last.bytes().all(|b| b.is_ascii_digit()),
    };
    if labels.rsplit('.').next().is_some_and(is_number) {
        return Err(format!("has {name:?}, which is neither a name nor an IP address"));
    }
    Ok(Host::Name(name.to_owned()))
}

/// The start of a text that may be anything; without what stands before an `@`, which may be secret.
fn shown(text: &str) -> &str {
    let text = text.rsplit('@').next().unwrap_or_default();
    &text[..text.floor_char_boundary(MAX_NAME)]
}

fn port(digits: &str) -> Result<u16, String> {
    // `parse` alone would take a sign.
    let port = digits.parse().ok().filter(|_| digits.bytes().all(|b| b.is_ascii_digit()));
    port.filter(|port| *port != 0)
        .ok_or_else(|| "has no port from 1 to 65535 after the colon".to_owned())
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(ip)) => ip.fmt(f),
            Self::Ip(IpAddr::V6(ip)) => write!(f, "[{ip}]"),
        }
    }
}

impl fmt::Display for SocketAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "tls://" } else { "" };
        write!(f, "{scheme}{}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_names_or_ips_with_a_port() {
        for text in [
            "statsd:8125",
            "statsd.istio-system.svc.:8125",
            "10.0.0.1:1",
            "[::1]:65535",
            "tls://logs.example.com:6514",
            "tls://[2001:db8::1]:514",
        ] {
            assert_eq!(SocketAddress::parse(text).map(|a| a.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn wrong_addresses_are_refused_with_the_reason() {
        for (text, reason) in [
            ("", "no host"),
            (":8125", "no host"),
            ("statsd", "no port"),
            ("statsd:", "no port from 1"),
            ("statsd:0", "no port from 1"),
            ("statsd:+1", "no port from 1"),
            ("statsd:65536", "no port from 1"),
            ("::1:80", "brackets"),
            ("[::1", "no ]"),
            ("[1.2.3.4]:1", "no IPv6"),
            ("[::1]80", "after ]"),
            ("user@host:1", "no host's name"),
            ("a b:1", "no host's name"),
            ("a/b:1", "no host's name"),
            ("127.1:80", "neither"),
            ("2130706433:80", "neither"),
            ("0x7f000001:80", "neither"),
            ("http://host:80", "scheme \"http\""),
            ("udp://host:80", "scheme \"udp\""),
        ] {
            let refused = SocketAddress::parse(text).unwrap_err();
            assert!(refused.contains(reason), "{text}: {refused}");
        }
        assert!(!SocketAddress::parse("secret@host:1").unwrap_err().contains("secret"));
    }
}
