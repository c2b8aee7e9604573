//! The figures as text.

use super::Measured;
use super::sweep::{Churn, Row as Level};
use super::through_envoy::Row as Proxied;
use crate::effort::Effort;
use crate::table::{self, aligned};

const LEVEL_NOTES: &str = "
Which level answered, in parts of a hundred: two workers with the filter's own first level, before one
    Mixer. Each request has other addresses, ids and another time; `path` also another path, which policy
    reads. A third into the run another namespace is edited, two thirds into it the one that is asked for.
";

const PROXY_NOTES: &str = "
Through Envoy: answers of 1 kB, 16 connections, 2 workers, no TLS, at a fixed rate. Latency counts from
    when a request was due, not from when it was sent. vCPU: processors taken at 1000 requests/s.
    p50 to p99.9 and vCPU are medians over turns; l1 and l2: requests of a hundred that the level answered.
    Mixer's processors hold its idle watches and scrapes, and in ext_authz_trivial it takes no part.
    Refused requests are in no latency.
not in this run: Istio 1.4's Mixer (its program takes part in `bench mixer`), OPA's Envoy plug-in.
";

/// What is promised of a request that the filter's own level answers, beside Envoy without the filter.
struct Aim {
    what: &'static str,
    most: f64,
    of: fn(&Proxied) -> f64,
}

const AIMS: [Aim; 4] = [
    Aim { what: "ms added to p90", most: 2.5, of: |row| row.p90_ms },
    Aim { what: "ms added to p99", most: 2.7, of: |row| row.p99_ms },
    Aim { what: "vCPU added to Envoy", most: 0.40, of: |row| row.envoy_cpu },
    Aim { what: "MiB added to Envoy", most: 50.0, of: |row| row.resident_mib },
];

/// All tables, with what is needed to read them.
pub(super) fn render(measured: &Measured, effort: &Effort) -> String {
    let mut text = table::render(&measured.operations, effort);
    text.push('\n');
    text.push_str(&aligned(&levels(&measured.levels)));
    text.push_str(LEVEL_NOTES);
    text.push('\n');
    if measured.proxies.is_empty() {
        text.push_str(
            "Nothing was measured through Envoy: `cargo xtask setup --all` installs it.\n",
        );
    } else {
        text.push_str(&aligned(&proxies(&measured.proxies)));
        text.push_str(PROXY_NOTES);
        text.push('\n');
        text.push_str(&aligned(&aims(&measured.proxies)));
    }
    text.push_str(table::caveats(measured.is_believable));
    text
}

/// Which level answered.
pub(super) fn levels(rows: &[Level]) -> Vec<Vec<String>> {
    let head = ["keys", "skew", "new each time", "l1 %", "l2 %", "miss %", "n"];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let churn = match row.churn {
            Churn::Unread => "ip, id, time",
            Churn::Path => "path",
        };
        vec![
            row.keys.to_string(),
            row.skew.to_string(),
            churn.to_owned(),
            format!("{:.1}", row.answered.l1),
            format!("{:.1}", row.answered.l2),
            format!("{:.1}", row.answered.miss),
            row.requests.to_string(),
        ]
    }));
    lines
}

/// What was measured through Envoy.
pub(super) fn proxies(rows: &[Proxied]) -> Vec<Vec<String>> {
    let head = [
        "through Envoy",
        "p50 ms",
        "p90 ms",
        "p99 ms",
        "p99.9 ms",
        "p99 of turns",
        "Envoy vCPU",
        "Mixer vCPU",
        "MiB",
        "l1 %",
        "l2 %",
        "n",
        "refused",
    ];
    let mut lines = vec![head.map(str::to_owned).to_vec()];
    lines.extend(rows.iter().map(|row| {
        let [best, worst] = row.p99_spread_ms;
        vec![
            row.name.to_owned(),
            format!("{:.3}", row.p50_ms),
            format!("{:.3}", row.p90_ms),
            format!("{:.3}", row.p99_ms),
            format!("{:.3}", row.p999_ms),
            format!("{best:.2}-{worst:.2}"),
            format!("{:.3}", row.envoy_cpu),
            format!("{:.3}", row.mixer_cpu),
            format!("{:.0}", row.resident_mib),
            format!("{:.1}", row.l1_percent),
            format!("{:.1}", row.l2_percent),
            row.requests.to_string(),
            row.refused.to_string(),
        ]
    }));
    lines
}

/// What was found beside what is wanted.
fn aims(rows: &[Proxied]) -> Vec<Vec<String>> {
    let row = |name| rows.iter().find(|row| row.name == name);
    let (Some(plain), Some(l1)) = (row("envoy_without_filter"), row("envoy_l1_hit")) else {
        return Vec::new();
    };
    let judged = |found: f64, most: f64, what: &str| {
        let verdict = if found <= most { "met" } else { "missed" };
        vec![verdict.to_owned(), format!("{found:.3}"), format!("<= {most}"), what.to_owned()]
    };
    let mut lines: Vec<Vec<String>> =
        AIMS.iter().map(|aim| judged((aim.of)(l1) - (aim.of)(plain), aim.most, aim.what)).collect();
    lines.push(judged(l1.mixer_cpu, 0.05, "vCPU of Mixer"));
    if let Some(quiet) = row("envoy_no_rule") {
        // A vCPU at a thousand requests a second is a millisecond of each.
        let micros = (quiet.envoy_cpu - plain.envoy_cpu) * 1000.0;
        lines.push(judged(micros, 2.0, "µs of processor added to a request without rules"));
    }
    lines
}
