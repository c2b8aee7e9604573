use std::path::{Path, PathBuf};

/// The Envoy that the demo and the tests run.
pub const ENVOY_VERSION: &str = "1.40.0";

/// Where this checkout keeps what set-up installed and what a build made.
///
/// Set-up always writes below `target/` of the checkout. What cargo builds is where cargo says, which
/// `CARGO_TARGET_DIR` may move.
#[derive(Debug, Clone)]
pub struct Layout {
    root: PathBuf,
    cargo_target: PathBuf,
}

impl Layout {
    /// The layout of the checkout that this program was compiled from.
    pub fn of_checkout() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = root.parent().unwrap_or(root).to_owned();
        let cargo_target = std::env::var_os("CARGO_TARGET_DIR")
            .map_or_else(|| root.join("target"), |moved| root.join(moved));
        Self { root, cargo_target }
    }

    /// The root of the checkout.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// `target/` of the checkout.
    pub fn target(&self) -> PathBuf {
        self.root.join("target")
    }

    /// Where cargo puts what it builds.
    pub fn cargo_target(&self) -> &Path {
        &self.cargo_target
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

    /// Prometheus as set-up found or unpacked it.
    pub fn prometheus(&self) -> PathBuf {
        self.setup().join("prometheus")
    }

    /// Zipkin's server.
    pub fn zipkin_jar(&self) -> PathBuf {
        self.setup().join("zipkin-server.jar")
    }
}
