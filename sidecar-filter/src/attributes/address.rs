use std::net::{IpAddr, SocketAddr};

/// An address and port as attributes carry them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Endpoint {
    octets: [u8; 16],
    len: u8,
    port: u16,
}

impl Endpoint {
    /// Reads `ip:port` or `[ip]:port`; `None` for anything else, such as the path of a Unix socket.
    /// An IPv4 address inside IPv6 becomes the IPv4 address.
    pub(super) fn parse(text: &[u8]) -> Option<Self> {
        let address: SocketAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
        let mut octets = [0; 16];
        let len = match address.ip().to_canonical() {
            IpAddr::V4(ip) => {
                octets[..4].copy_from_slice(&ip.octets());
                4
            }
            IpAddr::V6(ip) => {
                octets = ip.octets();
                16
            }
        };
        Some(Self { octets, len, port: address.port() })
    }

    /// 4 or 16 bytes in network order.
    pub(super) fn ip(&self) -> &[u8] {
        &self.octets[..usize::from(self.len)]
    }

    /// The port.
    pub(super) fn port(&self) -> i64 {
        i64::from(self.port)
    }
}
