use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The Envoy that the demo and the tests run.
pub const ENVOY_VERSION: &str = "1.40.0";

/// Where this checkout keeps what set-up installed and what a build made.
///
/// Set-up always writes below `target/` of the checkout. What cargo builds is wherever this program was
/// built, in the same profile.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    cargo_target: PathBuf,
    profile: PathBuf,
}

impl Layout {
    /// The layout of the checkout that this program was compiled from.
    pub fn of_checkout() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = root.parent().unwrap_or(root).to_owned();
        let program = std::env::current_exe().unwrap_or_default();
        // Cargo marks its folder with this file.
        let tagged = program.ancestors().find(|folder| folder.join("CACHEDIR.TAG").exists());
        let cargo_target = tagged.map_or_else(|| root.join("target"), Path::to_owned);
        let profile = program.strip_prefix(&cargo_target).ok().and_then(|rest| rest.iter().next());
        let profile = cargo_target.join(profile.unwrap_or(OsStr::new("debug")));
        Self { root, cargo_target, profile }
    }

    /// The root of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The configuration that the demo starts with.
    pub fn demo_config(&self) -> PathBuf {
        self.root.join("examples/demo/config")
    }

    /// `target/` of the checkout.
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where cargo puts what it builds.
    pub fn cargo_target(&self) -> &Path {
        &self.cargo_target
    }

    /// A program of ours, in the build that the demo and the tests use.
    ///
    /// # Errors
    /// When it is not built.
    pub fn binary(&self, name: &str) -> Result<PathBuf> {
        self.built(name)
    }

    /// Our Envoy module, in the same build.
    ///
    /// # Errors
    /// When it is not built.
    pub fn filter_library(&self) -> Result<PathBuf> {
        self.built("libsidecar_filter.so")
    }

    fn built(&self, file: &str) -> Result<PathBuf> {
        let path = self.profile.join(file);
        ensure!(path.exists(), "{} is not built; `cargo xtask test` does", path.display());
        Ok(path)
    }

    /// The adapters, as components. Those that misbehave on purpose are in its folder `testing`.
    pub fn adapters(&self) -> PathBuf {
        self.target().join("adapters")
    }

    /// Stamps, logs and links of finished set-up steps.
    pub fn setup(&self) -> PathBuf {
        self.target().join("setup")
    }

    /// Envoy itself: a link into the virtual environment, so that no Python starts with it.
    pub fn envoy(&self) -> PathBuf {
        self.setup().join("envoy")
    }

    /// Chromium as set-up found or unpacked it.
    pub fn chromium(&self) -> PathBuf {
        self.setup().join("chromium")
    }

    /// etcd as set-up found or unpacked it.
    pub fn etcd(&self) -> PathBuf {
        self.setup().join("etcd")
    }

    /// The Kubernetes API server as set-up built it.
    pub fn kube_apiserver(&self) -> PathBuf {
        self.setup().join("kube-apiserver")
    }

    /// Where Mixers of tests keep compiled adapters, and `meshctl` does when `XDG_CACHE_HOME` is
    /// [`Layout::caches`].
    pub fn compiled(&self) -> PathBuf {
        self.caches().join("mixmesh/adapters")
    }

    /// The folder for caches of programs of ours.
    pub fn caches(&self) -> PathBuf {
        self.setup().join("cache")
    }

    /// The folder with clang for WebAssembly: programs in `bin`, wasi-libc in `sysroot`.
    pub fn clang_wasm(&self) -> PathBuf {
        self.target().join("clang-wasm")
    }

    /// The folder whose `node_modules` has componentize-js. Projects below it find it.
    pub fn componentize_js(&self) -> PathBuf {
        self.target().join("componentize-js")
    }

    /// The folder whose `.venv` has componentize-py. Projects below it find it.
    pub fn componentize_py(&self) -> PathBuf {
        self.target().join("componentize-py")
    }

    /// The registry of OCI artefacts as set-up built it.
    pub fn registry(&self) -> PathBuf {
        self.setup().join("registry")
    }

    /// The OpenTelemetry Collector as set-up built it.
    pub fn otel_collector(&self) -> PathBuf {
        self.setup().join("otel-collector")
    }

    /// Prometheus as set-up found or unpacked it.
    pub fn prometheus(&self) -> PathBuf {
        self.setup().join("prometheus")
    }

    /// Redis as set-up found or unpacked it.
    pub fn redis(&self) -> PathBuf {
        self.setup().join("redis-server")
    }

    /// The folder in which npm has installed a package.
    pub fn npm(&self, package: &str) -> PathBuf {
        self.target().join("npm").join(package.trim_start_matches('@').replace('/', "-"))
    }

    /// That package in it.
    pub fn npm_package(&self, package: &str) -> PathBuf {
        self.npm(package).join("node_modules").join(package)
    }

    /// Zipkin's server.
    pub fn zipkin_jar(&self) -> PathBuf {
        self.setup().join("zipkin-server.jar")
    }
}
