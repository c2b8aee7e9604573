//! Istio 1.4's own configuration and tasks, compiled with the adapters as Mixer does it.

use std::path::{Path, PathBuf};

use mixer::{DEFAULT_ROOT_NAMESPACE, validate};

/// Tasks whose adapters and templates are available.
const AVAILABLE: &[&str] = &[
    "blacklist",
    "deny-label",
    "ip-whitelist",
    "new-log",
    "new-metric",
    "tcp-metrics",
    "whitelist",
];

/// The default configuration, as far as its adapters and templates are available.
const DEFAULT: &[&str] = &["accesslog", "attributes", "http-metrics", "prometheus", "tcp-metrics"];

/// The problems of the default configuration with one task more.
async fn problems(task: Option<&str>) -> Vec<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let adapters =
        std::env::var_os("MIXMESH_ADAPTERS").map_or(root.join("target/adapters"), PathBuf::from);
    assert!(adapters.join("denier.wasm").exists(), "no denier.wasm: run cargo xtask adapters");
    let file = |folder: &str, name: &str| {
        root.join("examples/istio-1.4").join(folder).join(name).with_extension("yaml")
    };
    let mut files: Vec<_> = DEFAULT.iter().map(|name| file("config", name)).collect();
    files.extend(task.map(|name| file("tasks", name)));
    let problems = validate(&files, Some(adapters), DEFAULT_ROOT_NAMESPACE).await.unwrap();
    problems.iter().map(ToString::to_string).collect()
}

#[tokio::test]
async fn the_default_configuration_of_istio_compiles() {
    assert_eq!(problems(None).await, [""; 0]);
}

#[tokio::test]
async fn the_tasks_of_istio_compile_on_top_of_it() {
    for task in AVAILABLE {
        assert_eq!(problems(Some(task)).await, [""; 0], "{task}");
    }
}
