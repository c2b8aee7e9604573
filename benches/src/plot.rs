//! Charts as SVG, for pages that stand alone: lines over two axes, with a legend and marked places.

use std::fmt::Write;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 380.0;
const LEFT: f64 = 70.0;
const RIGHT: f64 = 620.0;
const TOP: f64 = 44.0;
const BOTTOM: f64 = 320.0;

/// Colours that are told apart on white, in the order of the series.
const COLOURS: [&str; 10] = [
    "#1b6ca8", "#d1495b", "#2e933c", "#8e5bb5", "#e08e1b", "#2a9d8f", "#6c584c", "#c2185b",
    "#444444", "#7a9e00",
];

/// One axis: what it says, from where to where, and which places are named.
#[derive(Debug, Clone)]
pub(crate) struct Axis {
    /// With its unit.
    pub(crate) label: &'static str,
    pub(crate) from: f64,
    pub(crate) to: f64,
    pub(crate) is_logarithmic: bool,
    pub(crate) ticks: Vec<(f64, String)>,
}

/// A line.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// Lines over the same axes.
#[derive(Debug, Clone)]
pub(crate) struct Chart {
    pub(crate) title: String,
    pub(crate) x: Axis,
    pub(crate) y: Axis,
    pub(crate) series: Vec<Series>,
    /// Places on the x axis, with what happened there.
    pub(crate) marks: Vec<(f64, String)>,
}

impl Axis {
    /// From zero to `to`, with five places named.
    pub(crate) fn linear(label: &'static str, to: f64) -> Self {
        let ticks = (0..=5).map(|fifth| {
            let at = to * f64::from(fifth) / 5.0;
            (at, number(at))
        });
        Self { label, from: 0.0, to, is_logarithmic: false, ticks: ticks.collect() }
    }

    /// Powers of ten that hold both.
    pub(crate) fn powers_of_ten(label: &'static str, least: f64, most: f64) -> Self {
        let first = least.max(1e-6).log10().floor() as i32;
        let last = (most.max(1e-6).log10().ceil() as i32).max(first + 1);
        let ticks = (first..=last).map(|power| {
            let at = 10_f64.powi(power);
            (at, number(at))
        });
        let (from, to) = (10_f64.powi(first), 10_f64.powi(last));
        Self { label, from, to, is_logarithmic: true, ticks: ticks.collect() }
    }

    /// The part of the axis before `value`, from 0 to 1.
    fn part(&self, value: f64) -> f64 {
        let part = if self.is_logarithmic {
            (value.max(self.from) / self.from).ln() / (self.to / self.from).ln()
        } else {
            (value - self.from) / (self.to - self.from)
        };
        part.clamp(0.0, 1.0)
    }
}

impl Chart {
    /// The chart as an element of a page.
    pub(crate) fn svg(&self) -> String {
        let mut svg = format!(
            "<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{title}\">\n\
             <text class=\"title\" x=\"{LEFT}\" y=\"20\">{title}</text>\n",
            title = escaped(&self.title),
        );
        for (at, name) in &self.x.ticks {
            let x = self.across(*at);
            svg.push_str(&rule("grid", (x, TOP), (x, BOTTOM)));
            svg.push_str(&text("middle", x, BOTTOM + 18.0, name));
        }
        for (at, name) in &self.y.ticks {
            let y = self.up(*at);
            svg.push_str(&rule("grid", (LEFT, y), (RIGHT, y)));
            svg.push_str(&text("end", LEFT - 8.0, y + 4.0, name));
        }
        svg.push_str(&text("middle", f64::midpoint(LEFT, RIGHT), BOTTOM + 42.0, self.x.label));
        let middle = f64::midpoint(TOP, BOTTOM);
        let _never_fails = writeln!(
            svg,
            "<text text-anchor=\"middle\" transform=\"translate(16 {middle}) rotate(-90)\">{}</text>",
            escaped(self.y.label)
        );
        for (at, what) in &self.marks {
            let x = self.across(*at);
            svg.push_str(&rule("mark", (x, TOP), (x, BOTTOM)));
            svg.push_str(&text("middle", x, TOP - 6.0, what));
        }
        for (i, series) in self.series.iter().enumerate() {
            svg.push_str(&self.line(series, COLOURS[i % COLOURS.len()], TOP + 20.0 * i as f64));
        }
        svg + "</svg>\n"
    }

    /// A series and its place in the legend.
    fn line(&self, series: &Series, colour: &str, legend: f64) -> String {
        let points: Vec<(f64, f64)> =
            series.points.iter().map(|(x, y)| (self.across(*x), self.up(*y))).collect();
        let listed: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
        let mut svg = format!(
            "<polyline fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\" points=\"{}\"/>\n",
            listed.join(" ")
        );
        // Few points may be far apart: where they are should be seen.
        for (x, y) in points.iter().filter(|_| points.len() <= 8) {
            let _never_fails =
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"3\" fill=\"{colour}\"/>");
        }
        let (from, to) = (RIGHT + 16.0, RIGHT + 36.0);
        let _never_fails = writeln!(
            svg,
            "<line x1=\"{from}\" x2=\"{to}\" y1=\"{legend}\" y2=\"{legend}\" stroke=\"{colour}\" stroke-width=\"3\"/>"
        );
        svg + &text("start", to + 6.0, legend + 4.0, &series.name)
    }

    fn across(&self, value: f64) -> f64 {
        LEFT + (RIGHT - LEFT) * self.x.part(value)
    }

    fn up(&self, value: f64) -> f64 {
        BOTTOM - (BOTTOM - TOP) * self.y.part(value)
    }
}

/// Text that may stand in HTML and SVG.
pub(crate) fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn rule(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    let ((x1, y1), (x2, y2)) = (from, to);
    format!(
        "<line class=\"{class}\" x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\"/>\n"
    )
}

fn text(anchor: &str, x: f64, y: f64, what: &str) -> String {
    format!("<text text-anchor=\"{anchor}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>\n", escaped(what))
}

/// As short as it can be read.
fn number(value: f64) -> String {
    let rounded = (value * 1e6).round() / 1e6;
    if rounded >= 10.0 { format!("{rounded:.0}") } else { format!("{rounded}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chart_has_its_labels_every_series_and_every_mark() {
        let chart = Chart {
            title: "a < b".to_owned(),
            x: Axis::linear("time, s", 10.0),
            y: Axis::powers_of_ten("latency, ms", 0.2, 30.0),
            series: vec![
                Series { name: "one".to_owned(), points: vec![(0.0, 0.2), (10.0, 30.0)] },
                Series { name: "two".to_owned(), points: vec![(0.0, 1.0)] },
            ],
            marks: vec![(5.0, "an edit".to_owned())],
        };
        let svg = chart.svg();
        for part in ["a &lt; b", "time, s", "latency, ms", ">one<", ">two<", ">an edit<", ">0.1<"] {
            assert!(svg.contains(part), "no {part} in {svg}");
        }
        assert_eq!(svg.matches("<polyline").count(), 2);
    }

    #[test]
    fn values_beyond_an_axis_stay_at_its_ends() {
        let axis = Axis::powers_of_ten("ms", 1.0, 100.0);
        assert_eq!((axis.part(0.001), axis.part(10.0), axis.part(1e9)), (0.0, 0.5, 1.0));
    }
}
