use std::fs;
use std::path::PathBuf;
use std::process::ExitCode;

use adapter_host::Template;
use anyhow::{Context, Result, ensure};
use clap::Args;

use super::lang::{Language, NewProject};
use super::project::{check_name, template};
use super::scaffold;

/// Makes the project of a new adapter.
#[derive(Debug, Args)]
pub(crate) struct New {
    /// The adapter's name, such as `rate-log`.
    name: String,

    /// The templates it serves, such as `metric,authorization`.
    #[arg(long, short, value_delimiter = ',', required = true, value_parser = template)]
    template: Vec<Template>,

    /// What it is written in.
    #[arg(long, short, default_value = "rust")]
    lang: Language,

    /// The folder to make; `NAME` by default. It must not be there, or be empty.
    #[arg(long, short)]
    dir: Option<PathBuf>,
}

impl New {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        check_name(&self.name)?;
        let folder = self.dir.clone().unwrap_or_else(|| PathBuf::from(&self.name));
        let is_free = match folder.read_dir() {
            Ok(mut entries) => entries.next().is_none(),
            Err(_) => !folder.exists(),
        };
        ensure!(is_free, "{} is there already; name another folder by --dir", folder.display());
        let chosen = |template: &Template| self.template.contains(template);
        let templates = Template::ALL.into_iter().filter(chosen).collect();
        let new = NewProject { name: self.name.clone(), templates };
        for file in scaffold::files(&new, self.lang)? {
            let path = folder.join(&file.path);
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)
                    .with_context(|| format!("make the folder {}", parent.display()))?;
            }
            fs::write(&path, file.text).with_context(|| format!("write {}", path.display()))?;
        }
        let shown = folder.display();
        println!(
            "Made {shown}. Next:\n\n  cd {shown}\n  meshctl adapter build\n  meshctl adapter test"
        );
        Ok(ExitCode::SUCCESS)
    }
}
