use std::collections::hash_map::DefaultHasher;
use std::fs::{self, File};
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};

use crate::{Layout, Part};

/// An adapter of `examples/adapters`, one in each language.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExampleAdapter {
    /// `tenants`.
    Rust,
    /// `business-hours`.
    Js,
    /// `redactor`.
    Python,
    /// `rollout`.
    C,
}

impl ExampleAdapter {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Rust, Self::Js, Self::Python, Self::C];

    /// The name of its folder, which is that of the language.
    pub fn language(self) -> &'static str {
        match self {
            Self::Rust => "rust",
            Self::Js => "js",
            Self::Python => "python",
            Self::C => "c",
        }
    }

    /// What compiles it, besides what compiles everything.
    pub fn part(self) -> Option<Part> {
        match self {
            Self::Rust => None,
            Self::Js => Some(Part::ComponentizeJs),
            Self::Python => Some(Part::ComponentizePy),
            Self::C => Some(Part::ClangWasm),
        }
    }

    /// Its folder.
    pub fn source(self, layout: &Layout) -> PathBuf {
        layout.root().join("examples/adapters").join(self.language())
    }

    /// Its component, compiled by `meshctl adapter build` unless one of the same sources is there. Takes up to
    /// half a minute, on a loaded machine more.
    ///
    /// # Errors
    /// When it does not compile.
    pub fn build(self, layout: &Layout) -> Result<PathBuf> {
        build(layout, &self.source(layout), self)
    }
}

/// Runs `meshctl adapter test` on a component.
///
/// # Errors
/// When a case does not come out as its file says; the text has what came instead.
pub fn test_adapter(layout: &Layout, component: &Path, cases: &Path) -> Result<()> {
    let output = Command::new(layout.binary("meshctl")?)
        .args(["adapter", "test"])
        .arg(component)
        .arg("--cases")
        .arg(cases)
        .env("XDG_CACHE_HOME", layout.caches())
        .output()?;
    ensure!(
        output.status.success(),
        "{}:\n{}{}",
        cases.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Compiles a project in the language of `like`, whose tools it finds as that example does, and returns the
/// component. The project is copied below the tools first.
///
/// # Errors
/// When it does not compile.
pub fn build(layout: &Layout, project: &Path, like: ExampleAdapter) -> Result<PathBuf> {
    let key = key(layout, project)?;
    let components = layout.setup().join("example-adapters");
    fs::create_dir_all(&components)?;
    let component = components.join(format!("{key:016x}.wasm"));
    // Tests of several programs may want the same one.
    let lock = File::create(component.with_extension("lock"))?;
    lock.lock()?;
    if component.exists() {
        return Ok(component);
    }
    let mut meshctl = Command::new(layout.binary("meshctl")?);
    let copy = match like {
        // Its path to the SDK leads out of its folder.
        ExampleAdapter::Rust => {
            meshctl.env("CARGO_TARGET_DIR", layout.target().join("guests/examples"));
            project.to_owned()
        }
        ExampleAdapter::Js => copied(project, &layout.componentize_js(), key)?,
        ExampleAdapter::Python => copied(project, &layout.componentize_py(), key)?,
        ExampleAdapter::C => {
            let clang = layout.clang_wasm();
            let path = std::env::var_os("PATH").unwrap_or_default();
            let folders = std::iter::once(clang.join("bin")).chain(std::env::split_paths(&path));
            meshctl.env("PATH", std::env::join_paths(folders)?);
            meshctl.env("WASI_SYSROOT", clang.join("sysroot"));
            copied(project, &clang, key)?
        }
    };
    let output = meshctl.args(["adapter", "build"]).arg(&copy).output()?;
    ensure!(
        output.status.success(),
        "{} does not compile:\n{}",
        project.display(),
        String::from_utf8_lossy(&output.stderr)
    );
    let built = fs::read_dir(&copy)?.flatten().map(|entry| entry.path());
    let built = built.into_iter().find(|path| path.extension().is_some_and(|end| end == "wasm"));
    let built = built.with_context(|| format!("no component in {}", copy.display()))?;
    fs::rename(&built, &component)?;
    Ok(component)
}

/// What the component depends on: its sources, the interfaces, and how its language is compiled.
fn key(layout: &Layout, project: &Path) -> Result<u64> {
    let mut hasher = DefaultHasher::new();
    for folder in [project, &layout.root().join("wit"), &layout.root().join("meshctl/src/adapter")]
    {
        for file in files(folder)? {
            file.strip_prefix(folder)?.hash(&mut hasher);
            fs::read(&file)?.hash(&mut hasher);
        }
    }
    if project.join("Cargo.toml").exists() {
        for file in files(&layout.root().join("adapters/sdk"))? {
            fs::read(&file)?.hash(&mut hasher);
        }
    }
    Ok(hasher.finish())
}

fn copied(project: &Path, tools: &Path, key: u64) -> Result<PathBuf> {
    let folder = tools.join("projects").join(format!("{key:016x}"));
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    for file in files(project)? {
        let to = folder.join(file.strip_prefix(project)?);
        fs::create_dir_all(to.parent().context("a file is in a folder")?)?;
        fs::copy(&file, to)?;
    }
    Ok(folder)
}

/// The files below `folder`, sorted, without what tools and builds leave there.
fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    const LEFT_BEHIND: [&str; 6] =
        ["node_modules", ".venv", "__pycache__", "generated", "target", "package-lock.json"];
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("list {}", folder.display()))? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if LEFT_BEHIND.contains(&name.as_str()) || name.ends_with(".wasm") {
            continue;
        }
        if path.is_dir() {
            found.extend(files(&path)?);
        } else {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}
