//! Which format a scrape gets: the one that its `Accept` header likes best, Prometheus' text for all who
//! do not say.

/// What a page of series is written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScrapeFormat {
    /// Prometheus' text format, version 0.0.4.
    Text,
    /// OpenMetrics 1.0, with exemplars.
    OpenMetrics,
    /// Prometheus' client model, with exemplars and native histograms.
    Protobuf,
}

impl ScrapeFormat {
    /// Chooses by an `Accept` header (RFC 9110): the highest weight; of equal ones the first. Texts that
    /// are no header stand for nothing.
    pub fn negotiate(accept: &str) -> Self {
        let mut best = (Self::Text, 0.0);
        for range in accept.split(',') {
            let mut parts = range.split(';').map(str::trim);
            let name = parts.next().unwrap_or_default().to_ascii_lowercase();
            let parameters: Vec<(&str, &str)> = parts
                .filter_map(|part| part.split_once('='))
                .map(|(key, value)| (key.trim(), value.trim().trim_matches('"')))
                .collect();
            let parameter = |name: &str| {
                let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| *value)
            };
            let weight = parameter("q").map_or(1.0, |q| q.parse().unwrap_or(0.0));
            if let Some(format) = Self::of(&name, &parameter)
                && weight > best.1
            {
                best = (format, weight);
            }
        }
        best.0
    }

    /// The format of a media range, if we write it.
    fn of<'a>(name: &str, parameter: &impl Fn(&str) -> Option<&'a str>) -> Option<Self> {
        let is = |name: &str, wanted: &[&str]| parameter(name).is_none_or(|v| wanted.contains(&v));
        let format = match name {
            "*/*" | "text/*" => Self::Text,
            "text/plain" if is("version", &["0.0.4"]) => Self::Text,
            // What 1.0.0 added to 0.0.1 we do not write.
            "application/openmetrics-text" if is("version", &["1.0.0", "0.0.1"]) => {
                Self::OpenMetrics
            }
            "application/vnd.google.protobuf"
                if is("proto", &["io.prometheus.client.MetricFamily"])
                    && parameter("encoding") == Some("delimited") =>
            {
                Self::Protobuf
            }
            _ => return None,
        };
        Some(format)
    }

    /// The `Content-Type` of a page.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ScrapeFormat::{OpenMetrics, Protobuf, Text};
    use super::*;

    #[test]
    fn the_highest_weight_wins_and_the_first_of_equal_ones() {
        // What Prometheus 2.42 sends, without and with native histograms.
        let plain = "application/openmetrics-text;version=1.0.0,application/openmetrics-text;\
            version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        let native = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;\
            encoding=delimited,application/openmetrics-text;version=1.0.0;q=0.8,text/plain;q=0.5";
        for (accept, expected) in [
            (plain, OpenMetrics),
            (native, Protobuf),
            ("", Text),
            ("*/*", Text),
            ("text/html, text/*;q=0.3", Text),
            ("application/openmetrics-text; version=2.0.0, */*;q=0.1", Text),
            ("application/vnd.google.protobuf, application/openmetrics-text;q=0.1", OpenMetrics),
            ("application/openmetrics-text;q=0.4, text/plain;q=0.5", Text),
            ("application/openmetrics-text;q=0", Text),
            ("application/openmetrics-text;q=often;;=, ,,", Text),
            ("Application/OpenMetrics-Text; Version=\"1.0.0\"", OpenMetrics),
        ] {
            assert_eq!(ScrapeFormat::negotiate(accept), expected, "{accept}");
        }
    }
}
