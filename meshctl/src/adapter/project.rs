use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use mesh_config::{PlainFiles, nearest_name};
use serde::Deserialize;

use super::lang::Language;

/// What says that a folder is an adapter's project.
pub(crate) const MANIFEST: &str = "adapter.yaml";
/// Where its cases are.
pub(crate) const CASES: &str = "cases.yaml";
/// Names are parts of file names, packages and metrics.
const LONGEST_NAME: usize = 40;

/// An adapter's project on disk.
#[derive(Debug, Clone)]
pub(crate) struct Project {
    pub(crate) folder: PathBuf,
    pub(crate) name: String,
    pub(crate) language: Language,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    name: String,
    language: Language,
}

impl Project {
    /// Reads `adapter.yaml` in `folder`.
    ///
    /// # Errors
    /// When there is none, or something in it is wrong; the text says where.
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        let path = folder.join(MANIFEST);
        ensure!(
            path.is_file(),
            "{} is no project of an adapter: it has no {MANIFEST}; `meshctl adapter new` makes one",
            folder.display()
        );
        let PlainFiles { documents, problems } = PlainFiles::read(&path);
        if let Some(problem) = problems.first() {
            bail!("{problem}");
        }
        let [document] = documents.as_slice() else {
            bail!("{}: one document is expected, with `name` and `language`", path.display());
        };
        let manifest: Manifest =
            serde_path_to_error::deserialize(document.value()).map_err(|error| {
                let at = document.origin_of(&error.path().to_string());
                anyhow::anyhow!("{at}: {}", error.into_inner())
            })?;
        check_name(&manifest.name).with_context(|| format!("{}: `name`", path.display()))?;
        Ok(Self { folder: folder.to_owned(), name: manifest.name, language: manifest.language })
    }

    /// Where `meshctl adapter build` leaves the component.
    pub(crate) fn component(&self) -> PathBuf {
        self.folder.join(&self.name).with_extension("wasm")
    }

    /// Where its cases are.
    pub(crate) fn cases(&self) -> PathBuf {
        self.folder.join(CASES)
    }
}

/// # Errors
/// When `name` cannot be an adapter's.
pub(crate) fn check_name(name: &str) -> Result<()> {
    let is_word = |word: &str| {
        let mut bytes = word.bytes();
        bytes.next().is_some_and(|byte| byte.is_ascii_lowercase())
            && bytes.all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    ensure!(
        name.len() <= LONGEST_NAME && name.split('-').all(is_word),
        "{name:?} cannot be the name of an adapter: words of a-z and 0-9 that begin with a letter, \
         joined by `-`, {LONGEST_NAME} characters at most"
    );
    ensure!(
        !RESERVED.contains(&name),
        "{name:?} cannot be the name of an adapter: it means something else in a language or package"
    );
    Ok(())
}

/// Names of crates that a project depends on, and words that no package may have as its name.
const RESERVED: [&str; 12] = [
    "adapter-sdk",
    "build",
    "core",
    "crate",
    "deps",
    "schemars",
    "self",
    "serde",
    "std",
    "super",
    "test",
    "wit-bindgen",
];

/// The template of this name.
///
/// # Errors
/// When there is none; the text has the nearest one.
pub(crate) fn template(name: &str) -> Result<adapter_host::Template, String> {
    let all = adapter_host::Template::ALL;
    adapter_host::Template::from_name(name).ok_or_else(|| {
        let names: Vec<&str> = all.iter().map(|template| template.name()).collect();
        match nearest_name(name, names.iter().copied()) {
            Some(nearest) => format!("there is no template {name}, did you mean {nearest}?"),
            None => format!("there is no template {name}; there are {}", names.join(", ")),
        }
    })
}
