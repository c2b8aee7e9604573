use std::fs;

use anyhow::{Context, Result, anyhow, bail, ensure};
use clap::Args;
use mesh_attributes::{AttributeBag, OwnedValue, Span, Timestamp, bag_from_json};

/// Attributes, as JSON or by flags; a flag wins over the same name in the JSON. A flag takes one or more
/// `name=value`, separated by commas; a value that has a comma itself is written as JSON.
#[derive(Debug, Args)]
pub(crate) struct Attributes {
    /// The attributes, as JSON such as {"request.path":{"t":"STRING","v":"/"}}, or @FILE to read them
    /// from a file.
    #[arg(long, value_name = "JSON|@FILE")]
    attributes: Option<String>,

    /// Attributes whose type is guessed: INT64, DOUBLE, BOOL, TIMESTAMP, DURATION, else STRING.
    #[arg(long, short, value_name = "NAME=VALUE")]
    auto: Vec<String>,

    /// Attributes of type STRING.
    #[arg(long, short, value_name = "NAME=TEXT")]
    string: Vec<String>,

    /// Attributes of type INT64.
    #[arg(long, short, value_name = "NAME=INTEGER", allow_hyphen_values = true)]
    int64: Vec<String>,

    /// Attributes of type DOUBLE.
    #[arg(long, short, value_name = "NAME=NUMBER")]
    double: Vec<String>,

    /// Attributes of type BOOL.
    #[arg(long, short, value_name = "NAME=true|false")]
    bool: Vec<String>,

    /// Attributes of type TIMESTAMP.
    #[arg(long, short, value_name = "NAME=RFC3339")]
    timestamp: Vec<String>,

    /// Attributes of type DURATION, such as response.duration=1.5s; units are ns, us, ms, s, m and h.
    #[arg(long, value_name = "NAME=DURATION")]
    duration: Vec<String>,

    /// Attributes of bytes, each in hexadecimal: source.ip=0a:00:00:01.
    #[arg(long, value_name = "NAME=B:B")]
    bytes: Vec<String>,

    /// Attributes of type STRING_MAP: request.headers=k:v;k:v. A value may have colons.
    #[arg(long, value_name = "NAME=K:V;K:V")]
    stringmap: Vec<String>,
}

type Read = fn(&str) -> Option<OwnedValue>;

impl Attributes {
    /// The bag that they describe.
    ///
    /// # Errors
    /// For the first that is not of its form; the text names it.
    pub(crate) fn bag(&self) -> Result<AttributeBag> {
        let mut bag = match &self.attributes {
            Some(json) => read_json(json)?,
            None => AttributeBag::new(),
        };
        let flags: [(&str, &[String], Read, &str); 9] = [
            ("auto", &self.auto, |text| Some(guess(text)), "a value"),
            ("string", &self.string, |text| Some(text.into()), "text"),
            ("int64", &self.int64, |text| Some(text.parse::<i64>().ok()?.into()), "an integer"),
            ("double", &self.double, |text| Some(text.parse::<f64>().ok()?.into()), "a number"),
            ("bool", &self.bool, |text| Some(text.parse::<bool>().ok()?.into()), "true or false"),
            (
                "timestamp",
                &self.timestamp,
                |text| Some(Timestamp::from_rfc3339(text)?.into()),
                "a time such as 2019-10-02T07:04:05Z",
            ),
            (
                "duration",
                &self.duration,
                |text| Some(duration(text)?.into()),
                "a duration such as 1.5s",
            ),
            ("bytes", &self.bytes, bytes, "bytes such as 0a:00:00:01"),
            ("stringmap", &self.stringmap, string_map, "entries such as k:v;k:v"),
        ];
        for (flag, arguments, read, expected) in flags {
            for argument in arguments.iter().flat_map(|argument| argument.split(',')) {
                let (name, text) = argument
                    .split_once('=')
                    .filter(|(name, _)| !name.is_empty())
                    .ok_or_else(|| anyhow!("--{flag} {argument}: expected NAME=VALUE"))?;
                let value = read(text)
                    .ok_or_else(|| anyhow!("--{flag} {name}: `{text}` is not {expected}"))?;
                bag.set(name, value);
            }
        }
        Ok(bag)
    }
}

/// Quotas asked for: `name=amount`, separated by commas.
///
/// # Errors
/// For the first that is not of that form.
pub(crate) fn quotas(arguments: &[String]) -> Result<Vec<(String, i64)>> {
    let parts = arguments.iter().flat_map(|argument| argument.split(','));
    parts
        .map(|part| {
            let (name, amount) = part
                .split_once('=')
                .with_context(|| format!("--quotas {part}: expected NAME=AMOUNT"))?;
            let amount = amount.parse().ok().filter(|amount| *amount >= 0);
            let amount =
                amount.with_context(|| format!("--quotas {name}: expected a whole number"))?;
            ensure!(!name.is_empty(), "--quotas {part}: expected NAME=AMOUNT");
            Ok((name.to_owned(), amount))
        })
        .collect()
}

fn read_json(argument: &str) -> Result<AttributeBag> {
    let text = match argument.strip_prefix('@') {
        Some(file) => {
            fs::read_to_string(file).with_context(|| format!("attributes file {file}"))?
        }
        None => argument.to_owned(),
    };
    let json = match serde_json::from_str(&text) {
        Ok(json) => json,
        Err(cause) => bail!("--attributes is not JSON: {cause}"),
    };
    Ok(bag_from_json(&json)?)
}

/// In the order in which Istio's `mixc` tries the types.
fn guess(text: &str) -> OwnedValue {
    if let Ok(number) = text.parse::<i64>() {
        return number.into();
    }
    if let Ok(number) = text.parse::<f64>() {
        return number.into();
    }
    if let Ok(truth) = text.parse::<bool>() {
        return truth.into();
    }
    if let Some(time) = Timestamp::from_rfc3339(text) {
        return time.into();
    }
    duration(text).map_or_else(|| text.into(), Into::into)
}

/// A length of time such as `1.5s`; units are ns, us, ms, s, m and h.
pub(crate) fn duration(text: &str) -> Option<Span> {
    const UNITS: [(&str, f64); 6] =
        [("ns", 1.0), ("us", 1e3), ("ms", 1e6), ("s", 1e9), ("m", 60e9), ("h", 3600e9)];
    let start = text.find(|c: char| c.is_ascii_alphabetic())?;
    let (number, unit) = text.split_at(start);
    let (_, nanos) = UNITS.into_iter().find(|(name, _)| *name == unit)?;
    let nanos = number.parse::<f64>().ok()? * nanos;
    // Beyond 2^53 ns, 104 days, single nanoseconds are lost.
    (nanos.abs() < 9.2e18).then(|| Span::from_nanos(nanos.round() as i64))
}

fn bytes(text: &str) -> Option<OwnedValue> {
    let bytes: Option<Vec<u8>> = text
        .split(':')
        .map(|byte| u8::from_str_radix(byte, 16).ok().filter(|_| byte.len() <= 2))
        .collect();
    Some(bytes?[..].into())
}

fn string_map(text: &str) -> Option<OwnedValue> {
    let entries = text.split(';').filter(|entry| !entry.is_empty());
    let entries = entries.map(|entry| {
        let (key, value) = entry.split_once(':')?;
        Some((key.to_owned(), value.to_owned()))
    });
    Some(OwnedValue::StringMap(entries.collect::<Option<_>>()?))
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        attributes: Attributes,
    }

    fn bag(line: &str) -> Result<AttributeBag> {
        Line::try_parse_from(["test"].into_iter().chain(line.split(' ')))?.attributes.bag()
    }

    #[test]
    fn every_flag_sets_attributes_of_its_type() {
        let line = "-s request.path=/a=b,request.host=x -i request.size=-5 -d a.double=1.5 -b a.bool=true \
                    -t request.time=1970-01-01T00:00:01Z --duration response.duration=1.5ms \
                    --bytes source.ip=0a:0:0:1 --stringmap request.headers=a:b;c:d:e -a a.a=7,a.b=2s,a.c=x,a.d=0.5";
        let want = AttributeBag::new()
            .with("request.path", "/a=b")
            .with("request.host", "x")
            .with("request.size", -5)
            .with("a.double", 1.5)
            .with("a.bool", true)
            .with("request.time", Timestamp { seconds: 1, nanos: 0 })
            .with("response.duration", Span { seconds: 0, nanos: 1_500_000 })
            .with("source.ip", &[10, 0, 0, 1][..])
            .with("request.headers", [("a", "b"), ("c", "d:e")])
            .with("a.a", 7)
            .with("a.b", Span { seconds: 2, nanos: 0 })
            .with("a.c", "x")
            .with("a.d", 0.5);
        assert_eq!(bag(line).unwrap(), want);
    }

    #[test]
    fn a_flag_wins_over_the_json() {
        let line =
            r#"--attributes {"a.b":{"t":"STRING","v":"x"},"a.c":{"t":"INT64","v":1}} -s a.b=y"#;
        assert_eq!(bag(line).unwrap(), AttributeBag::new().with("a.b", "y").with("a.c", 1));
    }

    #[test]
    fn mistakes_name_the_flag_and_the_attribute() {
        for (line, told) in [
            ("-s request.path", "--string request.path: expected NAME=VALUE"),
            ("-s =x", "--string =x: expected NAME=VALUE"),
            ("-i a.b=x", "--int64 a.b: `x` is not an integer"),
            ("-d a.b=x", "--double a.b: `x` is not a number"),
            ("-b a.b=yes", "--bool a.b: `yes` is not true or false"),
            ("-t a.b=now", "--timestamp a.b: `now` is not a time"),
            ("--duration a.b=5", "--duration a.b: `5` is not a duration"),
            ("--bytes a.b=100:1", "--bytes a.b: `100:1` is not bytes"),
            ("--stringmap a.b=k", "--stringmap a.b: `k` is not entries"),
            ("--attributes {", "--attributes is not JSON"),
            ("--attributes @/nowhere.json", "attributes file /nowhere.json"),
        ] {
            let error = format!("{:#}", bag(line).unwrap_err());
            assert!(error.contains(told), "{line}: {error}");
        }
    }

    #[test]
    fn quotas_are_names_with_amounts() {
        let read = |text: &str| quotas(&[text.to_owned()]);
        assert_eq!(read("a=1,b=0").unwrap(), [("a".to_owned(), 1), ("b".to_owned(), 0)]);
        for bad in ["a", "a=", "a=-1", "a=x", "=1"] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
