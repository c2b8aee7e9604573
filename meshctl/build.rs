//! Packs the SDK and the interfaces into `meshctl`: who writes an adapter need not have this repository.

use std::error::Error;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() -> Result<(), Box<dyn Error>> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("..");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    let (wit, adapters) = (root.join("wit"), root.join("adapters"));
    let sdk = adapters.join("sdk");
    for watched in [&wit, &sdk, &adapters.join("Cargo.toml")] {
        println!("cargo::rerun-if-changed={}", watched.display());
    }

    let manifest = alone(
        &fs::read_to_string(sdk.join("Cargo.toml"))?,
        &fs::read_to_string(adapters.join("Cargo.toml"))?,
    )?;
    // The interfaces lie beside the sources in a project, two folders up here.
    let bindings =
        fs::read_to_string(sdk.join("src/bindings.rs"))?.replace("\"../../wit\"", "\"wit\"");
    fs::write(out.join("sdk.toml"), manifest)?;
    fs::write(out.join("bindings.rs"), bindings)?;

    let mut packed = String::new();
    let own = |name: &str| Some(out.join(name));
    pack(&mut packed, "SDK", "The SDK's files, by path.", &sdk, |path| match path {
        "Cargo.toml" => own("sdk.toml"),
        "src/bindings.rs" => own("bindings.rs"),
        _ => None,
    })?;
    pack(&mut packed, "WIT", "The interfaces' files, by path.", &wit, |_| None)?;
    fs::write(out.join("vendored.rs"), packed)?;
    Ok(())
}

/// A constant with all files below `folder`; `instead` names another place for some.
fn pack(
    packed: &mut String,
    name: &str,
    doc: &str,
    folder: &Path,
    instead: impl Fn(&str) -> Option<PathBuf>,
) -> Result<(), Box<dyn Error>> {
    let mut files = Vec::new();
    list(folder, &mut files)?;
    files.sort();
    writeln!(packed, "/// {doc}\npub(crate) const {name}: &[(&str, &str)] = &[")?;
    for file in files {
        let path = file.strip_prefix(folder)?.to_str().ok_or("a path is no UTF-8")?.to_owned();
        let place = fs::canonicalize(instead(&path).unwrap_or(file))?;
        writeln!(packed, "    ({path:?}, include_str!({place:?})),")?;
    }
    writeln!(packed, "];")?;
    Ok(())
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            list(&path, files)?;
        } else {
            files.push(path);
        }
    }
    Ok(())
}

/// The manifest of a member without its workspace: what it inherits is written out, and the lints, which
/// are for this repository, are left out.
fn alone(member: &str, workspace: &str) -> Result<String, Box<dyn Error>> {
    let inherited = |section: &str, key: &str| {
        let lines = workspace.lines().skip_while(|line| *line != section).skip(1);
        let found = lines
            .take_while(|line| !line.starts_with('['))
            .find(|line| line.split('=').next().is_some_and(|name| name.trim() == key));
        found.map(str::to_owned).ok_or_else(|| format!("{section} has no {key}"))
    };
    let mut written = String::new();
    let mut section = "";
    for line in member.lines() {
        if line.starts_with('[') {
            section = line;
        }
        if section == "[lints]" {
            continue;
        }
        let line = match (section, line.strip_suffix(".workspace = true")) {
            ("[package]", Some(key)) => inherited("[workspace.package]", key)?,
            (_, Some(key)) => inherited("[workspace.dependencies]", key)?,
            _ => line.to_owned(),
        };
        writeln!(written, "{line}")?;
    }
    Ok(written)
}
