use adapter_sdk::{Instance, Problems, Value, ValueType};

use crate::parameters::{Dialect, Kind, MetricParameters, Parameters};
use crate::template::NameTemplate;

/// How samples of an instance become lines.
#[derive(Debug)]
pub(crate) struct Metric {
    kind: Kind,
    prefix: String,
    name: NameTemplate,
    /// Names of the dimensions, where they are tags.
    tag_names: Option<Vec<String>>,
    /// Tags that are the same for all series, without those that a dimension overrides.
    fixed_tags: Vec<(String, String)>,
}

/// A series: what its lines begin and end with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    kind: Kind,
    pub(crate) name: String,
    /// Empty or `|#tag:value,…`.
    pub(crate) tags: String,
}

impl Metric {
    /// Checks a metric of the handler. `field` is its place in the parameters.
    pub(crate) fn new(
        handler: &Parameters,
        parameters: &MetricParameters,
        instance: &Instance,
        field: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let MetricParameters { kind, name, name_template, tags } = parameters;
        if let Some(message) = misfit(*kind, instance) {
            problems.add(format!("{field}.type"), message);
            return None;
        }
        let name = match (name.is_empty(), name_template.is_empty()) {
            (false, false) => {
                problems.add(format!("{field}.name_template"), "stands in place of name: drop one");
                return None;
            }
            (false, true) => NameTemplate::literal(name),
            (true, true) => NameTemplate::literal(&instance.name),
            (true, false) => match NameTemplate::parse(name_template, &instance.fields) {
                Ok(template) => template,
                Err(message) => {
                    problems.add(format!("{field}.name_template"), message);
                    return None;
                }
            },
        };
        let is_tagged = handler.dialect == Dialect::DogStatsD;
        let tag_names: Vec<String> = instance.fields.iter().map(|f| f.name.clone()).collect();
        let mut fixed_tags = handler.global_tags.clone();
        fixed_tags.extend(tags.clone());
        let fixed_tags = fixed_tags.into_iter().filter(|(tag, _)| !tag_names.contains(tag));
        Some(Self {
            kind: *kind,
            prefix: handler.name_prefix(),
            name,
            fixed_tags: fixed_tags.collect(),
            tag_names: is_tagged.then_some(tag_names),
        })
    }

    /// The series with these values of the dimensions.
    pub(crate) fn series(&self, dimensions: &[String]) -> Line {
        let mut name = self.prefix.clone();
        self.name.write(&mut name, dimensions);
        let name = name.chars().map(|c| if in_name(c) { c } else { '_' }).collect();
        let mut tags = String::new();
        let mut tag = |tag: &str, value: &str| {
            tags.push_str(if tags.is_empty() { "|#" } else { "," });
            tags.extend(tag.chars().map(|c| if in_tag(c) && c != ':' { c } else { '_' }));
            tags.push(':');
            tags.extend(value.chars().map(|c| if in_tag(c) { c } else { '_' }));
        };
        if let Some(names) = &self.tag_names {
            self.fixed_tags.iter().for_each(|(name, value)| tag(name, value));
            names.iter().zip(dimensions).for_each(|(name, value)| tag(name, value));
        }
        Line { kind: self.kind, name, tags }
    }
}

impl Line {
    /// Whether only a part of its samples may be sent, which the server makes up for.
    pub(crate) fn may_be_sampled(&self) -> bool {
        matches!(self.kind, Kind::Counter | Kind::Distribution)
    }

    /// Whether samples may be added before they are sent.
    pub(crate) fn adds_up(&self) -> bool {
        self.kind == Kind::Counter
    }

    /// Appends a sample; `rate` is the part of samples that is sent.
    ///
    /// # Errors
    /// When a metric of its kind has no such value; nothing was written.
    pub(crate) fn write(
        &self,
        lines: &mut String,
        value: Value<'_>,
        dialect: Dialect,
        rate: f64,
    ) -> Result<(), String> {
        let (number, code) = match (self.kind, value) {
            (Kind::Set, value) => {
                let member = value.to_string();
                let member: String =
                    member.chars().map(|c| if in_name(c) { c } else { '_' }).collect();
                self.line(lines, &member, "s", 1.0);
                return Ok(());
            }
            (Kind::Distribution, Value::Duration(nanos)) => (nanos as f64 / 1e6, "ms"),
            (Kind::Distribution, value) => {
                let code = if dialect == Dialect::DogStatsD { "h" } else { "ms" };
                (number(value)?, code)
            }
            (Kind::Counter, value) => (number(value)?, "c"),
            (Kind::Gauge, value) => (number(value)?, "g"),
            (Kind::Unknown, _) => return Err("the metric has no type".to_owned()),
        };
        if !number.is_finite() {
            return Err(format!("{value} is no number"));
        }
        if number < 0.0 && self.kind != Kind::Gauge {
            return Err(format!("{value} is negative, which only a gauge can be"));
        }
        if number < 0.0 && dialect == Dialect::StatsD {
            // A sign means a change there: -5 would take 5 away.
            self.line(lines, "0", code, 1.0);
            lines.push('\n');
        }
        self.line(lines, &number.to_string(), code, rate);
        Ok(())
    }

    fn line(&self, lines: &mut String, value: &str, code: &str, rate: f64) {
        let Self { name, tags, .. } = self;
        lines.extend([name, ":", value, "|", code]);
        if rate < 1.0 {
            lines.push_str(&format!("|@{rate}"));
        }
        lines.push_str(tags);
    }
}

/// Why an instance cannot be a metric of this kind.
fn misfit(kind: Kind, instance: &Instance) -> Option<String> {
    use ValueType as T;
    let is_number =
        matches!(instance.value_type, None | Some(T::Int64 | T::Double | T::Duration | T::Text));
    match kind {
        Kind::Unknown => Some("must be COUNTER, GAUGE, DISTRIBUTION or SET".to_owned()),
        Kind::Set => None,
        _ if !is_number => Some(format!("the value of {} is no number", instance.name)),
        _ => None,
    }
}

/// What counts, but for durations in timings.
fn number(value: Value<'_>) -> Result<f64, String> {
    value.number().ok_or_else(|| match value {
        Value::Text(text) => format!("{text:?} is no number"),
        other => format!("{other} is no number"),
    })
}

/// What has no meaning in the protocol.
fn in_name(c: char) -> bool {
    !matches!(c, ':' | '|' | '@' | '#') && !c.is_control() && !c.is_whitespace()
}

fn in_tag(c: char) -> bool {
    !matches!(c, ',' | '|') && !c.is_control()
}
