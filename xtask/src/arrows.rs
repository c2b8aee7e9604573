//! Who may depend on whom. Arrows point down only; this is the table, held against the manifests of both
//! workspaces.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::command::clean;

/// What the crates of one folder may depend on, folders of ours and, with all that these need, packages
/// of others.
struct Row {
    /// The folder of a crate, or with `/*` all folders below it that have no row of their own.
    folder: &'static str,
    /// Folders, with `/*` for all below.
    may_use: &'static [&'static str],
    /// Packages that it must not link, however far away.
    never: &'static [&'static str],
}

const ANYTHING: &[&str] = &["*"];
const FOUNDATIONS: &[&str] = &["mesh/attributes", "mesh/cache-key", "mesh/api"];
const PURE: &[&str] = &["tokio", "tonic", "wasmtime", "moka"];

const TABLE: &[Row] = &[
    Row { folder: "mesh/attributes", may_use: &[], never: PURE },
    Row { folder: "mesh/cache-key", may_use: &["mesh/attributes"], never: PURE },
    Row { folder: "mesh/api", may_use: &[], never: &[] },
    Row { folder: "mesh/config", may_use: FOUNDATIONS, never: &[] },
    Row { folder: "mesh/runtime", may_use: FOUNDATIONS, never: &[] },
    Row { folder: "mesh/identity", may_use: FOUNDATIONS, never: &[] },
    Row { folder: "mixer/expr", may_use: &["mesh/attributes"], never: PURE },
    Row {
        folder: "mixer/adapter-host",
        may_use: &["mesh/*", "mixer/expr", "mixer/quota"],
        never: &[],
    },
    Row { folder: "mixer/quota", may_use: &["mesh/*"], never: &["wasmtime"] },
    Row { folder: "mixer/remote-adapter", may_use: &["mesh/*", "mixer/adapter-host"], never: &[] },
    Row { folder: "mixer/workloads", may_use: &["mesh/*", "mixer/adapter-host"], never: &[] },
    Row { folder: "mixer", may_use: &["mesh/*", "mixer/*"], never: &[] },
    Row { folder: "sidecar-filter", may_use: FOUNDATIONS, never: &["wasmtime", "moka"] },
    Row { folder: "adapters/sdk", may_use: &[], never: &[] },
    Row { folder: "adapters/sdk/*", may_use: &["adapters/sdk/*"], never: &[] },
    Row { folder: "adapters/*", may_use: &["adapters/sdk"], never: &[] },
    Row { folder: "pilot", may_use: &["mesh/*"], never: &[] },
    Row { folder: "citadel", may_use: &["mesh/*"], never: &[] },
    Row { folder: "galley", may_use: &["mesh/*"], never: &[] },
    Row { folder: "agent", may_use: &["mesh/*"], never: &[] },
    Row { folder: "examples/*", may_use: &[], never: &[] },
    Row { folder: "meshctl", may_use: ANYTHING, never: &[] },
    Row { folder: "xtask", may_use: ANYTHING, never: &[] },
    Row { folder: "tests", may_use: ANYTHING, never: &[] },
    Row { folder: "benches", may_use: ANYTHING, never: &[] },
];

/// The workspaces of this repository.
pub(crate) const WORKSPACES: [&str; 2] = [".", "adapters"];

/// Holds the manifests below `root` against the table.
///
/// # Errors
/// When cargo cannot read them or an arrow is forbidden; the text lists all that are.
pub(crate) fn check(root: &Path) -> Result<()> {
    let mut refused = Vec::new();
    for workspace in WORKSPACES {
        refused.extend(forbidden_arrows(root, &metadata(&root.join(workspace))?)?);
    }
    ensure!(refused.is_empty(), "forbidden arrows:\n  {}", refused.join("\n  "));
    Ok(())
}

fn metadata(workspace: &Path) -> Result<Value> {
    let manifest = workspace.join("Cargo.toml");
    let output = clean("cargo")
        .args(["metadata", "--format-version", "1", "--manifest-path"])
        .arg(&manifest)
        .output()
        .context("start cargo metadata")?;
    let error = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "cargo metadata of {} failed:\n{error}", manifest.display());
    serde_json::from_slice(&output.stdout).context("read cargo metadata")
}

fn forbidden_arrows(root: &Path, metadata: &Value) -> Result<Vec<String>> {
    let root = root.canonicalize()?;
    let packages = metadata["packages"].as_array().context("cargo metadata has no packages")?;
    let graph = linked_by(metadata)?;
    let names: BTreeMap<&str, &str> =
        packages.iter().filter_map(|p| Some((p["id"].as_str()?, p["name"].as_str()?))).collect();
    let mut refused = Vec::new();
    for package in packages {
        let Some(folder) = folder_of(&root, package) else { continue };
        let Some(row) = row_of(&folder) else {
            refused.push(format!("{folder} has no row in the table"));
            continue;
        };
        for dependency in package["dependencies"].as_array().into_iter().flatten() {
            let Some(path) = dependency["path"].as_str() else { continue };
            let used = relative(&root, Path::new(path));
            if used != folder && !row.may_use.iter().any(|pattern| covers(pattern, &used)) {
                refused.push(format!("{folder} → {used}"));
            }
        }
        let id = package["id"].as_str().context("a package has no id")?;
        for linked in everything_below(&graph, id) {
            if let Some(name) = names.get(linked).filter(|name| row.never.contains(name)) {
                refused.push(format!("{folder} → {name}, directly or through another"));
            }
        }
    }
    Ok(refused)
}

/// For each package those that it links: normal dependencies, with the features in use.
fn linked_by(metadata: &Value) -> Result<BTreeMap<&str, Vec<&str>>> {
    let nodes = metadata["resolve"]["nodes"].as_array().context("cargo metadata has no graph")?;
    let is_normal = |dependency: &&Value| {
        let kinds = dependency["dep_kinds"].as_array();
        kinds.is_some_and(|kinds| kinds.iter().any(|kind| kind["kind"].is_null()))
    };
    let edges = nodes.iter().filter_map(|node| {
        let below = node["deps"].as_array()?.iter().filter(is_normal);
        Some((
            node["id"].as_str()?,
            below.filter_map(|dependency| dependency["pkg"].as_str()).collect(),
        ))
    });
    Ok(edges.collect())
}

fn everything_below<'g>(graph: &BTreeMap<&'g str, Vec<&'g str>>, top: &str) -> BTreeSet<&'g str> {
    let mut found = BTreeSet::new();
    let mut open: Vec<&str> = graph.get(top).cloned().unwrap_or_default();
    while let Some(next) = open.pop() {
        if let Some((id, below)) = graph.get_key_value(next)
            && found.insert(*id)
        {
            open.extend(below);
        }
    }
    found
}

/// The folder of a package of ours.
fn folder_of(root: &Path, package: &Value) -> Option<String> {
    let is_ours = package["source"].is_null();
    let manifest = Path::new(package["manifest_path"].as_str()?);
    is_ours.then(|| relative(root, manifest.parent().unwrap_or(manifest)))
}

fn relative(root: &Path, path: &Path) -> String {
    path.strip_prefix(root).unwrap_or(path).to_string_lossy().into_owned()
}

fn row_of(folder: &str) -> Option<&'static Row> {
    let exact = TABLE.iter().find(|row| row.folder == folder);
    // The longest pattern is the nearest.
    let nearest = || {
        let matching = TABLE.iter().filter(|row| covers(row.folder, folder));
        matching.max_by_key(|row| row.folder.len())
    };
    exact.or_else(nearest)
}

fn covers(pattern: &str, folder: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(prefix) => folder.starts_with(prefix),
        None => pattern == folder,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::process::Command;

    use tempfile::TempDir;
    use testbed::Layout;

    use super::*;

    /// The manifests of this repository with empty sources.
    fn copy_of_manifests() -> TempDir {
        let layout = Layout::of_checkout();
        let copy = tempfile::tempdir().unwrap();
        let list = Command::new("git")
            .args(["ls-files", "--cached", "--others", "--exclude-standard"])
            .args(["*Cargo.toml", "*Cargo.lock", "*.rs"])
            .current_dir(layout.root())
            .output()
            .unwrap();
        assert!(list.status.success(), "this test needs the checkout of a git repository");
        for file in String::from_utf8(list.stdout).unwrap().lines() {
            let (from, to) = (layout.root().join(file), copy.path().join(file));
            if !from.exists() {
                continue;
            }
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            if file.ends_with(".rs") {
                fs::write(to, "").unwrap();
            } else {
                fs::copy(from, to).unwrap();
            }
        }
        copy
    }

    fn plant(root: &Path, manifest: &str, dependency: &str) {
        let path = root.join(manifest);
        let text = fs::read_to_string(&path).unwrap();
        let planted =
            text.replacen("[dependencies]\n", &format!("[dependencies]\n{dependency}\n"), 1);
        assert_ne!(text, planted, "{manifest} has dependencies");
        fs::write(path, planted).unwrap();
    }

    #[test]
    fn every_arrow_of_both_workspaces_points_down() {
        check(Layout::of_checkout().root()).unwrap();
    }

    #[test]
    fn an_arrow_up_is_refused_in_either_workspace() {
        for (manifest, dependency, arrow) in [
            (
                "mesh/config/Cargo.toml",
                "mixer-expr = { path = \"../../mixer/expr\" }",
                "mesh/config → mixer/expr",
            ),
            (
                "adapters/denier/Cargo.toml",
                "mesh-attributes = { path = \"../../mesh/attributes\" }",
                "adapters/denier → mesh/attributes",
            ),
            (
                "adapters/denier/Cargo.toml",
                "list = { path = \"../list\" }",
                "adapters/denier → adapters/list",
            ),
        ] {
            let copy = copy_of_manifests();
            plant(copy.path(), manifest, dependency);
            let refusal = check(copy.path()).unwrap_err().to_string();
            assert!(refusal.contains(arrow), "{refusal}");
        }
    }

    #[test]
    fn a_heavy_package_is_refused_where_it_must_not_be_linked() {
        for (manifest, dependency, arrow) in [
            ("mesh/attributes/Cargo.toml", "tokio.workspace = true", "mesh/cache-key → tokio"),
            ("sidecar-filter/Cargo.toml", "moka.workspace = true", "sidecar-filter → moka"),
        ] {
            let copy = copy_of_manifests();
            plant(copy.path(), manifest, dependency);
            let refusal = check(copy.path()).unwrap_err().to_string();
            assert!(refusal.contains(arrow), "{refusal}");
        }
    }

    #[test]
    fn a_folder_without_a_row_is_refused() {
        assert!(row_of("mesh/everything").is_none());
        assert_eq!(row_of("adapters/denier").unwrap().folder, "adapters/*");
        assert_eq!(row_of("adapters/testing/looping").unwrap().folder, "adapters/*");
        assert_eq!(row_of("adapters/sdk/macros").unwrap().folder, "adapters/sdk/*");
    }
}
