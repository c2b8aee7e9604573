use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::folder::{list, read_text};
use crate::merge::{FileContent, Resources, merge};
use crate::{ConfigError, ConfigSet, Origin, Parsed, Problem, Revision, parse};

/// Reads all configuration files of a folder and the folders in it, once, as they are now.
pub fn read_folder(dir: &Path) -> Result<ConfigSet, ConfigError> {
    let listing = list(dir)?;
    let mut files = Files::default();
    for (name, message) in &listing.refused {
        files.refuse(name, message.clone());
    }
    for (name, file) in &listing.files {
        files.read(name, &file.path);
    }
    Ok(files.finish(Revision(listing.newest())))
}

/// Reads single files as they are now, named in problems as they are named here. Folders among
/// `paths` are read as [`read_folder`] does. What cannot be read is a problem of the set.
pub fn read_files(paths: &[PathBuf]) -> ConfigSet {
    let mut files = Files::default();
    for path in paths {
        let shown = path.display().to_string();
        if !path.is_dir() {
            files.read(&shown, path);
            continue;
        }
        match list(path) {
            Ok(listing) => {
                let inside = |name: &str| path.join(name).display().to_string();
                for (name, message) in &listing.refused {
                    files.refuse(&inside(name), message.clone());
                }
                for (name, file) in &listing.files {
                    files.read(&inside(name), &file.path);
                }
            }
            Err(error) => files.refuse(&shown, error.to_string()),
        }
    }
    files.finish(Revision::default())
}

#[derive(Default)]
struct Files {
    contents: BTreeMap<Arc<str>, FileContent>,
    problems: Vec<Problem>,
}

impl Files {
    fn read(&mut self, name: &str, path: &Path) {
        match read_text(path) {
            Ok(text) => self.insert(name, parse(name, &text)),
            Err(message) => self.refuse(name, message),
        }
    }

    fn insert(&mut self, name: &str, parsed: Parsed) {
        self.contents.insert(name.into(), FileContent { parsed, leaving: false });
    }

    fn refuse(&mut self, name: &str, message: String) {
        let origin = Origin { file: name.into(), line: 0 };
        self.problems.push(Problem { origin, object: None, message });
    }

    fn finish(self, revision: Revision) -> ConfigSet {
        let (resources, mut problems) = merge(&self.contents, &Resources::new());
        problems.extend(self.problems);
        problems.sort();
        ConfigSet { resources, problems, revision }
    }
}
