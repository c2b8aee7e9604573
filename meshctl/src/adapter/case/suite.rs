use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use adapter_host::{InstanceDecl, InstanceIndex};
use anyhow::{Result, anyhow, bail};
use mesh_config::{Origin, PlainDocument, PlainFiles, nearest_name};
use serde_json::{Map, Value};

use super::answer::Expected;
use super::call::{Asked, Call, Kind};
use super::document::{Document, WrittenCall, WrittenCase};
use super::instance::Instance;
use super::server::{ServerKind, Servers};

/// A case file.
#[derive(Debug)]
pub(crate) struct Suite {
    pub(super) servers: BTreeMap<String, ServerKind>,
    /// Sorted by their names in the file.
    pub(super) instances: Vec<Instance>,
    /// In the file's order.
    pub(crate) cases: Vec<Case>,
}

/// A case: a configuration, calls, and what is to come of it.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) name: String,
    pub(super) origin: Origin,
    pub(super) parameters: Value,
    pub(super) calls: Vec<Call>,
    pub(super) problems: Option<(Origin, Vec<String>)>,
    pub(super) series: Option<(Origin, Vec<String>)>,
    pub(super) lines: Option<(Origin, Vec<String>)>,
    pub(super) messages: Option<(Origin, Vec<String>)>,
    /// By server.
    pub(super) sent: Vec<(Origin, String, Vec<String>)>,
}

impl Suite {
    /// Reads a case file.
    ///
    /// # Errors
    /// All that is wrong in it, with file and line.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let PlainFiles { documents, problems } = PlainFiles::read(path);
        if !problems.is_empty() {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            bail!("{}", problems.join("\n"));
        }
        let [document] = documents.as_slice() else {
            bail!("{}: one document with `cases` is expected", path.display());
        };
        let written: Document =
            serde_path_to_error::deserialize(document.value()).map_err(|error| {
                let origin = document.origin_of(&error.path().to_string());
                anyhow!("{origin}: {}: {}", error.path(), error.inner())
            })?;
        let mut reader = Reader { document, problems: Vec::new(), by_name: BTreeMap::new() };
        let suite = reader.suite(&written);
        if reader.problems.is_empty() {
            return Ok(suite);
        }
        bail!("{}", reader.problems.join("\n"));
    }
}

impl Suite {
    /// The instances as a handler is told of them.
    pub(crate) fn declared(&self) -> Vec<InstanceDecl> {
        self.instances.iter().map(|instance| instance.decl.clone()).collect()
    }

    /// The instance that a call is for.
    pub(crate) fn instance_of(&self, call: &Call) -> &Instance {
        &self.instances[call.instance.0 as usize]
    }

    /// The parameters of the cases that are to be taken, and at last none.
    pub(crate) fn parameters(&self) -> Vec<Value> {
        let taken = self.cases.iter().filter(|case| case.problems.is_none());
        let mut parameters: Vec<Value> = taken.map(|case| case.parameters.clone()).collect();
        parameters.push(Value::Object(Map::new()));
        parameters
    }

    /// The cases that make a handler, with the first call of each instance that the adapter is to take.
    pub(crate) fn measurable(&self) -> Vec<(&Case, Vec<&Call>)> {
        let mut seen = BTreeSet::new();
        let cases = self.cases.iter().filter(|case| case.problems.is_none());
        let with_calls = cases.map(|case| {
            let calls = case.calls.iter().filter(|call| !call.values.is_empty());
            let calls = calls.filter(|call| call.is_to_work());
            (case, calls.filter(|call| seen.insert(call.instance.0)).collect::<Vec<_>>())
        });
        with_calls.filter(|(_, calls)| !calls.is_empty()).collect()
    }

    /// Starts the back ends of the cases.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(crate) async fn servers(&self) -> Result<Servers> {
        Servers::start(&self.servers).await
    }

    /// Starts back ends for a case that keep nothing of what they get, and puts their addresses into its
    /// parameters.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(crate) async fn start_sinks(&self, case: &Case) -> Result<(Servers, Value)> {
        let servers = Servers::sinks(&self.servers).await?;
        let mut parameters = case.parameters.clone();
        servers.fill_in(&mut parameters);
        Ok((servers, parameters))
    }

    /// Starts the back ends of a case and puts their addresses into its parameters.
    ///
    /// # Errors
    /// When a port cannot be had.
    pub(crate) async fn start(&self, case: &Case) -> Result<(Servers, Value)> {
        let servers = self.servers().await?;
        let mut parameters = case.parameters.clone();
        servers.fill_in(&mut parameters);
        Ok((servers, parameters))
    }

    /// The calls of all cases.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.cases.iter().flat_map(|case| case.calls.iter().cloned()).collect()
    }
}

struct Reader<'d> {
    document: &'d PlainDocument,
    problems: Vec<String>,
    by_name: BTreeMap<String, u32>,
}

impl Reader<'_> {
    fn suite(&mut self, written: &Document) -> Suite {
        let mut instances = Vec::new();
        for (name, declared) in &written.instances {
            let place = format!("instances.{name}");
            match Instance::read(name, declared) {
                Ok(instance) => {
                    let index = u32::try_from(instances.len()).unwrap_or(u32::MAX);
                    self.by_name.insert(name.clone(), index);
                    instances.push(instance);
                }
                Err(problems) => self.all(&place, problems),
            }
        }
        if written.cases.is_empty() {
            self.problem("", "there are no cases".to_owned());
        }
        let cases = written.cases.iter().enumerate();
        let cases = cases.map(|(at, case)| self.case(at, case, written, &instances)).collect();
        Suite { servers: written.servers.clone(), instances, cases }
    }

    fn case(
        &mut self,
        at: usize,
        case: &WrittenCase,
        written: &Document,
        instances: &[Instance],
    ) -> Case {
        let place = format!("cases[{at}]");
        if case.problems.is_some() && !case.calls.is_empty() {
            let message = "a case with `problems` has no `calls`: there is no handler to call";
            self.problem(&place, message.to_owned());
        }
        let mut calls = Vec::new();
        for (nth, call) in case.calls.iter().enumerate() {
            let place = format!("{place}.calls[{nth}]");
            calls.extend(self.call(&place, call, instances));
        }
        let expected = |name: &str, lines: &Option<Vec<String>>| {
            let origin = self.document.origin_of(&format!("{place}.{name}"));
            lines.as_ref().map(|lines| (origin, lines.clone()))
        };
        let (problems, series) =
            (expected("problems", &case.problems), expected("series", &case.series));
        let (lines, messages) =
            (expected("lines", &case.lines), expected("messages", &case.messages));
        let mut sent = Vec::new();
        for (server, messages) in case.sent.iter().flatten() {
            let place = format!("{place}.sent.{server}");
            if written.servers.contains_key(server) {
                sent.push((self.document.origin_of(&place), server.clone(), messages.clone()));
                continue;
            }
            let near = nearest_name(server, written.servers.keys().map(String::as_str));
            let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            self.problem(&place, format!("there is no server {server}{hint}"));
        }
        let parameters = case.parameters.as_ref().unwrap_or(&written.parameters).clone();
        let name = case.name.clone();
        let origin = self.document.origin_of(&place);
        let parameters = parameters.into();
        Case { name, origin, parameters, calls, problems, series, lines, messages, sent }
    }

    fn call(&mut self, place: &str, call: &WrittenCall, instances: &[Instance]) -> Option<Call> {
        let named = [
            (Kind::Check, &call.check),
            (Kind::Report, &call.report),
            (Kind::Quota, &call.quota),
            (Kind::Generate, &call.generate),
        ];
        let mut named = named.iter().filter_map(|(kind, name)| Some((*kind, name.as_ref()?)));
        let (Some((kind, name)), None) = (named.next(), named.next()) else {
            let message = "a call has exactly one of `check`, `report`, `quota` and `generate`";
            self.problem(place, message.to_owned());
            return None;
        };
        let Some(index) = self.by_name.get(name).copied() else {
            let near = nearest_name(name, self.by_name.keys().map(String::as_str));
            let hint = near.map(|near| format!(", did you mean {near}?")).unwrap_or_default();
            self.problem(place, format!("there is no instance {name}{hint}"));
            return None;
        };
        let instance = &instances[index as usize];
        let template = instance.decl.template;
        if kind.variety() != template.variety() {
            let message = format!("instance {name} of template {template} is not for `{kind}`");
            self.problem(place, message);
            return None;
        }
        let unset = Map::new();
        let elements: Vec<&Map<String, Value>> = match (&call.batch, &call.params) {
            (Some(_), Some(_)) => {
                self.problem(place, "`params` and `batch` exclude each other".to_owned());
                return None;
            }
            (Some(batch), None) => batch.iter().collect(),
            (None, params) => {
                let count = call.count.unwrap_or(1) as usize;
                vec![params.as_ref().unwrap_or(&unset); count]
            }
        };
        let is_report = kind == Kind::Report;
        if !is_report && (call.batch.is_some() || call.count.is_some() || call.failed.is_some()) {
            let message = "`batch`, `count` and `failed` are for `report`".to_owned();
            self.problem(place, message);
        }
        let has_amount =
            call.amount.is_some() || call.best_effort.is_some() || call.deduplication_id.is_some();
        if kind != Kind::Quota && has_amount {
            let message = "`amount`, `best_effort` and `deduplication_id` are for `quota`";
            self.problem(place, message.to_owned());
        }
        if is_report && call.answer.is_some() {
            self.problem(place, "a report has no `answer`; `failed` names what failed".to_owned());
        }
        let mut values = Vec::new();
        for element in elements {
            match instance.values(element) {
                Ok(element) => values.push(element),
                Err(problems) => {
                    self.all(place, problems);
                    break;
                }
            }
        }
        let expected = Expected::read(kind, call).map_err(|problem| self.problem(place, problem));
        Some(Call {
            origin: self.document.origin_of(place),
            kind,
            instance: InstanceIndex(index),
            values,
            asked: Asked {
                amount: call.amount.unwrap_or(1),
                best_effort: call.best_effort.unwrap_or(false),
                deduplication_id: call.deduplication_id.clone().unwrap_or_default(),
            },
            expected: expected.ok()?,
        })
    }

    fn all(&mut self, place: &str, problems: Vec<String>) {
        for problem in problems {
            self.problem(place, problem);
        }
    }

    #[expect(clippy::needless_pass_by_value, reason = "messages are made for it")]
    fn problem(&mut self, place: &str, message: String) {
        self.problems.push(format!("{}: {message}", self.document.origin_of(place)));
    }
}
