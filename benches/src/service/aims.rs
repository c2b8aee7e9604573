use super::Measured;
use super::contest::Row;
use super::server::Kind;

/// What was measured elsewhere for the same work, on 2 cores of an AMD EPYC.
#[derive(Debug, Clone, Copy)]
pub(super) struct Recorded {
    pub(super) name: &'static str,
    pub(super) clients: u32,
    /// Requests in a second.
    pub(super) per_s: f64,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    /// The least that was seen.
    pub(super) cpu_s_per_1000: f64,
}

/// Istio's Mixer 1.4.10. Its reports came in the delta encoding.
pub(super) const RECORDED: [Recorded; 7] = [
    recorded("check_miss_grpc", 1, [5_580.0, 0.17, 0.42, 0.21]),
    recorded("check_miss_grpc", 16, [17_675.0, 0.60, 3.42, 0.08]),
    recorded("check_denied_grpc", 16, [12_683.0, 0.80, 4.23, 0.11]),
    recorded("check_no_rule_grpc", 16, [17_956.0, 0.61, 3.74, 0.075]),
    recorded("check_quota_memory", 16, [13_355.0, 0.80, 3.86, 0.11]),
    recorded("report_batch_1_delta", 16, [10_079.0, 1.12, 4.42, 0.16]),
    recorded("report_batch_100_delta", 1, [11_800.0, 8.19, 12.13, 0.136]),
];

const fn recorded(name: &'static str, clients: u32, of: [f64; 4]) -> Recorded {
    let [per_s, p50_ms, p99_ms, cpu_s_per_1000] = of;
    Recorded { name, clients, per_s, p50_ms, p99_ms, cpu_s_per_1000 }
}

/// A figure to reach, and what came of it.
#[derive(Debug)]
pub(super) struct Aim {
    pub(super) what: String,
    pub(super) wanted: String,
    pub(super) found: String,
    pub(super) met: bool,
}

/// All aims that something was measured for.
pub(super) fn judge(measured: &Measured) -> Vec<Aim> {
    let calls = &measured.calls;
    let mut aims = Vec::new();
    aims.extend(against_peer(calls, "check_miss_grpc", 16, 3.0, 5.0));
    aims.extend(against_peer(calls, "report_batch_100_delta", 1, 10.0, 50.0));
    if let Some(row) = row(calls, "check_miss_grpc", 1, Kind::Mixer) {
        aims.push(at_most("Check, no cache, one adapter, p50", row.p50_us, 60.0, "µs"));
        aims.push(at_most("Check, no cache, one adapter, p99", row.p99_us, 150.0, "µs"));
    }
    if let Some(row) = row(calls, "report_batch_100_log", 1, Kind::Mixer) {
        let what = "Report in batches of 100, Prometheus and a log, CPU of a request";
        let mut aim = at_most(what, row.cpu_s_per_1000 * 1e3, 3.0, "µs");
        aim.met &= row.lost == 0;
        aims.push(aim);
    }
    for (name, what) in [
        ("cpu_at_rate", "CPU of Mixer at 1000 requests/s, each a Check"),
        ("cpu_at_rate_l1", "CPU of Mixer at 1000 requests/s behind sidecars' caches"),
    ] {
        let found = measured.process.iter().find(|quantity| quantity.name == name);
        aims.extend(found.map(|quantity| at_most(what, quantity.value, 0.05, "vCPU")));
    }
    aims
}

/// So many times less processor time than the peer took, in this run if it took part.
fn against_peer(
    rows: &[Row],
    name: &'static str,
    clients: u32,
    least: f64,
    aim: f64,
) -> Option<Aim> {
    let ours = row(rows, name, clients, Kind::Mixer)?;
    let in_run = row(rows, name, clients, Kind::Peer).map(|row| (row.cpu_s_per_1000, "this run"));
    let elsewhere = || {
        let recorded = RECORDED.iter().find(|r| r.name == name && r.clients == clients)?;
        Some((recorded.cpu_s_per_1000, "recorded elsewhere"))
    };
    let (theirs, whence) = in_run.or_else(elsewhere)?;
    let times = theirs / ours.cpu_s_per_1000;
    Some(Aim {
        what: format!("{name}: less CPU than Istio's Mixer ({whence})"),
        wanted: format!("{least}× at least, aim {aim}×"),
        found: format!("{times:.1}×"),
        met: times >= least && ours.lost == 0,
    })
}

fn at_most(what: &str, found: f64, limit: f64, unit: &str) -> Aim {
    Aim {
        what: what.to_owned(),
        wanted: format!("{limit} {unit} at most"),
        found: format!("{found:.3} {unit}"),
        met: found <= limit,
    }
}

fn row<'r>(rows: &'r [Row], name: &str, clients: u32, server: Kind) -> Option<&'r Row> {
    rows.iter().find(|row| row.name == name && row.clients == clients && row.server == server)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(server: Kind, cpu_s_per_1000: f64) -> Row {
        Row {
            name: "check_miss_grpc",
            server,
            clients: 16,
            per_s: 1e4,
            p50_us: 50.0,
            p99_us: 100.0,
            cpu_s_per_1000,
            least_cpu_s_per_1000: cpu_s_per_1000,
            n: 1000,
            shed: 0,
            lost: 0,
        }
    }

    #[test]
    fn a_peer_of_the_same_run_counts_before_what_was_recorded() {
        let judge = |rows: &[Row]| against_peer(rows, "check_miss_grpc", 16, 3.0, 5.0);
        let ours = row(Kind::Mixer, 0.02);
        let elsewhere = judge(std::slice::from_ref(&ours)).unwrap();
        assert!(elsewhere.met && elsewhere.found == "4.0×", "{elsewhere:?}");
        assert!(elsewhere.what.contains("recorded elsewhere"));
        let here = judge(&[ours, row(Kind::Peer, 0.05)]).unwrap();
        assert!(!here.met && here.found == "2.5×", "{here:?}");
    }

    #[test]
    fn a_server_that_lost_what_it_took_meets_nothing() {
        let ours = Row { lost: 1, ..row(Kind::Mixer, 0.001) };
        assert!(!against_peer(&[ours], "check_miss_grpc", 16, 3.0, 5.0).unwrap().met);
    }
}
