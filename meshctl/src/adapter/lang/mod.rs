//! The languages that adapters are written in.
//!
//! All that differs between them is behind [`Language`]: the files of a new project, how it is compiled,
//! and which tools that takes. What a new adapter does, its cases, its example and its README are the same
//! in all languages, so that a reader of one can read the others.

mod c;
mod js;
mod python;
mod rust;
mod tool;

use std::path::{Path, PathBuf};

use adapter_host::{Template, Variety};
use anyhow::Result;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A language that adapters are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Language {
    /// With the SDK, which comes with the project.
    Rust,
    /// With componentize-js.
    Js,
    /// With componentize-py.
    Python,
    /// With clang and wasi-libc.
    C,
}

/// What a new project is made from.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NewProject {
    /// Of letters of ASCII, digits and `-`, beginning with a letter, such as `rate-log`.
    pub(crate) name: String,
    /// At least one, in the order of [`Template::ALL`].
    pub(crate) templates: Vec<Template>,
}

/// A file of a new project.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ProjectFile {
    /// In the project's folder.
    pub(crate) path: PathBuf,
    /// What is in it.
    pub(crate) text: String,
}

/// A tool that a language needs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Tool {
    /// What it is, such as `cargo`.
    pub(crate) name: &'static str,
    /// Its version or place; `None` when it is missing.
    pub(crate) found: Option<String>,
    /// How to get it: a command where there is one.
    pub(crate) remedy: &'static str,
}

impl Language {
    /// All of them, in the order in which they are shown.
    pub(crate) fn all() -> &'static [Self] {
        Self::value_variants()
    }

    /// The name on the command line and in `adapter.yaml`.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// The files of a new project that are this language's own.
    ///
    /// # Errors
    /// When the templates are not served in this language.
    pub(crate) fn files(self, new: &NewProject) -> Result<Vec<ProjectFile>> {
        match self {
            Self::Rust => rust::files(new),
            Self::Js => js::files(new),
            Self::Python => python::files(new),
            Self::C => c::files(new),
        }
    }

    /// Compiles the project `name` in `folder` and returns the component. What the tools print goes to
    /// standard error.
    ///
    /// # Errors
    /// When a tool is missing (the text says how to get it) or the project does not compile.
    pub(crate) fn build(self, name: &str, folder: &Path) -> Result<Vec<u8>> {
        match self {
            Self::Rust => rust::build(name, folder),
            Self::Js => js::build(name, folder),
            Self::Python => python::build(name, folder),
            Self::C => c::build(name, folder),
        }
    }

    /// What [`Self::build`] needs, and what of it is there. Runs the tools for their versions.
    pub(crate) fn tools(self) -> Vec<Tool> {
        match self {
            Self::Rust => rust::tools(),
            Self::Js => js::tools(),
            Self::Python => python::tools(),
            Self::C => c::tools(),
        }
    }
}

impl NewProject {
    /// Whether it serves a template for reports.
    pub(crate) fn reports(&self) -> bool {
        self.templates.iter().any(|template| template.variety() == Variety::Report)
    }

    /// The interfaces of `mixmesh:host` that it asks for, sorted.
    pub(crate) fn imports(&self) -> Vec<&'static str> {
        let mut imports = Vec::new();
        if self.templates.contains(&Template::Quota) {
            imports.push("counters");
        }
        if self.reports() {
            imports.push("metrics");
        }
        imports
    }

    /// The name with `_` for `-`, for languages that have no `-` in names and for metrics.
    pub(crate) fn snake_name(&self) -> String {
        self.name.replace('-', "_")
    }

    /// The name in `UpperCamelCase`.
    pub(crate) fn camel_name(&self) -> String {
        let capital = |word: &str| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        };
        self.name.split('-').map(capital).collect()
    }
}

impl ProjectFile {
    pub(crate) fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_language_makes_a_project_of_each_template_and_of_all() {
        let all = Template::ALL.to_vec();
        let alone = Template::ALL.map(|template| vec![template]);
        for templates in alone.into_iter().chain([all]) {
            let new = NewProject { name: "rate-log".to_owned(), templates };
            for language in Language::all() {
                for file in language.files(&new).unwrap() {
                    let is_whole = !file.text.contains("{%") && !file.text.contains("{{ ");
                    assert!(is_whole, "{}: {}", language.name(), file.path.display());
                }
            }
        }
    }
}
