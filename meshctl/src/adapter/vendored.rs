//! The SDK and the interfaces as they were when `meshctl` was built. A project gets a copy of its own.

use std::path::Path;
use std::{fs, io};

use super::lang::{NewProject, ProjectFile};

include!(concat!(env!("OUT_DIR"), "/vendored.rs"));

/// The SDK in the folder `sdk`, with the interfaces it is made from.
pub(crate) fn sdk() -> Vec<ProjectFile> {
    let sources = SDK.iter().map(|(path, text)| ProjectFile::new(format!("sdk/{path}"), *text));
    let wit = WIT.iter().map(|(path, text)| ProjectFile::new(format!("sdk/wit/{path}"), *text));
    sources.chain(wit).collect()
}

/// The folder `wit` for tool chains that generate code from it: the world `adapter` of the project's own
/// package, and the interfaces below `deps`.
pub(crate) fn wit(new: &NewProject) -> Vec<ProjectFile> {
    let mut files = vec![ProjectFile::new("wit/world.wit", world(new))];
    files.extend(wit_deps());
    files
}

/// Writes the interfaces into the folder `wit/deps` of a project that has none, as one has that was not made
/// by `meshctl adapter new`.
///
/// # Errors
/// When they cannot be written.
pub(crate) fn complete(folder: &Path) -> io::Result<()> {
    if folder.join("wit/deps").exists() {
        return Ok(());
    }
    for file in wit_deps() {
        let path = folder.join(file.path);
        path.parent().map_or(Ok(()), fs::create_dir_all)?;
        fs::write(path, file.text)?;
    }
    Ok(())
}

fn wit_deps() -> impl Iterator<Item = ProjectFile> {
    WIT.iter().map(|(path, text)| {
        let path = match path.strip_prefix("deps/") {
            Some(host) => format!("wit/deps/{host}"),
            None => format!("wit/deps/adapter/{path}"),
        };
        ProjectFile::new(path, *text)
    })
}

fn world(new: &NewProject) -> String {
    let imports: String = new
        .imports()
        .iter()
        .map(|interface| format!("  import mixmesh:host/{interface}@0.1.0;\n"))
        .collect();
    let exports: String = new
        .templates
        .iter()
        .map(|template| format!("  export mixmesh:adapter/{template}@0.1.0;\n"))
        .collect();
    format!(
        "package local:{};\n\n\
         /// What the adapter offers, and what it asks the host for: `log`, `clock`, `metrics`, `workloads`,\n\
         /// `counters`, `lists` and `outbound` can be imported.\n\
         world adapter {{\n{imports}  export mixmesh:adapter/lifecycle@0.1.0;\n{exports}}}\n",
        new.name
    )
}
