//! From the templates in `templates/` to the files of a new project.
//!
//! They are Jinja: `{{ name }}` and its spellings `snake` and `camel`, `templates` and `instances` as
//! lists, and a truth value for each template (`{% if quota %}`) and for what some have in common
//! (`reports`, `checks`, `has_parameters`).

use std::collections::BTreeMap;

use adapter_host::{Template, Variety};
use anyhow::{Context, Result};
use mesh_config::CompiledTemplate;
use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, UndefinedBehavior, Value};

use super::lang::{Language, NewProject, ProjectFile};

/// The files that projects of all languages have.
const SHARED: [(&str, &str); 4] = [
    ("adapter.yaml", include_str!("../../templates/shared/adapter.yaml.jinja")),
    ("cases.yaml", include_str!("../../templates/shared/cases.yaml.jinja")),
    ("example.yaml", include_str!("../../templates/shared/example.yaml.jinja")),
    ("README.md", include_str!("../../templates/shared/README.md.jinja")),
];

/// All files of a new project.
///
/// # Errors
/// When the language cannot serve the templates.
pub(crate) fn files(new: &NewProject, language: Language) -> Result<Vec<ProjectFile>> {
    let mut files = render(new, language, &SHARED)?;
    files.extend(language.files(new)?);
    Ok(files)
}

/// Renders templates, given with the paths that their files get.
///
/// # Errors
/// When a template is wrong.
pub(crate) fn render(
    new: &NewProject,
    language: Language,
    templates: &[(&str, &str)],
) -> Result<Vec<ProjectFile>> {
    let mut jinja = Environment::empty();
    jinja.add_filter("join", minijinja::filters::join);
    let syntax = SyntaxConfig::builder()
        .trim_blocks(true)
        .lstrip_blocks(true)
        .keep_trailing_newline(true)
        .build()?;
    jinja.set_syntax(syntax);
    jinja.set_undefined_behavior(UndefinedBehavior::Strict);
    let known = context(new, language);
    let render = |(path, text): &(&str, &str)| {
        let text = jinja.render_str(text, &known).with_context(|| format!("make {path}"))?;
        Ok(ProjectFile::new(*path, text))
    };
    templates.iter().map(render).collect()
}

fn context(new: &NewProject, language: Language) -> Value {
    let has = |known: CompiledTemplate| new.templates.iter().any(|t| t.name() == known.name());
    let any = |variety: Variety| new.templates.iter().any(|t| t.variety() == variety);
    let names: Vec<&str> = new.templates.iter().map(|template| template.name()).collect();
    let instances: Vec<&str> = new.templates.iter().map(|template| instance(*template)).collect();
    let (reports, checks) = (any(Variety::Report), any(Variety::Check));
    let quota = has(CompiledTemplate::Quota);
    let mut known: BTreeMap<&str, Value> = BTreeMap::from([
        ("name", new.name.as_str().into()),
        ("snake", new.snake_name().into()),
        ("camel", new.camel_name().into()),
        ("language", language.name().into()),
        ("templates", names.into()),
        ("instances", instances.into()),
        ("reports", reports.into()),
        ("checks", checks.into()),
        ("has_parameters", (reports || checks || quota).into()),
    ]);
    known.extend(CompiledTemplate::ALL.map(|known| (known.name(), has(known).into())));
    known.into()
}

/// What the instance of a template is called in cases and examples.
fn instance(template: Template) -> &'static str {
    match template.name() {
        "metric" => "requests",
        "logentry" => "entries",
        "tracespan" => "spans",
        "edge" => "edges",
        "reportnothing" => "served",
        "checknothing" => "gate",
        "listentry" => "version",
        "apikey" => "key",
        "authorization" => "who",
        "keyval" => "lookup",
        "quota" => "rate",
        "kubernetes" => "pods",
        other => other,
    }
}
