//! The third phase: an Envoy without our module, by the same rules.

use anyhow::{Result, ensure};
use testbed::{Mesh, StockProxy};

/// The quota of `quota.yaml`, as the domain of a rate limit names it.
const QUOTA: &str = "requests.default";
/// What that quota lets each user have.
const LIMIT: u64 = 3;
const USER: (&str, &str) = ("x-user", "ann");

/// What a stock Envoy's clients were answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stock {
    /// Requests of one user until the first refusal, which is counted too.
    pub(crate) requests: u64,
    pub(crate) allowed: u64,
    /// 403, by a rule, through external authorization.
    pub(crate) denied: u64,
    /// 429, by a quota, through the rate limit service.
    pub(crate) limited: u64,
}

impl Stock {
    /// Whether the same rules held and the quota let as many pass as it should.
    pub(crate) fn is_right(&self) -> bool {
        self.allowed == LIMIT && self.denied == 1 && self.limited == 1
    }
}

/// Starts the Envoy, which runs until it is dropped, and sends requests through it.
///
/// # Errors
/// When it does not start, or answers with what is neither 200, 403 nor 429.
pub(crate) fn run(mesh: &Mesh) -> Result<(StockProxy, Stock)> {
    println!("A stock Envoy without our module: ext_authz, access log, rate limit service");
    let proxy = mesh.start_stock_envoy(QUOTA)?;
    let mut connection = proxy.connect()?;
    let mut stock = Stock { requests: 0, allowed: 0, denied: 0, limited: 0 };
    let paths = ["/admin"].into_iter().chain(std::iter::repeat_n("/", 2 * LIMIT as usize));
    for path in paths {
        let answer = connection.get(path, &[USER])?;
        stock.requests += 1;
        match answer.status {
            200 => stock.allowed += 1,
            403 => stock.denied += 1,
            429 => stock.limited += 1,
            other => ensure!(false, "GET {path} through the stock Envoy was answered {other}"),
        }
        if stock.limited > 0 {
            break;
        }
    }
    println!(
        "  {} requests of one user: {} allowed, {} denied by a rule (403), {} over the quota (429)\n",
        stock.requests, stock.allowed, stock.denied, stock.limited
    );
    Ok((proxy, stock))
}
