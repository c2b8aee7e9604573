//! Built-in functions that the engine has not without an operating system: the time, from the host, and
//! networks.

use std::cell::Cell;
use std::net::{IpAddr, Ipv6Addr};

use adapter_sdk::host::clock;
use anyhow::{Context, Result, bail, ensure};
use regorus::{Engine, Value};

thread_local! {
    /// The time of the evaluation under way: in Rego it stands still meanwhile.
    static NOW: Cell<Option<i64>> = const { Cell::new(None) };
}

/// An evaluation begins.
pub(crate) fn begin() {
    NOW.set(None);
}

/// Adds the functions to an engine.
pub(crate) fn add(engine: &mut Engine) -> Result<()> {
    engine.add_extension("time.now_ns".to_owned(), 0, Box::new(now))?;
    let contains = |arguments: Vec<Value>| cidr_contains(&arguments);
    engine.add_extension("net.cidr_contains".to_owned(), 2, Box::new(contains))
}

fn now(_: Vec<Value>) -> Result<Value> {
    let now = NOW.get().unwrap_or_else(clock::now);
    NOW.set(Some(now));
    Ok(now.into())
}

fn cidr_contains(arguments: &[Value]) -> Result<Value> {
    let [network, of] = arguments else { bail!("two arguments are needed") };
    let outer = Range::parse(network.as_string()?)?;
    let inner = Range::parse(of.as_string()?)?;
    Ok(outer.contains(&inner).into())
}

/// Addresses of one family.
struct Range {
    is_v4: bool,
    first: u128,
    last: u128,
}

impl Range {
    fn parse(text: &str) -> Result<Self> {
        let (address, length) = text.split_once('/').unwrap_or((text, ""));
        let wrong = || format!("{text:?} is no IP address and no CIDR range");
        let address: IpAddr = address.parse().with_context(wrong)?;
        let (bits, whole) = match address {
            IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
            IpAddr::V6(v6) => (Ipv6Addr::to_bits(v6), 128),
        };
        let length: u32 =
            if length.is_empty() { whole } else { length.parse().with_context(wrong)? };
        ensure!(length <= whole, wrong());
        let hosts = match whole - length {
            128 => u128::MAX,
            host_bits => (1 << host_bits) - 1,
        };
        Ok(Self { is_v4: address.is_ipv4(), first: bits & !hosts, last: bits | hosts })
    }

    fn contains(&self, other: &Self) -> bool {
        self.is_v4 == other.is_v4 && self.first <= other.first && other.last <= self.last
    }
}
