use std::fmt;

use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use crate::OpenError;

/// A Redis server by its address. Shown without its password.
#[derive(Clone)]
pub(super) struct Server {
    pub(super) client: Client,
    shown: String,
}

impl Server {
    /// Reads `host:port` or a URL; connects to nothing.
    pub(super) fn parse(url: &str) -> Result<Self, OpenError> {
        let text = match url.split_once("://") {
            Some(_) => url.to_owned(),
            None => format!("redis://{url}"),
        };
        let refuse = |why: String| OpenError::Url { url: without_password(url), why };
        let info: ConnectionInfo =
            text.as_str().into_connection_info().map_err(|cause| refuse(cause.to_string()))?;
        let shown = match info.addr() {
            ConnectionAddr::Tcp(host, port) => format!("Redis at {host}:{port}"),
            ConnectionAddr::TcpTls { host, port, insecure: false, .. } => {
                // Redis leaves the choice of cryptography to the process. An error says that it is made.
                let _made = rustls::crypto::ring::default_provider().install_default();
                format!("Redis at {host}:{port} (TLS)")
            }
            _ => return Err(refuse("neither TCP nor verified TLS".to_owned())),
        };
        let client = Client::open(info).map_err(|cause| refuse(cause.to_string()))?;
        Ok(Self { client, shown })
    }
}

impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

fn without_password(url: &str) -> String {
    let Some((before, host)) = url.rsplit_once('@') else { return url.to_owned() };
    let scheme =
        before.split_once("://").map_or(String::new(), |(scheme, _)| format!("{scheme}://"));
    format!("{scheme}…@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_shown_without_their_password() {
        for (url, shown) in [
            ("localhost:6379", "Redis at localhost:6379"),
            ("redis", "Redis at redis:6379"),
            ("redis://user:secret@10.0.0.1:7000/3", "Redis at 10.0.0.1:7000"),
            ("rediss://:secret@redis.example", "Redis at redis.example:6379 (TLS)"),
        ] {
            assert_eq!(format!("{:?}", Server::parse(url).unwrap()), shown);
        }
    }

    #[test]
    fn what_is_no_address_is_refused_without_showing_a_password() {
        for url in
            ["", "http://host", "redis://u:secret@", "unix:///s", "rediss://h/#insecure", "h:x"]
        {
            let error = Server::parse(url).unwrap_err().to_string();
            assert!(error.contains("redis_server_url") && !error.contains("secret"), "{error}");
        }
    }
}
