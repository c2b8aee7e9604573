mod answer;
mod batch;

use std::io::{BufReader, stdin, stdout};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::Args;
use mesh_attributes::{AttributeBag, bag_from_json};
use mixer_expr::Language;

use answer::Answer;

/// Evaluate an expression as Mixer does, and say what its value depends on.
#[derive(Debug, Args)]
pub(crate) struct Expr {
    /// Configuration whose attributemanifests declare the attributes.
    #[arg(long, value_name = "FILE", required_unless_present = "batch")]
    manifest: Vec<PathBuf>,

    /// File with the attributes as JSON such as {"request.path":{"t":"STRING","v":"/"}}, or that JSON.
    #[arg(long, short, value_name = "FILE|JSON", default_value = "{}")]
    attributes: String,

    /// The language: CEXL, CEL or COMPAT.
    #[arg(long, value_name = "NAME", default_value = Language::Cexl.name(), value_parser = language)]
    lang: Language,

    /// Answer each line of standard input, such as
    /// {"expression":"a.b","lang":"CEXL","types":{"a.b":"STRING"},"attributes":{"a.b":{"t":"STRING","v":"x"}}},
    /// with one line.
    #[arg(long, conflicts_with_all = ["manifest", "attributes", "lang", "expression"])]
    batch: bool,

    /// The expression.
    #[arg(value_name = "EXPR", required_unless_present = "batch")]
    expression: Option<String>,
}

impl Expr {
    /// Exits with 1 when the expression does not compile or has no value. Of a batch only reading and
    /// writing can fail.
    pub(crate) fn run(&self) -> Result<ExitCode> {
        if self.batch {
            batch::answer_all(&mut BufReader::new(stdin().lock()), &mut stdout().lock())?;
            return Ok(ExitCode::SUCCESS);
        }
        let config = mesh_config::read_files(&self.manifest);
        let (types, conflicts) = config.attribute_types();
        let problems: Vec<String> =
            config.problems.iter().chain(&conflicts).map(ToString::to_string).collect();
        if !problems.is_empty() {
            bail!("{}", problems.join("\n"));
        }
        let bag = read_attributes(&self.attributes)?;
        let expression = self.expression.as_deref().context("there is no expression")?;
        let answer = Answer::to(expression, self.lang, &types, &bag);
        println!("{}", serde_json::to_string(&answer)?);
        Ok(if answer.is_value() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn language(name: &str) -> Result<Language, String> {
    Language::from_name(name).ok_or_else(|| unknown_language(name))
}

fn unknown_language(name: &str) -> String {
    format!("there is no language {name:.40}; CEXL, CEL and COMPAT are known")
}

fn read_attributes(argument: &str) -> Result<AttributeBag> {
    let text = if argument.trim_start().starts_with('{') {
        argument.to_owned()
    } else {
        let file = argument.strip_prefix('@').unwrap_or(argument);
        std::fs::read_to_string(file).with_context(|| format!("attributes file {file}"))?
    };
    let json = serde_json::from_str(&text).context("the attributes are not JSON")?;
    Ok(bag_from_json(&json)?)
}
