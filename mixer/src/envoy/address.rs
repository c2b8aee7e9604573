use std::net::IpAddr;

use mesh_api::envoy::config::core::v3::Address;
use mesh_api::envoy::config::core::v3::address::Address as Kind;
use mesh_api::envoy::config::core::v3::socket_address::PortSpecifier;
use mesh_attributes::{AttributeBag, OwnedValue};

/// An address as attributes carry it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Endpoint {
    ip: IpAddr,
    port: Option<u32>,
}

impl Endpoint {
    /// Reads an address of Envoy's; `None` for pipes, internal listeners and texts that are no address.
    pub(super) fn of(address: Option<&Address>) -> Option<Self> {
        let Kind::SocketAddress(socket) = address?.address.as_ref()? else { return None };
        let port = match &socket.port_specifier {
            Some(PortSpecifier::PortValue(port)) => Some(*port),
            _ => None,
        };
        Some(Self { ip: socket.address.parse().ok()?, port })
    }

    /// Sets the attributes `ip` and, when it is wanted and known, `port`.
    pub(super) fn set(&self, bag: &mut AttributeBag, ip: &str, port: Option<&str>) {
        bag.set(ip, ip_value(self.ip));
        if let (Some(name), Some(port)) = (port, self.port) {
            bag.set(name, i64::from(port));
        }
    }

    /// Address and port as text.
    pub(super) fn text(&self) -> String {
        match (self.ip, self.port) {
            (ip, None) => ip.to_string(),
            (ip, Some(port)) if ip.is_ipv6() => format!("[{ip}]:{port}"),
            (ip, Some(port)) => format!("{ip}:{port}"),
        }
    }
}

/// 4 or 16 bytes in network order; an IPv4 address inside IPv6 becomes the IPv4 address.
pub(super) fn ip_value(ip: IpAddr) -> OwnedValue {
    match ip.to_canonical() {
        IpAddr::V4(ip) => OwnedValue::Bytes(ip.octets().to_vec()),
        IpAddr::V6(ip) => OwnedValue::Bytes(ip.octets().to_vec()),
    }
}
