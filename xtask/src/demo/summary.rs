use std::path::Path;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::{Value, json};
use testbed::write_at_once;

use super::backends::Trace;
use super::outage::{Outage, Outages, Recovery};
use super::stock::Stock;
use super::traffic::Traffic;

/// Within this an edit must be enforced.
const EDIT_LIMIT: Duration = Duration::from_secs(1);

/// What a whole run measured.
#[derive(Debug)]
pub(crate) struct Summary {
    traffic: Traffic,
    /// The worst of all edits.
    pub(crate) edit_to_enforcement: Option<Duration>,
    /// What an Envoy without our module was answered.
    pub(crate) stock: Option<Stock>,
    /// What Zipkin shows of a request, where it runs.
    pub(crate) trace: Option<Trace>,
    outages: Option<(Outages, Recovery)>,
}

impl Summary {
    /// A run that has measured this so far.
    pub(crate) fn new(traffic: Traffic) -> Self {
        Self { traffic, edit_to_enforcement: None, stock: None, trace: None, outages: None }
    }

    /// The requests of the first phase.
    pub(crate) fn requests(&self) -> u64 {
        self.traffic.requests
    }

    /// Adds the last phase.
    pub(crate) fn add_outage(&mut self, outages: Outages, recovery: Recovery) {
        self.outages = Some((outages, recovery));
    }

    /// Writes all figures as JSON.
    ///
    /// # Errors
    /// When the file system refuses.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        write_at_once(file, &serde_json::to_vec_pretty(&self.figures())?)
    }

    fn figures(&self) -> Value {
        let traffic = &self.traffic;
        let mut figures = json!({
            "requests": traffic.requests,
            "allowed": traffic.allowed,
            "denied": traffic.denied,
            "check_calls": traffic.check_calls,
            "l1_hits": traffic.l1_hits,
            "l2_hits": traffic.l2_hits,
            "reports_received": traffic.reports_received,
            "prometheus_requests_total": traffic.prometheus_requests_total,
        });
        if let Some(worst) = self.edit_to_enforcement {
            figures["edit_to_enforcement_ms"] = json!(millis(worst));
        }
        if let Some(stock) = self.stock {
            figures["stock_envoy"] = json!({
                "requests": stock.requests,
                "allowed": stock.allowed,
                "denied_403": stock.denied,
                "limited_429": stock.limited,
            });
        }
        if let Some(trace) = &self.trace {
            figures["trace"] = json!({
                "id": trace.id,
                "spans": trace.spans,
                "spans_of_mixer": trace.mixer,
                "spans_of_the_mesh": trace.mesh,
            });
        }
        if let Some((outages, recovery)) = &self.outages {
            figures["outage_closed"] = outage(&outages.closed);
            figures["outage_open"] = outage(&outages.open);
            figures["recovery"] = json!({
                "ms_to_first_answer": millis(recovery.time_to_first_answer),
                "requests": recovery.requests,
                "allowed": recovery.allowed,
            });
        }
        figures
    }

    /// Holds the figures against what must be true of them, and prints it.
    ///
    /// # Errors
    /// When something is not true.
    pub(crate) fn judge(&self) -> Result<()> {
        println!("Verdict");
        let checks = self.checks();
        for (what, holds) in &checks {
            println!("  {} {what}", if *holds { '✓' } else { '✗' });
        }
        let failed = checks.iter().filter(|(_, holds)| !holds).count();
        if failed > 0 {
            bail!(
                "{failed} of {} things are not as they should be:\n{:#}",
                checks.len(),
                self.figures()
            );
        }
        Ok(())
    }

    fn checks(&self) -> Vec<(&'static str, bool)> {
        let t = &self.traffic;
        let mut checks = vec![
            (
                "some requests were allowed, some denied, and no other answers came",
                t.allowed > 0 && t.denied > 0 && t.allowed + t.denied == t.requests,
            ),
            (
                "every request was either found in the filter's cache or asked of Mixer",
                t.l1_hits + t.check_calls == t.requests,
            ),
            ("the filter's cache answered most", t.l1_hits > t.check_calls),
            (
                "Mixer's cache answered calls of the second worker",
                0 < t.l2_hits && t.l2_hits <= t.check_calls,
            ),
            ("every request was reported to Mixer once", t.reports_received == t.requests),
            (
                "every request was counted by the adapter once",
                t.prometheus_requests_total == t.requests,
            ),
        ];
        if let Some(worst) = self.edit_to_enforcement {
            checks.push(("every edit was enforced within a second", worst < EDIT_LIMIT));
        }
        if let Some(stock) = self.stock {
            checks.push(("a stock Envoy enforced the same rules and the quota", stock.is_right()));
        }
        if let Some(trace) = &self.trace {
            checks.push((
                "a request's trace in Zipkin has the mesh's span beside those of Envoy and Mixer",
                trace.mesh > 0 && trace.mixer > 0 && trace.mesh + trace.mixer < trace.spans,
            ));
        }
        if let Some((Outages { closed, open }, recovery)) = &self.outages {
            checks.extend([
                (
                    "without Mixer, closed: all refused, none reached the service",
                    closed.status_503 == closed.requests && closed.upstream_requests == 0,
                ),
                (
                    "without Mixer, open: all let through",
                    open.status_200 == open.requests && open.upstream_requests == open.requests,
                ),
                (
                    "without Mixer, every report was counted as lost",
                    closed.reports_lost == closed.requests && open.reports_lost == open.requests,
                ),
                ("with Mixer back, all were allowed again", recovery.allowed == recovery.requests),
            ]);
        }
        checks
    }
}

fn outage(outage: &Outage) -> Value {
    json!({
        "requests": outage.requests,
        "status_503": outage.status_503,
        "status_200": outage.status_200,
        "upstream_requests": outage.upstream_requests,
        "reports_lost": outage.reports_lost,
    })
}

/// Rounded up: a limit that was missed by a microsecond was missed.
fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_micros().div_ceil(1000)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn good() -> Summary {
        let mut summary = Summary::new(Traffic {
            requests: 10,
            allowed: 6,
            denied: 4,
            check_calls: 4,
            l1_hits: 6,
            l2_hits: 2,
            reports_received: 10,
            prometheus_requests_total: 10,
        });
        summary.edit_to_enforcement = Some(Duration::from_millis(90));
        summary.stock = Some(Stock { requests: 5, allowed: 3, denied: 1, limited: 1 });
        let id = "80f198ee56343ba864fe8b2a57d3eff7".to_owned();
        summary.trace = Some(Trace { id, spans: 3, mixer: 1, mesh: 1 });
        let closed = Outage {
            requests: 5,
            status_503: 5,
            status_200: 0,
            upstream_requests: 0,
            reports_lost: 5,
        };
        let open = Outage {
            requests: 5,
            status_503: 0,
            status_200: 5,
            upstream_requests: 5,
            reports_lost: 5,
        };
        let recovery =
            Recovery { time_to_first_answer: Duration::from_millis(300), requests: 5, allowed: 5 };
        summary.add_outage(Outages { closed, open }, recovery);
        summary
    }

    #[test]
    fn a_good_run_passes_and_names_every_figure() {
        let summary = good();
        summary.judge().unwrap();
        let figures = summary.figures();
        assert_eq!(figures["edit_to_enforcement_ms"], 90);
        assert_eq!(figures["outage_closed"]["status_503"], 5);
        assert_eq!(figures["recovery"]["ms_to_first_answer"], 300);
    }

    #[test]
    fn each_figure_that_is_off_fails_the_run() {
        let mangle: [fn(&mut Summary); 11] = [
            |s| s.traffic.allowed += 1,
            |s| s.traffic.check_calls += 1,
            |s| s.traffic.l2_hits = 0,
            |s| s.traffic.l2_hits = 5,
            |s| s.traffic.reports_received -= 1,
            |s| s.traffic.prometheus_requests_total += 1,
            |s| s.edit_to_enforcement = Some(EDIT_LIMIT),
            |s| s.stock.as_mut().unwrap().allowed = 4,
            |s| s.trace.as_mut().unwrap().mesh = 0,
            |s| s.outages.as_mut().unwrap().0.closed.upstream_requests = 1,
            |s| s.outages.as_mut().unwrap().1.allowed = 4,
        ];
        for (index, mangle) in mangle.into_iter().enumerate() {
            let mut summary = good();
            mangle(&mut summary);
            assert!(summary.judge().is_err(), "mangled figure {index} passed");
        }
    }
}
