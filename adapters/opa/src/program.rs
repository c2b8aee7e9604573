//! Modules, data and a query, compiled.
//!
//! Modules may be of Rego 1 or, as in Istio's time, of Rego 0. Which one is not asked for: what is valid in
//! both means the same in both. A module that is neither is refused with the mistake that the reading of
//! the two found that came further.

use adapter_sdk::Problems;
use regorus::{Engine, Value};

use crate::builtins;

/// A policy that is ready to decide.
#[derive(Clone)]
pub(crate) struct Program {
    engine: Engine,
    query: Query,
}

#[derive(Debug, Clone)]
enum Query {
    /// The path of a rule, which is evaluated without being parsed again.
    Rule(String),
    /// Any other.
    Text(String),
}

/// A mistake in a module.
struct Mistake {
    line: u32,
    column: u32,
    message: String,
}

impl Program {
    /// Reads the modules and the query, and evaluates it once, so that all that can be wrong without an
    /// input is found now. Mistakes are problems.
    pub(crate) fn compile(
        modules: &[String],
        query: &str,
        problems: &mut Problems,
    ) -> Option<Self> {
        let mut engine = Engine::new();
        engine.set_strict_builtin_errors(false);
        if let Err(error) = builtins::add(&mut engine) {
            problems.add("policy", error.to_string());
        }
        let mut whole = true;
        for (index, module) in modules.iter().enumerate() {
            if let Err(mistake) = add(&mut engine, &name(index), module) {
                whole = false;
                problems.add(name(index), mistake.to_string());
            }
        }
        if !whole || modules.is_empty() || query.is_empty() {
            return None;
        }
        let query = match is_path(query) {
            true => Query::Rule(query.to_owned()),
            false => Query::Text(query.to_owned()),
        };
        let program = Self { engine, query };
        let mut trial = program.clone();
        if let Err(error) = trial.evaluate(Value::new_object()) {
            let text = format!("{error:#}");
            match located(&text) {
                // Names of modules are those of their parameters.
                Some((module, mistake)) if module.starts_with("policy[") => {
                    problems.add(module, mistake.to_string());
                }
                Some((_, mistake)) => problems.add("check_method", mistake.message),
                None => problems.add("check_method", text),
            }
            return None;
        }
        Some(program)
    }

    /// The same policy over this document, which replaces the one before.
    ///
    /// # Errors
    /// When it contradicts a package of the policy.
    pub(crate) fn set_data<const N: usize>(&mut self, documents: [Value; N]) -> Result<(), String> {
        let mut engine = self.engine.clone();
        engine.clear_data();
        for document in documents {
            engine.add_data(document).map_err(|error| error.to_string())?;
        }
        self.engine = engine;
        Ok(())
    }

    /// What the query says about an input; [`Value::Undefined`] if nothing.
    pub(crate) fn evaluate(&mut self, input: Value) -> anyhow::Result<Value> {
        builtins::begin();
        self.engine.set_input(input);
        match &self.query {
            Query::Rule(path) => self.engine.eval_rule(path.clone()),
            Query::Text(text) => {
                let results = self.engine.eval_query(text.clone(), false)?.result;
                let mut values = results.into_iter().flat_map(|result| result.expressions);
                match (values.next(), values.next()) {
                    (None, _) => Ok(Value::Undefined),
                    (Some(only), None) => Ok(only.value),
                    (Some(_), Some(_)) => anyhow::bail!("the query has more than one result"),
                }
            }
        }
    }
}

impl std::fmt::Debug for Program {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Program").field("query", &self.query).finish_non_exhaustive()
    }
}

impl std::fmt::Display for Mistake {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { line, column, message } = self;
        match line {
            0 => f.write_str(message),
            line => write!(f, "line {line}, column {column}: {message}"),
        }
    }
}

fn name(index: usize) -> String {
    format!("policy[{index}]")
}

fn add(engine: &mut Engine, name: &str, module: &str) -> Result<(), Mistake> {
    let mut read = |as_version_0| {
        engine.set_rego_v0(as_version_0);
        engine.add_policy(name.to_owned(), module.to_owned()).map_err(|error| {
            let text = format!("{error:#}");
            let mistake = located(&text).map(|(_, mistake)| mistake);
            mistake.unwrap_or(Mistake { line: 0, column: 0, message: text })
        })
    };
    let Err(in_1) = read(false) else { return Ok(()) };
    let Err(in_0) = read(true) else { return Ok(()) };
    let is_further = (in_0.line, in_0.column) > (in_1.line, in_1.column);
    Err(if is_further { in_0 } else { in_1 })
}

/// `data.a.b`: names with dots.
fn is_path(query: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && !name.starts_with(|c: char| c.is_ascii_digit())
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    query.strip_prefix("data.").is_some_and(|path| path.split('.').all(is_name))
}

/// Takes the place out of a message of the engine: `--> module:line:column`, the line with a mark, and
/// `error: what is wrong`.
fn located(text: &str) -> Option<(&str, Mistake)> {
    let place = text.lines().find_map(|line| line.trim_start().strip_prefix("--> "))?;
    let mut parts = place.trim_end().rsplitn(3, ':');
    let column = parts.next()?.parse().ok()?;
    let line = parts.next()?.parse().ok()?;
    let module = parts.next()?;
    let (_, message) = text.split_once("error: ")?;
    Some((module, Mistake { line, column, message: message.trim().to_owned() }))
}
