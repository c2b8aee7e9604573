use std::fmt::Write;

use super::Measured;
use super::aims::{self, RECORDED};
use super::contest::Row;
use super::server::Kind;
use crate::table::{self, aligned};

const HEAD: [&str; 9] = [
    "bench",
    "server",
    "clients",
    "requests/s",
    "p50 µs",
    "p99 µs",
    "CPU s/1000",
    "best turn",
    "n",
];

const NOTES: &str = "
requests/s and CPU count requests of users: a report of a hundred is a hundred. p50 and p99 are of calls.
CPU s/1000: processor time of the server's process for a thousand requests, the median turn; milliseconds
    for one, as it were.
gRPC alone: a tonic server that decodes the same request with prost and answers a constant, in this run.
recorded elsewhere: Istio 1.4.10's Mixer, built with Go 1.26, on 2 cores of an AMD EPYC; machines differ by
    a factor of two: a hint, not a comparison. With --peer-mixs its program takes part in the run.
";

/// All figures as tables, with what is needed to read them.
pub(super) fn render(measured: &Measured) -> String {
    let mut text = table::rows(&measured.dispatch);
    text.push('\n');
    text.push_str(&aligned(&calls(&measured.calls)));
    let losses = measured.calls.iter().filter(|row| row.lost + row.shed > 0);
    for Row { name, server, clients, shed, lost, .. } in losses {
        line(
            &mut text,
            format_args!(
                "{name}, {}, {clients} clients: {shed} calls refused, {lost} instances lost",
                title(*server)
            ),
        );
    }
    text.push('\n');
    let quantities = measured.process.iter().map(|quantity| {
        vec![quantity.name.to_owned(), figure(quantity.value), quantity.of.to_owned()]
    });
    text.push_str(&aligned(&quantities.collect::<Vec<_>>()));
    text.push('\n');
    let aims = aims::judge(measured).into_iter().map(|aim| {
        let verdict = if aim.met { "met" } else { "missed" };
        vec![verdict.to_owned(), aim.found, aim.wanted, aim.what]
    });
    text.push_str(&aligned(&aims.collect::<Vec<_>>()));
    text.push_str(NOTES);
    text.push_str(table::caveats(measured.is_believable));
    text
}

fn calls(rows: &[Row]) -> Vec<Vec<String>> {
    let mut lines = vec![HEAD.map(str::to_owned).to_vec()];
    for (i, row) in rows.iter().enumerate() {
        lines.push(vec![
            row.name.to_owned(),
            title(row.server).to_owned(),
            row.clients.to_string(),
            format!("{:.0}", row.per_s),
            format!("{:.0}", row.p50_us),
            format!("{:.0}", row.p99_us),
            format!("{:.4}", row.cpu_s_per_1000),
            format!("{:.4}", row.least_cpu_s_per_1000),
            row.n.to_string(),
        ]);
        let of_same = |other: &&Row| other.name == row.name && other.clients == row.clients;
        if rows[i + 1..].iter().any(|other| of_same(&other)) {
            continue;
        }
        let recorded = RECORDED.iter().filter(|r| r.name == row.name && r.clients == row.clients);
        lines.extend(recorded.map(|recorded| {
            vec![
                recorded.name.to_owned(),
                "recorded elsewhere".to_owned(),
                recorded.clients.to_string(),
                format!("{:.0}", recorded.per_s),
                format!("{:.0}", recorded.p50_ms * 1e3),
                format!("{:.0}", recorded.p99_ms * 1e3),
                format!("{:.4}", recorded.cpu_s_per_1000),
            ]
        }));
    }
    lines
}

fn title(server: Kind) -> &'static str {
    match server {
        Kind::Mixer => "mixer",
        Kind::Bare => "gRPC alone",
        Kind::Peer => "Istio 1.4 mixs",
    }
}

fn figure(value: f64) -> String {
    if value >= 1000.0 { format!("{value:.0}") } else { format!("{value:.3}") }
}

fn line(text: &mut String, of: std::fmt::Arguments<'_>) {
    let _never_fails = writeln!(text, "{of}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_to_the_right_and_words_to_the_left() {
        let lines = [["a", "10", "b"], ["long", "5", "c"]];
        let text = aligned(&lines.map(|line| line.map(str::to_owned).to_vec()));
        assert_eq!(text, "a     10  b\nlong   5  c\n");
    }
}
