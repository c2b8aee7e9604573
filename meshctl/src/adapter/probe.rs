//! Tries a component from outside: configurations and calls that no careful operator or client makes, and
//! some that they do. Each rule that could not be judged says why.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use adapter_host::{BuildError, CallError, Handler, HandlerSpec, Limits};
use anyhow::{Context as _, Result};
use serde_json::{Map, Value, json};

use super::case::{Answer, Call, Instance, Odd, Servers, Suite};
use super::contract::{
    CONFIGURES_AGAIN, DESCRIBES, DOCUMENTED, EMPTY_REPORT, IN_TIME, LOADS, NO_INSTANCES,
    ODD_VALUES, Rule, SAME_ANSWERS, SAME_TARGETS, SCHEMA, UNKNOWN, WHOLE_ANSWERS, WRONG_TYPES,
};
use super::host::{Loaded, stream_to};
use super::parameters::parameters;

/// What became of a rule.
#[derive(Debug)]
pub(crate) struct Verdict {
    pub(crate) rule: Rule,
    pub(crate) outcome: Outcome,
}

#[derive(Debug)]
pub(crate) enum Outcome {
    Kept,
    Broken(String),
    /// It takes something that is not there.
    NotJudged(String),
}

/// Tries a component.
pub(crate) struct Probe {
    loaded: Loaded,
    suite: Suite,
    /// What the parameters of cases name; they end with it.
    servers: Option<Servers>,
    /// For what the adapter writes.
    scratch: tempfile::TempDir,
    /// Parameters that the adapter takes together with the suite's instances; `None`: none is known.
    taken: Option<Value>,
}

/// A parameter that no adapter has.
const STRANGE: &str = "surprise_of_the_validator";
/// One less than the failures in a row after which the host calls no more for a while.
const ATTEMPTS: u32 = 4;
const SETUP_DEADLINE: Duration = Duration::from_secs(30);
/// Longer than any text that an operator writes.
const LONG: usize = 100_000;

impl Verdict {
    pub(crate) fn broken(rule: Rule, why: String) -> Self {
        Self { rule, outcome: Outcome::Broken(why) }
    }

    fn new(rule: Rule, broken: Option<String>) -> Self {
        Self { rule, outcome: broken.map_or(Outcome::Kept, Outcome::Broken) }
    }

    fn not_judged(rule: Rule, why: &str) -> Self {
        Self { rule, outcome: Outcome::NotJudged(why.to_owned()) }
    }
}

impl Outcome {
    pub(crate) fn is_broken(&self) -> bool {
        matches!(self, Self::Broken(_))
    }

    pub(crate) fn why(&self) -> Option<&str> {
        match self {
            Self::Kept => None,
            Self::Broken(why) | Self::NotJudged(why) => Some(why),
        }
    }

    pub(crate) fn json(&self) -> Value {
        let name = match self {
            Self::Kept => "kept",
            Self::Broken(_) => "broken",
            Self::NotJudged(_) => "not judged",
        };
        json!({ "is": name, "why": self.why() })
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Kept => "✓",
            Self::Broken(_) => "✗",
            Self::NotJudged(_) => "-",
        })
    }
}

impl Probe {
    /// Without a suite, instances of each template are made up.
    ///
    /// # Errors
    /// When there is no place for files.
    pub(crate) fn new(loaded: Loaded, suite: Option<Suite>) -> Result<Self> {
        let suite = suite.unwrap_or_else(|| Suite::made_up(loaded.component.templates()));
        let scratch = tempfile::tempdir().context("make a temporary folder")?;
        Ok(Self { loaded, suite, servers: None, scratch, taken: None })
    }

    /// What became of each rule.
    ///
    /// # Errors
    /// When the back ends of the cases cannot be started.
    pub(crate) async fn verdicts(mut self) -> Result<Vec<Verdict>> {
        self.servers = Some(self.suite.servers().await?);
        let mut verdicts = vec![Verdict::new(LOADS, None), self.describes()];
        verdicts.extend(self.schema());
        for mut parameters in self.suite.parameters() {
            if let Some(servers) = &self.servers {
                servers.fill_in(&mut parameters);
            }
            if self.validate(parameters.clone(), true).await.is_ok() {
                self.taken = Some(parameters);
                break;
            }
        }
        verdicts.push(self.unknown().await);
        verdicts.push(self.wrong_types().await);
        verdicts.push(self.no_instances().await);
        let Some(parameters) = self.taken.clone() else {
            let why = "no configuration is known that it takes: give cases by --cases";
            let rules = [
                CONFIGURES_AGAIN,
                ODD_VALUES,
                EMPTY_REPORT,
                SAME_ANSWERS,
                WHOLE_ANSWERS,
                IN_TIME,
                SAME_TARGETS,
            ];
            verdicts.extend(rules.map(|rule| Verdict::not_judged(rule, why)));
            return Ok(verdicts);
        };
        match (self.handler(&parameters, "a").await, self.handler(&parameters, "b").await) {
            (Ok(one), Ok(other)) => {
                verdicts.push(Verdict::new(CONFIGURES_AGAIN, None));
                verdicts.extend(self.calls(&one, &other).await);
                one.close().await;
                other.close().await;
            }
            (Err(error), _) | (_, Err(error)) => {
                verdicts.push(Verdict::broken(CONFIGURES_AGAIN, error.to_string()));
            }
        }
        Ok(verdicts)
    }

    fn describes(&self) -> Verdict {
        let description = self.loaded.component.description();
        let said = [
            ("name", &description.name),
            ("version", &description.version),
            ("summary", &description.summary),
        ];
        let empty: Vec<&str> =
            said.iter().filter(|(_, text)| text.trim().is_empty()).map(|(name, _)| *name).collect();
        let why = (!empty.is_empty()).then(|| format!("it gives no {}", empty.join(", no ")));
        Verdict::new(DESCRIBES, why)
    }

    fn schema(&self) -> [Verdict; 2] {
        let text = &self.loaded.component.description().parameters;
        if text.is_empty() {
            let why = "it gives no schema: `configure` alone judges the parameters";
            return [SCHEMA, DOCUMENTED].map(|rule| Verdict::not_judged(rule, why));
        }
        let schema: Value = match serde_json::from_str(text) {
            Ok(schema) => schema,
            Err(error) => {
                let why = format!("it is no JSON: {error}");
                let no = "there is no schema";
                return [Verdict::broken(SCHEMA, why), Verdict::not_judged(DOCUMENTED, no)];
            }
        };
        let is_object = schema["type"] == "object" || schema["properties"].is_object();
        let why = (!is_object).then(|| "it describes no object".to_owned());
        let silent: Vec<String> = parameters(&schema)
            .into_iter()
            .filter(|parameter| parameter.meaning.is_empty())
            .map(|parameter| parameter.name)
            .collect();
        let silence = (!silent.is_empty()).then(|| format!("not described: {}", silent.join(", ")));
        [Verdict::new(SCHEMA, why), Verdict::new(DOCUMENTED, silence)]
    }

    async fn unknown(&self) -> Verdict {
        let mut parameters = self.taken.clone().unwrap_or_else(|| json!({}));
        parameters[STRANGE] = json!(1);
        let why = match self.validate(parameters, self.taken.is_some()).await {
            Ok(()) => Some(format!("{STRANGE} is taken")),
            Err(BuildError::Setup(error)) => Some(error.to_string()),
            Err(BuildError::Refused { problems }) => {
                let is_named = problems.iter().any(|problem| problem.field == STRANGE);
                let found = problems.iter().map(ToString::to_string).collect::<Vec<_>>();
                (!is_named).then(|| format!("the field is not named in: {}", found.join("; ")))
            }
        };
        Verdict::new(UNKNOWN, why)
    }

    /// Every parameter at the top with values that it hardly takes. The host's own look at the schema
    /// catches most of them; what passes there reaches the adapter.
    async fn wrong_types(&self) -> Verdict {
        let schema: Value = serde_json::from_str(&self.loaded.component.description().parameters)
            .unwrap_or_default();
        let names: Vec<String> = match schema["properties"].as_object() {
            Some(properties) => properties.keys().cloned().collect(),
            None => Vec::new(),
        };
        let odd = [
            json!(null),
            json!(true),
            json!(-1),
            json!(i64::MAX),
            json!(0.5),
            json!(""),
            json!("\u{0}"),
            json!("x".repeat(LONG)),
            json!([]),
            json!([1]),
            json!([""]),
            json!([{}]),
            json!({}),
            json!({ "": "" }),
        ];
        let with_instances = self.taken.is_some();
        for name in names {
            for value in &odd {
                let mut parameters = self.taken.clone().unwrap_or_else(|| json!({}));
                parameters[&name] = value.clone();
                if let Err(BuildError::Setup(error)) =
                    self.validate(parameters, with_instances).await
                {
                    let mut value = value.to_string();
                    value.truncate(40);
                    return Verdict::broken(WRONG_TYPES, format!("{name}: {value}: {error}"));
                }
            }
        }
        Verdict::new(WRONG_TYPES, None)
    }

    async fn no_instances(&self) -> Verdict {
        let parameters = self.taken.clone().unwrap_or_else(|| json!({}));
        let refused = self.validate(parameters, false).await.err();
        match (refused, self.taken.is_some()) {
            (Some(error), true) => Verdict::broken(NO_INSTANCES, error.to_string()),
            (Some(BuildError::Setup(error)), false) => {
                Verdict::broken(NO_INSTANCES, error.to_string())
            }
            (Some(error), false) => Verdict::not_judged(NO_INSTANCES, &error.to_string()),
            (None, _) => Verdict::new(NO_INSTANCES, None),
        }
    }

    /// Makes calls of the cases, and odd ones, with two handlers that are configured alike.
    async fn calls(&self, one: &Handler, other: &Handler) -> Vec<Verdict> {
        let (mut crash, mut late, mut stray, mut differs) = (None, None, None, None);
        let mut calls = self.suite.calls();
        calls.extend(self.suite.odd_calls(&[Odd::Empty, Odd::Strange]));
        let usual = calls.len();
        let mut trimmed = 0;
        // Whoever quotes the longest values in a message may be cut.
        calls.extend(self.suite.odd_calls(&[Odd::Longest]));
        for (nth, call) in calls.iter().enumerate() {
            if nth == usual {
                trimmed = one.status().answers_trimmed;
            }
            let instance = self.suite.instance_of(call);
            let answer = patiently(call, one, instance).await;
            match &answer {
                Err(CallError::Trap { .. }) => {
                    let error = answer.as_ref().err().map(ToString::to_string);
                    crash = crash.or(error.map(|error| format!("{}: {error}", call.told())));
                    break;
                }
                Err(CallError::Deadline { .. }) => {
                    let error = answer.as_ref().err().map(ToString::to_string);
                    late = late.or(error.map(|error| format!("{}: {error}", call.told())));
                    break;
                }
                _ => {}
            }
            if let Some(element) = call.stray_element(&answer) {
                let told = call.told();
                stray = stray.or(Some(format!("{told}: element {element} is not in the report")));
            }
            if call.is_repeatable() {
                let again = patiently(call, other, instance).await;
                let (first, second) = (format!("{answer:?}"), format!("{again:?}"));
                if first != second {
                    let told = call.told();
                    differs = differs.or(Some(format!("{told}: {first}, then {second}")));
                }
            }
        }
        let trimmed = (trimmed > 0).then(|| format!("{trimmed} answers were cut"));
        let targets = |handler: &Handler| {
            let status = handler.status();
            let targets = status.outbound.iter().map(|t| (t.target.clone(), t.address.clone()));
            let lists = status.lists.iter().map(|list| (list.list.clone(), list.url.clone()));
            targets.chain(lists).collect::<Vec<_>>()
        };
        let (here, there) = (targets(one), targets(other));
        let other_targets = (here != there).then(|| format!("{here:?}, then {there:?}"));
        if crash.is_some() || late.is_some() {
            // The others were not looked at to the end.
            let why = "a call failed before";
            return vec![
                Verdict::new(ODD_VALUES, crash),
                Verdict::new(IN_TIME, late),
                Verdict::not_judged(EMPTY_REPORT, why),
                Verdict::not_judged(SAME_ANSWERS, why),
                Verdict::not_judged(WHOLE_ANSWERS, why),
                Verdict::new(SAME_TARGETS, other_targets),
            ];
        }
        vec![
            Verdict::new(ODD_VALUES, None),
            Verdict::new(EMPTY_REPORT, stray),
            Verdict::new(SAME_ANSWERS, differs),
            Verdict::new(WHOLE_ANSWERS, trimmed),
            Verdict::new(IN_TIME, None),
            Verdict::new(SAME_TARGETS, other_targets),
        ]
    }

    async fn validate(&self, parameters: Value, with_instances: bool) -> Result<(), BuildError> {
        let spec = self.spec("probe", parameters, with_instances);
        let component = Arc::clone(&self.loaded.component);
        Handler::validate(&self.loaded.host, component, spec).await
    }

    async fn handler(&self, parameters: &Value, name: &str) -> Result<Arc<Handler>, BuildError> {
        let spec = self.spec(name, parameters.clone(), true);
        Handler::build(&self.loaded.host, Arc::clone(&self.loaded.component), spec).await
    }

    fn spec(&self, name: &str, params: Value, with_instances: bool) -> HandlerSpec {
        let mut params = if params.is_object() { params } else { Value::Object(Map::new()) };
        stream_to(&self.loaded.component, &mut params, &self.scratch.path().join(name));
        let instances = if with_instances { self.suite.declared() } else { Vec::new() };
        // How long an instance takes to make is the machine's matter.
        let limits = Limits { setup_deadline: SETUP_DEADLINE, ..Limits::default() };
        HandlerSpec { name: format!("{name}.default"), params, instances, limits }
    }
}

/// Calls again when a call did not end in time: once may be a busy machine, each time is the adapter.
async fn patiently(
    call: &Call,
    handler: &Handler,
    instance: &Instance,
) -> Result<Answer, CallError> {
    let mut answer = call.make(handler, instance).await;
    for _ in 1..ATTEMPTS {
        if !matches!(answer, Err(CallError::Deadline { .. } | CallError::Exhausted { .. })) {
            break;
        }
        answer = call.make(handler, instance).await;
    }
    answer
}
