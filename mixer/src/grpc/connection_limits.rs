use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus::IntGauge;

/// Counts open connections, all and those of each address.
#[derive(Debug)]
pub(super) struct ConnectionLimits {
    max: usize,
    max_per_client: usize,
    open: Mutex<Open>,
    gauge: IntGauge,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    /// As many entries as there are connections, at most.
    by_client: HashMap<IpAddr, usize>,
}

/// A place for one connection, free again when dropped.
#[derive(Debug)]
pub(super) struct Place {
    limits: Arc<ConnectionLimits>,
    client: Option<IpAddr>,
}

impl ConnectionLimits {
    pub(super) fn new(max: usize, max_per_client: usize, gauge: IntGauge) -> Self {
        Self { max, max_per_client, open: Mutex::default(), gauge }
    }

    /// A place for a connection from `client`, which has no address at a socket in the file system.
    ///
    /// # Errors
    /// The reason, a word for metrics, when there is none.
    pub(super) fn enter(self: &Arc<Self>, client: Option<IpAddr>) -> Result<Place, &'static str> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.all >= self.max {
            return Err("limit");
        }
        if let Some(client) = client {
            let of_client = open.by_client.get(&client).copied().unwrap_or(0);
            if of_client >= self.max_per_client {
                return Err("client_limit");
            }
            open.by_client.insert(client, of_client + 1);
        }
        open.all += 1;
        self.gauge.inc();
        Ok(Place { limits: Arc::clone(self), client })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.limits.open.lock().unwrap_or_else(PoisonError::into_inner);
        open.all -= 1;
        if let Some(client) = &self.client {
            match open.by_client.get_mut(client) {
                Some(count) if *count > 1 => *count -= 1,
                _ => drop(open.by_client.remove(client)),
            }
        }
        self.limits.gauge.dec();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_limited_for_all_and_for_each_client_and_come_back() {
        let gauge = IntGauge::new("open", "open").unwrap();
        let limits = Arc::new(ConnectionLimits::new(3, 2, gauge.clone()));
        let client = |last| Some(IpAddr::from([10, 0, 0, last]));
        let first = limits.enter(client(1)).unwrap();
        let _second = limits.enter(client(1)).unwrap();
        assert_eq!(limits.enter(client(1)).unwrap_err(), "client_limit");
        let third = limits.enter(client(2)).unwrap();
        assert_eq!(limits.enter(client(3)).unwrap_err(), "limit");
        assert_eq!(gauge.get(), 3);
        drop((first, third));
        assert_eq!(gauge.get(), 1);
        let _again = limits.enter(client(1)).unwrap();
        let _socket = limits.enter(None).unwrap();
        assert_eq!(limits.open.lock().unwrap().by_client.len(), 1);
    }
}
