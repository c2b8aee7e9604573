use std::fmt::Write;

use crate::effort::Effort;
use crate::figures::Figures;

const NOTES: &str = "
batch: operations timed together; where it is above 1, p50 and p99 are of the batches' means.
allocs: of one operation, usually; in the gRPC rows of client and server together.
(1) on other machines, which differ by a factor of two: a hint, not a comparison. Istio 1.4 Mixer: 1.4.10,
    unmodified, built with Go 1.26, on 2 cores of an AMD EPYC, 32 attributes and 12 headers a request.
    Published: one reader on a host with 320 cores.
";

/// The figures as a table, with what is needed to read it.
pub(crate) fn render(figures: &[Figures], effort: &Effort) -> String {
    rows(figures) + NOTES + caveats(effort.is_believable)
}

/// The figures as a table.
pub(crate) fn rows(figures: &[Figures]) -> String {
    let mut rows =
        vec![["bench", "p50", "p99", "allocs", "n", "batch", "elsewhere (1)"].map(String::from)];
    rows.extend(figures.iter().map(|f| {
        [
            f.name.to_owned(),
            duration(f.p50_ns),
            duration(f.p99_ns),
            allocations(f.allocs.usual),
            f.n.to_string(),
            f.batch.to_string(),
            f.elsewhere.to_owned(),
        ]
    }));
    let mut widths = [0; 7];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut text = String::new();
    for row in rows {
        let mut line = format!("{:<width$}", row[0], width = widths[0]);
        for column in 1..6 {
            let _never_fails = write!(line, "  {:>width$}", row[column], width = widths[column]);
        }
        text.push_str(format!("{line}  {}", row[6]).trim_end());
        text.push('\n');
    }
    text
}

/// Why the times of this run are not to be believed; empty when they are.
pub(crate) fn caveats(is_believable: bool) -> &'static str {
    match (is_believable, cfg!(debug_assertions)) {
        (true, false) => "",
        (false, false) => "A smoke run: the times mean nothing.\n",
        (true, true) => "An unoptimised build: the times mean nothing.\n",
        (false, true) => "A smoke run of an unoptimised build: the times mean nothing.\n",
    }
}

/// Lines in columns; those that hold numbers to the right.
pub(crate) fn aligned(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for cells in lines {
        let mut shown = String::new();
        for (cell, width) in cells.iter().zip(&widths) {
            let numeric = cell.starts_with(|c: char| c.is_ascii_digit()) && !cell.contains(' ');
            let padding = " ".repeat(width - cell.chars().count());
            let (before, after) = if numeric { (&*padding, "") } else { ("", &*padding) };
            shown.push_str(&format!("{before}{cell}{after}  "));
        }
        text.push_str(shown.trim_end());
        text.push('\n');
    }
    text
}

fn duration(ns: f64) -> String {
    match ns {
        ..99.95 => format!("{ns:.1} ns"),
        ..9_999.5 => format!("{ns:.0} ns"),
        ..999_950.0 => format!("{:.1} µs", ns / 1e3),
        _ => format!("{:.2} ms", ns / 1e6),
    }
}

fn allocations(usual: f64) -> String {
    if usual.fract() == 0.0 { format!("{usual:.0}") } else { format!("{usual:.3}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_show_three_digits_or_more_in_a_unit_one_can_read() {
        for (ns, text) in [
            (7.25, "7.2 ns"),
            (143.04, "143 ns"),
            (4_321.0, "4321 ns"),
            (59_744.0, "59.7 µs"),
            (3_420_000.0, "3.42 ms"),
        ] {
            assert_eq!(duration(ns), text);
        }
    }

    #[test]
    fn allocations_are_not_rounded_to_a_promise() {
        assert_eq!(allocations(2.0), "2");
        assert_eq!(allocations(2.004), "2.004");
        assert_eq!(allocations(0.25), "0.250");
    }
}
