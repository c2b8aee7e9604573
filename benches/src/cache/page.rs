//! The figures as a page that stands alone: the tables, and plots of what tables show badly.

use super::Measured;
use super::summary;
use super::sweep::{Answered, Churn, EDITS, Row as Level, WINDOWS};
use super::through_envoy::Row as Proxied;
use crate::effort::Effort;
use crate::figures::Figures;
use crate::plot::{Axis, Chart, Series, escaped};
use crate::table;

/// How benches over threads are named: this between the subject and the number of threads.
const THREADS: &str = "_threads_";

const STYLE: &str = "body{font:15px/1.5 sans-serif;max-width:960px;margin:2em auto;color:#222}\
    svg{width:100%;height:auto;margin:1em 0}svg text{font:12px sans-serif;fill:#222}\
    svg .title{font-weight:bold;font-size:15px}.grid{stroke:#ddd}\
    .mark{stroke:#555;stroke-dasharray:4 3}pre{overflow-x:auto;font-size:12px;background:#f6f6f6;\
    padding:1em}";

/// The whole page.
pub(super) fn render(measured: &Measured, effort: &Effort) -> String {
    let mut body = String::from("<h1>What checks cost, and where they are answered</h1>\n");
    let caveats = table::caveats(measured.is_believable);
    if !caveats.is_empty() {
        body.push_str(&format!("<p><strong>{}</strong></p>\n", escaped(caveats)));
    }
    body.push_str("<h2>Through Envoy</h2>\n");
    if measured.proxies.is_empty() {
        body.push_str("<p>Envoy is not installed: nothing was measured through it.</p>\n");
    } else {
        body.push_str(&percentiles(&measured.proxies).svg());
    }
    body.push_str("<h2>Which level answers</h2>\n");
    for level in measured.levels.iter().filter(|level| is_plotted(level)) {
        body.push_str(&over_time(level).svg());
    }
    body.push_str("<h2>Look-ups on several threads</h2>\n");
    body.push_str(&scaling(&measured.operations).svg());
    body.push_str("<h2>Tables</h2>\n");
    body.push_str(&format!("<pre>{}</pre>\n", escaped(&summary::render(measured, effort))));
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <title>bench cache</title><style>{STYLE}</style></head>\n<body>\n{body}</body></html>\n"
    )
}

/// The sizes at the middle skew, and paths that never come again: the other skews are in the table.
fn is_plotted(level: &Level) -> bool {
    level.skew == 1.0 || level.churn == Churn::Path
}

/// How many requests took how long at most; the rare slow ones have as much room as the usual.
fn percentiles(rows: &[Proxied]) -> Chart {
    let all = || rows.iter().flat_map(|row| row.curve.iter().map(|(_, ms)| *ms));
    let (least, most) = (all().fold(f64::MAX, f64::min), all().fold(0.0, f64::max));
    let rarity = |quantile: f64| 1.0 / (1.0 - quantile);
    let ticks = [0.0, 0.5, 0.9, 0.99, 0.999]
        .map(|quantile| (rarity(quantile), format!("{}", 100.0 * quantile)));
    let series = rows.iter().map(|row| Series {
        name: row.name.to_owned(),
        points: row.curve.iter().map(|(quantile, ms)| (rarity(*quantile), *ms)).collect(),
    });
    Chart {
        title: "Latency at a fixed rate, counted from when a request was due".to_owned(),
        x: Axis {
            label: "requests that took at most so long, %",
            from: 1.0,
            to: 2000.0,
            is_logarithmic: true,
            ticks: ticks.to_vec(),
        },
        y: Axis::powers_of_ten("latency, ms", least, most),
        series: series.collect(),
        marks: Vec::new(),
    }
}

/// What each level answered in the course of a run.
fn over_time(level: &Level) -> Chart {
    let window = f64::from(level.requests) / WINDOWS as f64;
    let line = |name: &str, of: fn(&Answered) -> f64| Series {
        name: name.to_owned(),
        points: (0_u32..)
            .zip(&level.windows)
            .map(|(i, answered)| ((f64::from(i) + 0.5) * window, of(answered)))
            .collect(),
    };
    let title = match level.churn {
        Churn::Unread => format!("{} keys, skew {}", level.keys, level.skew),
        Churn::Path => "A path of its own for each request".to_owned(),
    };
    Chart {
        title,
        x: Axis::linear("requests since the start", f64::from(level.requests)),
        y: Axis::linear("answered, % of requests", 100.0),
        series: vec![
            line("level 1, in the sidecar", |answered| answered.l1),
            line("level 2, in Mixer", |answered| answered.l2),
            line("decided", |answered| answered.miss),
        ],
        marks: EDITS
            .iter()
            .map(|(at, what)| (*at as f64 * window, format!("edit of {what}")))
            .collect(),
    }
}

/// Look-ups in a second over all threads, for each number of them.
fn scaling(figures: &[Figures]) -> Chart {
    let mut series: Vec<Series> = Vec::new();
    for figure in figures {
        let Some((subject, threads)) = figure.name.rsplit_once(THREADS) else { continue };
        let threads: f64 = threads.parse().unwrap_or_default();
        let point = (threads, threads * 1000.0 / figure.p50_ns);
        match series.iter_mut().find(|series| series.name == subject) {
            Some(series) => series.points.push(point),
            None => series.push(Series { name: subject.to_owned(), points: vec![point] }),
        }
    }
    let points = || series.iter().flat_map(|series| &series.points);
    let most = points().map(|(_, y)| *y).fold(1.0, f64::max);
    let threads = points().map(|(x, _)| *x).fold(1.0, f64::max);
    let ticks = (0..=threads as u32).map(|threads| (f64::from(threads), threads.to_string()));
    let x = Axis {
        label: "threads that look up at once",
        from: 0.0,
        to: threads + 0.5,
        is_logarithmic: false,
        ticks: ticks.collect(),
    };
    Chart {
        title: "Look-ups over all threads".to_owned(),
        x,
        y: Axis::linear("million look-ups a second", most.ceil()),
        series,
        marks: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::proxies::Variant;
    use crate::subject::Allocations;

    fn measured() -> Measured {
        let figures = |name| Figures {
            name,
            p50_ns: 100.0,
            p99_ns: 200.0,
            allocs: Allocations { usual: 0.0, most: 0.0 },
            n: 1,
            batch: 1,
            elsewhere: "",
            promise: None,
        };
        let proxied = |variant: Variant| Proxied {
            name: variant.name(),
            p50_ms: 1.0,
            p90_ms: 2.0,
            p99_ms: 3.0,
            p999_ms: 4.0,
            p99_spread_ms: [2.5, 3.5],
            envoy_cpu: 0.1,
            mixer_cpu: 0.01,
            resident_mib: 50.0,
            l1_percent: 0.0,
            l2_percent: 0.0,
            requests: 10,
            refused: 0,
            curve: vec![(0.0, 0.5), (0.999, 4.0)],
        };
        let level = |keys, churn| Level {
            keys,
            skew: 1.0,
            churn,
            requests: 3000,
            answered: Answered::default(),
            windows: vec![Answered::default(); WINDOWS],
        };
        Measured {
            operations: ["check_hit_l2_threads_1", "check_hit_l2_threads_2", "moka_get_threads_1"]
                .map(figures)
                .to_vec(),
            levels: vec![level(1000, Churn::Unread), level(1000, Churn::Path)],
            proxies: Variant::ALL.map(proxied).to_vec(),
            is_believable: true,
        }
    }

    #[test]
    fn the_page_has_every_series_and_loads_nothing() {
        let page = render(&measured(), &Effort::full());
        for variant in Variant::ALL {
            assert!(page.contains(&format!(">{}</text>", variant.name())), "{variant:?}");
        }
        for text in [
            "level 1, in the sidecar",
            "level 2, in Mixer",
            "decided",
            "edit of another namespace",
            "edit of the namespace",
            "check_hit_l2",
            "moka_get",
        ] {
            assert!(page.contains(&format!(">{text}</text>")), "no {text}");
        }
        // Seven variants, twice three levels, two caches.
        assert_eq!(page.matches("<polyline").count(), 7 + 6 + 2);
        assert!(!page.contains("http") && !page.contains("<script"), "the page loads something");
    }

    #[test]
    fn a_machine_without_envoy_is_told_so() {
        let page = render(&Measured { proxies: Vec::new(), ..measured() }, &Effort::full());
        assert!(page.contains("Envoy is not installed"));
    }
}
