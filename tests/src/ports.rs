use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::Mutex;

use anyhow::{Result, bail};

/// Below the range that Linux gives to outgoing connections (32768 and up), so that a port that was
/// found free stays so until it is used.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

/// The next candidate in this process; 0 before the first.
static NEXT: Mutex<u16> = Mutex::new(0);

/// A loopback address whose port nobody listens on. No two calls of one process return the same until
/// all are used up; two processes begin at different places.
///
/// # Errors
/// When every port is taken.
pub fn free_address() -> Result<SocketAddr> {
    let mut next = NEXT.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if *next == 0 {
        // A prime, so that the many short-lived processes of one test run spread out.
        let start = std::process::id().wrapping_mul(7_919) % u32::from(COUNT);
        *next = FIRST + u16::try_from(start).unwrap_or(0);
    }
    for _ in 0..COUNT {
        let candidate = SocketAddr::from((Ipv4Addr::LOCALHOST, *next));
        *next = if *next + 1 < FIRST + COUNT { *next + 1 } else { FIRST };
        if TcpListener::bind(candidate).is_ok() {
            return Ok(candidate);
        }
    }
    bail!("all ports from {FIRST} to {} are taken", FIRST + COUNT - 1)
}

/// `address` if nobody listens there.
///
/// # Errors
/// When somebody does, or the address is not of this machine.
pub fn require_free(address: SocketAddr) -> Result<SocketAddr> {
    match TcpListener::bind(address) {
        Ok(_) => Ok(address),
        Err(cause) => bail!("{address} cannot be listened on ({cause}); choose another port"),
    }
}
