use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;

use super::project::Project;

/// Compiles an adapter's project to a component.
#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The project's folder.
    #[arg(default_value = ".")]
    dir: PathBuf,
}

impl Build {
    pub(crate) fn run(&self) -> Result<ExitCode> {
        let path = build(&Project::open(&self.dir)?)?;
        let bytes = fs::metadata(&path).map_or(0, |metadata| metadata.len());
        println!("{} ({bytes} bytes)", path.display());
        Ok(ExitCode::SUCCESS)
    }
}

/// Compiles a project and leaves its component in its folder.
///
/// # Errors
/// When it does not compile, a tool is missing, or the component cannot be written.
pub(crate) fn build(project: &Project) -> Result<PathBuf> {
    let component = project.language.build(&project.name, &project.folder)?;
    let path = project.component();
    write_whole(&path, &component).with_context(|| format!("write {}", path.display()))?;
    Ok(path)
}

/// By a rename: a Mixer may be watching the file.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::PermissionsExt as _;

    if fs::read(path).is_ok_and(|present| present == bytes) {
        return Ok(());
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    // Whoever runs Mixer may be another user than whoever built it.
    let readable = fs::Permissions::from_mode(0o644);
    let mut fresh = tempfile::Builder::new()
        .permissions(readable)
        .tempfile_in(folder.unwrap_or_else(|| Path::new(".")))?;
    fresh.write_all(bytes)?;
    fresh.persist(path)?;
    Ok(())
}
