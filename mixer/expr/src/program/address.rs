use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Deref;

use crate::program::kinds::Text;
use crate::program::term::Term;
use crate::{EvalError, error};

/// An IP address as raw bytes in network order: 4 or 16 unless a client sent something else.
///
/// Equality is that of policy: an IPv4 address equals its IPv6-mapped form.
#[derive(Clone, Copy)]
pub enum Address<'a> {
    /// Bytes of the bag or of a constant.
    Borrowed(&'a [u8]),
    /// The outcome of `ip("…")`; IPv4 in its IPv6-mapped form.
    Computed([u8; 16]),
}

/// `ip(s)`.
pub(crate) struct ParseIp(pub(crate) Box<Term<Text>>);

impl Address<'_> {
    /// The address, a mapped one as IPv4; `None` when there are neither 4 nor 16 bytes.
    pub fn to_ip(&self) -> Option<IpAddr> {
        if let Ok(v4) = <[u8; 4]>::try_from(&**self) {
            return Some(Ipv4Addr::from(v4).into());
        }
        <[u8; 16]>::try_from(&**self).ok().map(|v6| Ipv6Addr::from(v6).to_canonical())
    }
}

impl Deref for Address<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Borrowed(bytes) => bytes,
            Self::Computed(bytes) => bytes,
        }
    }
}

impl PartialEq for Address<'_> {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
            || self.len() != other.len() && self.to_ip().is_some() && self.to_ip() == other.to_ip()
    }
}

impl fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.to_ip() {
            Some(ip) => ip.fmt(f),
            None => write!(f, "{:?}", &**self),
        }
    }
}

impl fmt::Debug for Address<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The 16 bytes of the address in `text`: IPv4 with dots, or IPv6 without zone.
pub(crate) fn parse(text: &str) -> Result<[u8; 16], EvalError> {
    match text.parse() {
        Ok(IpAddr::V4(v4)) => Ok(v4.to_ipv6_mapped().octets()),
        Ok(IpAddr::V6(v6)) => Ok(v6.octets()),
        Err(_) => Err(EvalError::Ip(error::excerpt(text))),
    }
}
