use std::collections::BTreeMap;

use anyhow::{Context, Result, bail};

use crate::http;

/// One sample of a Prometheus text exposition.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// The name of the series.
    pub name: String,
    /// Its labels.
    pub labels: BTreeMap<String, String>,
    /// Its value.
    pub value: f64,
}

/// What a Prometheus endpoint exposes at one moment.
#[derive(Debug, Clone, Default)]
pub struct Series(Vec<Sample>);

impl Series {
    /// Scrapes `url`.
    ///
    /// # Errors
    /// When nobody answers 200, or not with the text format.
    pub fn scrape(url: &str) -> Result<Self> {
        let answer = http::get(url)?.require_ok()?;
        Self::parse(&answer.text()).with_context(|| format!("scrape {url}"))
    }

    /// Parses the text format, version 0.0.4.
    ///
    /// # Errors
    /// When a line is neither a comment nor a sample.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
        lines.map(parse_sample).collect::<Result<_>>().map(Self)
    }

    /// The sum over the series called `name` that have all of `labels`; 0 without any.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.matching(name, labels).map(|sample| sample.value).sum()
    }

    /// [`Series::sum`] of a counter of whole things.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "counters of things are whole"
    )]
    pub fn count(&self, name: &str, labels: &[(&str, &str)]) -> u64 {
        self.sum(name, labels) as u64
    }

    /// The series called `name` that have all of `labels`.
    pub fn matching<'s>(
        &'s self,
        name: &'s str,
        labels: &'s [(&'s str, &'s str)],
    ) -> impl Iterator<Item = &'s Sample> {
        self.0.iter().filter(move |sample| {
            sample.name == name
                && labels
                    .iter()
                    .all(|(label, value)| sample.labels.get(*label).is_some_and(|v| v == value))
        })
    }
}

fn parse_sample(line: &str) -> Result<Sample> {
    let parse = || {
        let name_end = line.find(['{', ' '])?;
        let (name, rest) = line.split_at(name_end);
        let (labels, rest) = match rest.strip_prefix('{') {
            Some(rest) => parse_labels(rest)?,
            None => (BTreeMap::new(), rest),
        };
        let value = rest.split_whitespace().next()?.parse().ok()?;
        Some(Sample { name: name.to_owned(), labels, value })
    };
    match parse() {
        Some(sample) => Ok(sample),
        None => bail!("`{line}` is no sample of the Prometheus text format"),
    }
}

/// The labels up to the closing brace, and what follows it.
fn parse_labels(mut rest: &str) -> Option<(BTreeMap<String, String>, &str)> {
    let mut labels = BTreeMap::new();
    loop {
        rest = rest.trim_start_matches([',', ' ']);
        if let Some(after) = rest.strip_prefix('}') {
            return Some((labels, after));
        }
        let (name, quoted) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut characters = quoted.char_indices();
        loop {
            match characters.next()? {
                (end, '"') => {
                    rest = &quoted[end + 1..];
                    break;
                }
                (_, '\\') => match characters.next()?.1 {
                    'n' => value.push('\n'),
                    escaped => value.push(escaped),
                },
                (_, plain) => value.push(plain),
            }
        }
        labels.insert(name.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_labels_with_every_escape_and_sums_what_matches() {
        let text = "# HELP a help\n# TYPE a counter\n\
            a{b=\"x\\\"y\\\\\\n,}\",c=\"1\"} 2\na{c=\"1\",} 3.5 1700000000\na 1\nb_bucket{le=\"+Inf\"} +Inf\n";
        let series = Series::parse(text).unwrap();
        assert_eq!(series.sum("a", &[("c", "1")]), 5.5);
        assert_eq!(series.sum("a", &[]), 6.5);
        assert_eq!(series.count("a", &[("b", "x\"y\\\n,}")]), 2);
        assert_eq!(series.sum("b_bucket", &[]), f64::INFINITY);
        assert_eq!(series.sum("nobody", &[]), 0.0);
    }

    #[test]
    fn refuses_what_is_no_sample() {
        for line in ["a", "a{b=\"x} 1", "a{b} 1", "a one", "{} "] {
            assert!(Series::parse(line).is_err(), "{line}");
        }
    }
}
