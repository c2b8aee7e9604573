use std::fs;
use std::path::{Path, PathBuf};
use std::thread;

use anyhow::{Context, Result};

use crate::{Layout, Mesh, MeshOptions, Mixer, write_at_once};

/// A mesh for one test. Its files are kept until the same test runs again.
#[derive(Debug)]
pub struct TestMesh {
    options: MeshOptions,
}

impl TestMesh {
    /// A mesh with the attributes of the demo and no rules, named for the running test.
    ///
    /// # Errors
    /// When the file system refuses or there are no free ports.
    pub fn new() -> Result<Self> {
        let layout = Layout::of_checkout();
        let thread = thread::current();
        let name = thread.name().unwrap_or("unnamed").replace("::", "-");
        let folder = layout.cargo_target().join("tests").join(name);
        if folder.exists() {
            fs::remove_dir_all(&folder).with_context(|| format!("remove {}", folder.display()))?;
        }
        fs::create_dir_all(folder.join("config"))?;
        Self { options: MeshOptions::new(&layout, &folder)? }.with_demo_file("attributes.yaml")
    }

    /// Adds a file of the demo's configuration.
    ///
    /// # Errors
    /// When there is none of that name.
    pub fn with_demo_file(self, file: &str) -> Result<Self> {
        let path = self.options.layout().demo_config().join(file);
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        self.with_file(file, &text)
    }

    /// Adds a file of configuration.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn with_file(self, file: &str, text: &str) -> Result<Self> {
        write_at_once(&self.options.folder().join("config").join(file), text.as_bytes())?;
        Ok(self)
    }

    /// Changes what the mesh is made of.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut MeshOptions)) -> Self {
        change(&mut self.options);
        self
    }

    /// The folder of its files.
    pub fn folder(&self) -> &Path {
        self.options.folder()
    }

    /// The folder of its configuration.
    pub fn config(&self) -> PathBuf {
        self.options.folder().join("config")
    }

    /// Starts it.
    ///
    /// # Errors
    /// As [`MeshOptions::start`].
    pub fn start(self) -> Result<Mesh> {
        self.options.start()
    }

    /// Starts its Mixer alone.
    ///
    /// # Errors
    /// As [`Mixer::start`].
    pub fn start_mixer(self) -> Result<Mixer> {
        self.options.start_mixer()
    }
}
